// One card: what a panel of the catalogue shows of the window.

// Rows of a legend that people can still read; the picture has all of them.
const MOST_NAMED = 40;

class Card {
  constructor(panel, metrics, colours) {
    this.panel = panel;
    this.colours = colours;
    this.metrics = metrics;
    this.tracks = panel.series.map((series) => new Track(series.query));
    this.rows = [];
    this.times = [];
    // The one row that somebody chose to see alone.
    this.alone = null;
    this.everShown = false;
    this.visible = false;
    // Whether what it shows is told apart by host.
    this.byHost = panel.series.every((series) => metricsOf(series.query).every((name) => "node" in metrics[name].labels));
    this.build();
  }

  build() {
    const { panel } = this;
    const number = panel.form === "number";
    const title = make("h3", "", [panel.title]);
    this.everybody = make("span", "tag");
    this.now = make("output", "now");
    this.empty = make("p", "empty");
    this.legend = make("ul", "legend");
    this.chart = number ? null : new Chart(panel.unit, panel.form === "stack");
    this.sparkline = number ? new Sparkline() : null;
    const figure = make("div", "figure", [number ? this.sparkline.element : this.chart.element, this.empty]);
    const help = make("p", "help", [panel.help]);
    help.title = panel.help;
    const head = make("header", "", [title, this.everybody, ...(number ? [] : [this.now])]);
    this.element = number
      ? make("section", "card tile", [head, help, this.now, this.legend, figure])
      : make("section", "card", [head, help, figure, this.legend]);
    this.element.dataset.panel = panel.title;
    this.element.setAttribute("aria-label", panel.title);
    this.element.setAttribute("aria-description", panel.help);
    title.title = panel.help;
    this.state("waiting");
  }

  state(state) {
    this.element.dataset.state = state;
    const words = {
      waiting: "Gathering the first seconds…",
      empty: this.everShown ? "Nothing in this window." : `Nothing yet. ${this.panel.feed}`,
    };
    this.empty.textContent = words[state] ?? "";
  }

  // Brings the card up to date; draws if it can be seen.
  update(history, view) {
    this.tracks.forEach((track) => track.follow(history, view));
    this.times = this.tracks[0].points.map((point) => point.time);
    this.rows = this.shown(this.tracks.flatMap((track, index) => this.rowsOf(track, index)));
    // Somebody who asked for one host is told where the others still count.
    this.everybody.textContent = view.host === "" || this.byHost ? "" : "all hosts";
    const something = this.rows.length > 0 || this.quiet > 0;
    this.everShown ||= something;
    if (!something) this.state(history.next < 3 ? "waiting" : "empty");
    else this.state(this.rows.some((row) => row.values.some((value) => value !== 0 && !Number.isNaN(value))) ? "drawn" : "zero");
    this.tell();
    this.draw(view);
  }

  rowsOf(track, index) {
    const series = this.panel.series[index];
    const by = labelsOf(series.query);
    const known = by.map((label) => this.metrics[metricsOf(series.query)[0]].labels[label]);
    const rows = [...track.labels].map(([key, labels]) => ({
      key: `${index} ${key}`,
      name: series.name.replace(/\{\{(\w+)\}\}/g, (_, label) => labels[by.indexOf(label)] ?? ""),
      place: this.colours.placeOf(series, labels, index),
      // In the order of the catalogue.
      order: known.length === 1 ? known[0].indexOf(labels[0]) : 0,
      open: known.some((values) => values.length === 0),
      among: by.length,
      values: track.points.map((point) => point.values.get(key) ?? NaN),
    }));
    rows.sort((one, other) => one.order - other.order || inOrder.compare(one.name, other.name));
    return rows.filter((row) => row.values.some((value) => !Number.isNaN(value)));
  }

  // Kinds of things that did not happen in the window are counted, not listed; a host with nothing is news and stays.
  shown(rows) {
    const quiet = (row) => row.among > 0 && !row.open && row.values.every((value) => value === 0 || Number.isNaN(value));
    this.quiet = this.panel.form === "number" ? 0 : rows.filter(quiet).length;
    const loud = this.quiet > 0 ? rows.filter((row) => !quiet(row)) : rows;
    if (!loud.some((row) => row.key === this.alone)) this.alone = null;
    return loud;
  }

