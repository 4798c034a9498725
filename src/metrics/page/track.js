// The answers to one question over the window that is shown. Each scrape is asked about once, when somebody looks.

// More points than that cannot be told apart on a card.
const MOST_POINTS = 320;

class Track {
  constructor(query) {
    this.query = query;
    this.begin("");
  }

  begin(settings) {
    this.settings = settings;
    // Each has the scrape's number, its time, and the answer's values by the key of their labels.
    this.points = [];
    this.labels = new Map();
    // The number of the first scrape not asked about.
    this.upTo = 0;
  }

  // Brings it up to date with a view of the history (see board): `from` one time `to` another, rates over `range` seconds, every
  // `stride`th scrape.
  follow(history, view) {
    const settings = `${history.era} ${view.span} ${view.stride} ${view.range} ${view.host}`;
    if (settings !== this.settings) this.begin(settings);
    let scrape = Math.max(this.upTo, history.oldest);
    for (; scrape < history.next && history.time(scrape) <= view.to; scrape += 1) {
      if (scrape % view.stride !== 0 || history.time(scrape) < view.from) continue;
      const values = new Map();
      const range = reach(history, scrape, view.range);
      for (const [key, { labels, value }] of evaluate(this.query, history, scrape, range, view.admits)) {
        if (!Number.isFinite(value)) continue;
        if (!this.labels.has(key)) this.labels.set(key, labels);
        values.set(key, value);
      }
      this.points.push({ time: history.time(scrape), values });
    }
    this.upTo = scrape;
    const old = this.points.findIndex((point) => point.time >= view.from);
    if (old > 0) this.points.splice(0, old);
    if (this.upTo % 32 === 0) this.forget();
  }

  // Labels that no point has any more.
  forget() {
    const there = new Set(this.points.flatMap((point) => [...point.values.keys()]));
    for (const key of this.labels.keys()) if (!there.has(key)) this.labels.delete(key);
  }
}

// The window of rates at a scrape. Browsers let pages that nobody looks at ask once a minute: then it goes back to the scrape before.
function reach(history, scrape, range) {
  const apart = scrape > history.oldest ? history.time(scrape) - history.time(scrape - 1) : 0;
  return apart < range ? range : apart * 1.5;
}
