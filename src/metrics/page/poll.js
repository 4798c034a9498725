// Asks for the numbers once a second, for as long as the page is open, and says how that goes.

const EVERY = 1000;
const PATIENCE = 5000;
// Numbers this many seconds old are no news: the session has ended, while its program goes on.
const STALE = 6;

class Poll {
  // `take` gets each exposition with the time it was true; `tell` gets the state whenever it was looked at.
  constructor(address, take, missed, tell) {
    Object.assign(this, { address, take, missed, tell });
    this.state = "connecting";
    // The server's time of the last numbers, and ours when they came: the difference of two answers is that of their ages too.
    this.gathered = NaN;
    this.arrived = NaN;
    this.lostAt = NaN;
  }

  start() { this.turn(); }

  async turn() {
    const begun = performance.now();
    try {
      const response = await fetch(this.address, { cache: "no-store", headers: { Accept: "text/plain" }, signal: AbortSignal.timeout(PATIENCE) });
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
      this.answered(Number(response.headers.get("X-Gathered-At") ?? Date.now() / 1000), await response.text());
    } catch {
      this.failed();
    }
    this.tell(this);
    setTimeout(() => this.turn(), Math.max(100, EVERY - (performance.now() - begun)));
  }

  answered(gathered, text) {
    const before = this.gathered;
    if (this.state === "lost") this.missed(this.lostAt, gathered, true);
    // The same numbers again are not a sample: rates would have a step in them.
    if (gathered !== before && text !== "") {
      this.gathered = gathered;
      this.arrived = performance.now();
      this.take(gathered, text);
    }
    this.state = Number.isNaN(this.gathered) ? "connecting" : this.age() > STALE ? "stale" : "live";
  }

  failed() {
    if (this.state !== "lost") this.lostAt = Number.isNaN(this.gathered) ? Date.now() / 1000 : this.now();
    this.state = "lost";
    this.missed(this.lostAt, this.now(), false);
  }

  // Seconds since the last numbers came.
  age() { return (performance.now() - this.arrived) / 1000; }

  // The time as the server counts it.
  now() { return Number.isNaN(this.gathered) ? Date.now() / 1000 : this.gathered + this.age(); }
}