  // What is drawn: what was chosen, and where nothing happened a line at nothing.
  get chosen() {
    if (this.rows.length === 0 && this.quiet > 0) return [{ key: "", name: `all ${this.quiet}`, place: 7, values: this.times.map(() => 0) }];
    return this.alone === null ? this.rows : this.rows.filter((row) => row.key === this.alone);
  }

  // What it says in words: the value now, the legend, the summary for those who do not see the picture.
  tell() {
    const { panel, rows } = this;
    const said = rows.map((row) => ({ row, value: lastOf(row.values) }));
    if (panel.form === "number") {
      const single = rows.length === 1 && rows[0].among === 0;
      this.now.textContent = single ? formatted(said[0].value, panel.unit) : "";
      this.legend.replaceChildren(...(single ? [] : said.map(({ row, value }) => make("li", "", [make("span", "name", [row.name]), make("span", "value", [formatted(value, panel.unit)])]))));
      this.now.hidden = !single;
      return;
    }
    const total = said.reduce((sum, { value }) => sum + (Number.isNaN(value) ? 0 : value), 0);
    const stacked = panel.form === "stack";
    this.now.textContent = rows.length === 1 || (stacked && rows.length > 0) ? formatted(rows.length === 1 ? said[0].value : total, panel.unit) : "";
    const entries = said.slice(0, MOST_NAMED).map(({ row, value }) => this.entry(row, value));
    if (rows.length > MOST_NAMED) entries.push(make("li", "quiet", [`and ${rows.length - MOST_NAMED} more`]));
    if (this.quiet > 0) entries.push(make("li", "quiet", [rows.length === 0 ? `all ${this.quiet} at zero` : `${this.quiet} more at zero`]));
    if (this.legend.contains(document.activeElement)) this.refresh(said);
    else this.legend.replaceChildren(...entries);
    const words = said.slice(0, 8).map(({ row, value }) => `${row.name} ${formatted(value, panel.unit)}`);
    this.chart.element.setAttribute("aria-label", `${panel.title}. ${words.join(", ") || "nothing"}. Arrow keys move through time.`);
  }

  // The numbers of a legend that has the focus: its buttons stay.
  refresh(said) {
    const values = new Map(said.map(({ row, value }) => [row.key, value]));
    for (const button of this.legend.querySelectorAll("button")) {
      button.lastChild.textContent = formatted(values.get(button.dataset.key) ?? NaN, this.panel.unit);
      button.setAttribute("aria-pressed", String(this.alone === button.dataset.key));
      button.classList.toggle("dim", this.alone !== null && this.alone !== button.dataset.key);
    }
  }

  entry(row, value) {
    const button = make("button", "", [swatch(row.place), make("span", "name", [row.name]), make("span", "value", [formatted(value, this.panel.unit)])]);
    button.type = "button";
    button.title = `Show ${row.name} alone, or all`;
    button.dataset.key = row.key;
    button.setAttribute("aria-pressed", String(this.alone === row.key));
    button.classList.toggle("dim", this.alone !== null && this.alone !== row.key);
    button.addEventListener("click", () => {
      this.alone = this.alone === row.key ? null : row.key;
      this.refresh(this.rows.map((other) => ({ row: other, value: lastOf(other.values) })));
      if (this.view) this.draw(this.view);
    });
    return make("li", "", [button]);
  }

  draw(view) {
    this.view = view;
    if (!this.visible) return;
    if (this.sparkline) {
      const row = this.rows.length === 1 ? this.rows[0] : { values: [], place: 0 };
      this.sparkline.draw(view.from, view.to, row.values.length > 0 ? this.times : [], row.values, row.place);
      return;
    }
    if (this.chart.width === 0) this.chart.resize(this.element.querySelector(".figure").clientWidth);
    this.chart.draw({ from: view.from, to: view.to, times: this.times, rows: this.chosen, gaps: view.gaps });
    this.chart.point(view.pointed());
  }

  valuesAt(index) {
    const values = this.chart.drawn.rows.map(({ name, place, values: all }) => ({ name, place, value: all[index] }));
    return values.filter(({ value }) => !Number.isNaN(value));
  }

  // In words, for those who listen.
  describe(index) {
    const words = this.valuesAt(index).map(({ name, value }) => `${name} ${formatted(value, this.panel.unit)}`);
    return `${clock(this.times[index])}: ${words.join(", ") || "nothing"}`;
  }
}

// The last value, if it is there: a host that has left has none.
const lastOf = (values) => (values.length > 0 ? values[values.length - 1] : NaN);
