// Answers the questions of the catalogue from samples, each as PromQL would (see `Query::promql`): a table of values by labels.

// The answer at a scrape: a map from the labels' values, joined, to `{ labels, value }`. `range` is the window of rates in
// seconds; `admits` says which series count.
function evaluate(query, history, scrape, range, admits) {
  switch (query.ask) {
    case "now":
      return aggregate(query, history, query.metric, query.by, admits, plus, (series) => at(series, history, scrape));
    case "most":
      return aggregate(query, history, query.metric, query.by, admits, Math.max, (series) => at(series, history, scrape));
    case "rate":
      return rates(query, history, query.metric, query.by, scrape, range, admits);
    case "count":
      return rates(query, history, `${query.metric}_count`, query.by, scrape, range, admits);
    case "mean":
      return divided(
        rates(query, history, `${query.metric}_sum`, query.by, scrape, range, admits),
        rates(query, history, `${query.metric}_count`, query.by, scrape, range, admits),
        false,
      );
    case "quantile":
      return quantiles(query, history, scrape, range, admits);
    case "ratio":
      return divided(
        evaluate(query.of, history, scrape, range, admits),
        evaluate(query.to, history, scrape, range, admits),
        labelsOf(query.to).length === 0 && labelsOf(query.of).length > 0,
      );
    default:
      throw new Error(`a question of an unknown kind: ${query.ask}`);
  }
}

function labelsOf(query) {
  return query.ask === "ratio" ? labelsOf(query.of) : query.by;
}

// The metrics a question is made of.
function metricsOf(query) {
  return query.ask === "ratio" ? [...metricsOf(query.of), ...metricsOf(query.to)] : [query.metric];
}

const plus = (one, other) => one + other;

function at(series, history, scrape) {
  return series.values[scrape % history.capacity];
}

function aggregate(query, history, name, by, admits, join, valueOf) {
  const answer = new Map();
  for (const series of history.of(name)) {
    const { labels } = series;
    if (query.only && !query.only.values.includes(labels.get(query.only.label))) continue;
    if (!admits(labels)) continue;
    const value = valueOf(series);
    // Not there, or too new to have a rate.
    if (Number.isNaN(value)) continue;
    const values = by.map((label) => labels.get(label) ?? "");
    const key = values.join("\u0000");
    const known = answer.get(key);
    if (known) known.value = join(known.value, value);
    else answer.set(key, { labels: values, value });
  }
  return answer;
}

function rates(query, history, name, by, scrape, range, admits) {
  const first = firstWithin(history, scrape, range);
  return aggregate(query, history, name, by, admits, plus, (series) => rate(series, history, first, scrape, range));
}

// The first scrape that is no more than `range` seconds before this one.
function firstWithin(history, scrape, range) {
  const from = history.time(scrape) - range;
  let first = scrape;
  while (first > history.oldest && history.time(first - 1) >= from) first -= 1;
  return first;
}

// What a counter grows in a second, carried on to the ends of the window as Prometheus 3 does: to the end if it is near, else by
// half the distance between samples, and never to below nothing. (Older ones look for nothing first, which differs for series that
// began at nothing within the window.)
function rate(series, history, first, scrape, range) {
  const { values } = series;
  const { capacity } = history;
  let count = 0;
  let increase = 0;
  let firstTime = 0;
  let firstValue = 0;
  let lastTime = 0;
  let lastValue = 0;
  for (let number = first; number <= scrape; number += 1) {
    const value = values[number % capacity];
    if (Number.isNaN(value)) continue;
    if (count === 0) {
      firstTime = history.time(number);
      firstValue = value;
    } else {
      // A counter that went down began again at nothing.
      increase += value < lastValue ? value : value - lastValue;
    }
    lastTime = history.time(number);
    lastValue = value;
    count += 1;
  }
  if (count < 2 || lastTime === firstTime) return NaN;
  const sampled = lastTime - firstTime;
  const between = sampled / (count - 1);
  const end = history.time(scrape);
  let before = firstTime - (end - range);
  let after = end - lastTime;
  if (before >= between * 1.1) before = between / 2;
  if (after >= between * 1.1) after = between / 2;
  if (increase > 0 && firstValue >= 0) before = Math.min(before, sampled * (firstValue / increase));
  return (increase * (sampled + before + after)) / sampled / range;
}

function divided(of, to, byOne) {
  const answer = new Map();
  const one = to.get("")?.value ?? NaN;
  for (const [key, { labels, value }] of of) {
    if (!byOne && !to.has(key)) continue;
    answer.set(key, { labels, value: value / (byOne ? one : to.get(key).value) });
  }
  return answer;
}

function quantiles(query, history, scrape, range, admits) {
  const { by } = query;
  const parts = rates(query, history, `${query.metric}_bucket`, [...by, "le"], scrape, range, admits);
  const histograms = new Map();
  for (const { labels, value } of parts.values()) {
    const bound = numberOf(labels[by.length]);
    if (bound === undefined) continue;
    const values = labels.slice(0, by.length);
    const key = values.join("\u0000");
    if (!histograms.has(key)) histograms.set(key, { labels: values, buckets: [] });
    histograms.get(key).buckets.push({ bound, count: value });
  }
  const answer = new Map();
  for (const [key, { labels, buckets }] of histograms) {
    answer.set(key, { labels, value: quantile(query.share, buckets) });
  }
  return answer;
}

// The value below which a share lies, of buckets whose counts include those of all lower ones.
function quantile(share, buckets) {
  buckets.sort((one, other) => one.bound - other.bound);
  const last = buckets.length - 1;
  if (last < 1 || buckets[last].bound !== Infinity) return NaN;
  let most = -Infinity;
  for (const bucket of buckets) {
    // Rates of one histogram may differ by rounding.
    most = Math.max(most, bucket.count);
    bucket.count = most;
  }
  if (buckets[last].count === 0) return NaN;
  let rank = share * buckets[last].count;
  let place = buckets.findIndex((bucket) => bucket.count >= rank);
  if (place < 0) place = last;
  if (place === last) return buckets[last - 1].bound;
  const end = buckets[place].bound;
  if (place === 0 && end <= 0) return end;
  const start = place > 0 ? buckets[place - 1].bound : 0;
  const below = place > 0 ? buckets[place - 1].count : 0;
  rank -= below;
  return start + (end - start) * (rank / (buckets[place].count - below));
}
