// Which colour a series has. Eight that also people tell apart who do not see all colours (`--c0` to `--c7` of the style, in the
// order of Okabe and Ito's); whoever comes after them is drawn with a dashed line as well.

const COLOURS = 8;
// Words whose meaning has a colour: what went wrong is never that of what went well.
const MEANT = {
  ok: 2, up: 2, written: 0, error: 4, failed: 4, down: 4, timeout: 1, server_error: 4, aborted: 5, cancelled: 7, ignored: 7,
  rejected: 4, retried: 1, unsent: 3, source: 0, window: 2, server: 4, none: 7,
  failures: 4, "given up": 4, wasted: 4,
  service: 0,
  replica_shard: 2, replica_other_shard: 5, replica: 0, non_replica: 1, remote_dc: 4, unrouted: 7,
};

class Colours {
  constructor(metrics) {
    this.metrics = metrics;
    // Hosts and other values nobody knows in advance keep the colour they first got, on every card: places by label.
    this.open = new Map();
    this.fixed = new Map();
  }

  // The place in the palette, of one answer of the `index`th question of a card, which is called `name` if it is the only one.
  placeOf({ name, query }, labels, index) {
    const by = labelsOf(query);
    if (by.length === 0) return MEANT[name] ?? index;
    const value = labels.join("\u0000");
    const known = this.metrics[metricsOf(query)[0]].labels[by[0]];
    if (by.length === 1 && known.length > 0) return this.among(known).get(value) + index;
    const label = by.join();
    if (!this.open.has(label)) this.open.set(label, new Map());
    const places = this.open.get(label);
    // Hosts come and go; colours must not pile up.
    if (!places.has(value) && places.size > 5000) places.clear();
    if (!places.has(value)) places.set(value, places.size);
    return places.get(value);
  }

  // The places of values that are known: what they mean first, then what is left of the palette.
  among(values) {
    const name = values.join();
    if (this.fixed.has(name)) return this.fixed.get(name);
    const places = new Map(values.filter((value) => value in MEANT).map((value) => [value, MEANT[value]]));
    const taken = new Set(places.values());
    let next = 0;
    for (const value of values) {
      if (places.has(value)) continue;
      while (taken.has(next)) next += 1;
      places.set(value, next);
      taken.add(next);
    }
    this.fixed.set(name, places);
    return places;
  }
}

const colourAt = (place) => `var(--c${((place % COLOURS) + COLOURS) % COLOURS})`;
const dashAt = (place) => (place < COLOURS ? "" : place < 2 * COLOURS ? "6 3" : "2 3");
