// A window of samples: the last so many scrapes of every series that a panel asks for.

// What all series together may take: a cell is eight bytes. With more series the window gets shorter.
const MOST_CELLS = 6e6;
// Series beyond these are not kept; the endpoint serves ten thousand of a session unless it is told otherwise.
const MOST_SERIES = 40000;
const FEWEST_SCRAPES = 90;

class History {
  // `wanted` are the names of the metrics to keep; others are passed over.
  constructor(scrapes, wanted) {
    this.capacity = scrapes;
    this.wanted = wanted;
    // How often it began anew.
    this.era = 0;
    this.clear();
  }

  // Forgets everything.
  clear() {
    this.era += 1;
    // Scrapes are numbered from 0; `next` is the number of the one to come. A scrape's place in the arrays is its number modulo
    // the capacity.
    this.next = 0;
    this.times = new Float64Array(this.capacity).fill(NaN);
    // From the text that names a series to it; to null if it is not wanted.
    this.known = new Map();
    this.byName = new Map();
    this.count = 0;
  }

  get oldest() { return Math.max(0, this.next - this.capacity); }
  get newest() { return this.next - 1; }
  time(scrape) { return this.times[scrape % this.capacity]; }
  of(name) { return this.byName.get(name) ?? []; }

  // Takes an exposition that was true at `time`, in seconds.
  add(time, text) {
    // The server's clock was set back, or another program serves there now: what was before is not comparable.
    if (time <= this.time(this.newest)) this.clear();
    const place = this.begin(time);
    eachSample(text, (named, value) => {
      const series = this.series(named);
      if (!series) return;
      series.values[place] = value;
      series.last = this.next;
    });
    this.end();
  }

  // Nobody answered at `time`: every series has a hole there, as it has in Prometheus.
  miss(time) {
    this.begin(time);
    this.end();
  }

  // The values of a label that any series has.
  valuesOf(label) {
    const values = new Set();
    for (const list of this.byName.values()) {
      for (const series of list) if (series.labels.has(label)) values.add(series.labels.get(label));
    }
    return [...values].sort(inOrder.compare);
  }

  begin(time) {
    const place = this.next % this.capacity;
    this.times[place] = time;
    for (const list of this.byName.values()) for (const series of list) series.values[place] = NaN;
    return place;
  }

  end() {
    this.next += 1;
    // A series that was not there for a whole window is one of a host that left.
    if (this.next % 64 === 0) this.forget();
    const scrapes = Math.max(FEWEST_SCRAPES, Math.floor(MOST_CELLS / Math.max(1, this.count)));
    if (scrapes < this.capacity) this.shrink(scrapes);
  }

  series(named) {
    let series = this.known.get(named);
    if (series !== undefined) return series;
    const { name, labels } = seriesNamed(named);
    series = null;
    if (this.wanted.has(name) && this.count < MOST_SERIES) {
      series = { labels, values: new Float64Array(this.capacity).fill(NaN), last: this.next };
      if (!this.byName.has(name)) this.byName.set(name, []);
      this.byName.get(name).push(series);
      this.count += 1;
    }
    if (series || this.known.size < 2 * MOST_SERIES) this.known.set(named, series);
    return series;
  }

  forget() {
    const gone = new Set();
    for (const [name, list] of this.byName) {
      const kept = list.filter((series) => series.last >= this.oldest);
      if (kept.length === list.length) continue;
      list.filter((series) => series.last < this.oldest).forEach((series) => gone.add(series));
      if (kept.length > 0) this.byName.set(name, kept);
      else this.byName.delete(name);
    }
    if (gone.size === 0) return;
    this.count -= gone.size;
    // What is not wanted is looked at again too, so that names which come and go do not pile up.
    for (const [named, series] of this.known) if (!series || gone.has(series)) this.known.delete(named);
  }

  shrink(scrapes) {
    const fewer = (values) => {
      const shorter = new Float64Array(scrapes).fill(NaN);
      for (let at = Math.max(0, this.next - scrapes); at < this.next; at += 1) {
        shorter[at % scrapes] = values[at % this.capacity];
      }
      return shorter;
    };
    this.times = fewer(this.times);
    for (const list of this.byName.values()) for (const series of list) series.values = fewer(series.values);
    this.capacity = scrapes;
  }
}

// Hosts in the order people expect: 10.0.0.2 before 10.0.0.10.
const inOrder = new Intl.Collator("en", { numeric: true });
