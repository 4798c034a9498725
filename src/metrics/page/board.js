// The cards of all dashboards, of which one is shown, and the view they share: which seconds, which host.

// Rates are taken over so many seconds, or over more where points are farther apart.
const RATE_SECONDS = 10;
const MOST_GAPS = 64;
// Where a picture ends that has shown nothing yet.
const NEVER = 1;

class Board {
  constructor(catalogue, history, places) {
    this.history = history;
    this.held = false;
    this.pointer = new Pointer(places.tip, places.spoken);
    this.pointer.moved = () => this.cards().forEach((card) => card.chart?.point(this.pointer.time));
    this.view = { span: 300, stride: 1, range: RATE_SECONDS, host: "", from: 0, to: NEVER, gaps: [], admits: () => true, pointed: () => this.pointer.time };
    const colours = new Colours(catalogue.metrics);
    this.seen = new IntersectionObserver((entries) => entries.forEach((entry) => this.sight(entry)), { rootMargin: "200px" });
    this.sized = new ResizeObserver((entries) => entries.forEach((entry) => this.size(entry)));
    this.cardOf = new Map();
    this.boards = catalogue.dashboards.map((dashboard) => this.lay(dashboard, catalogue.metrics, colours, places));
    this.choose(this.boards[0].id);
  }

  lay({ id, title, about, rows }, metrics, colours, { tabs, main }) {
    const cards = [];
    const sections = rows.map((row) => {
      const inRow = row.panels.map((panel) => new Card(panel, metrics, colours));
      cards.push(...inRow);
      const numbers = inRow.every((card) => card.sparkline);
      const all = make("div", numbers ? "tiles" : "charts", inRow.map((card) => card.element));
      const section = make("details", "row", [make("summary", "", [make("h2", "", [row.title])]), all]);
      section.open = true;
      return section;
    });
    const tab = make("button", "", [title]);
    Object.assign(tab, { type: "button", id: `tab-${id}` });
    const page = make("div", "page", [make("p", "about", [about]), ...sections]);
    page.id = `page-${id}`;
    const attributes = { role: "tab", "aria-controls": page.id };
    for (const [name, value] of Object.entries(attributes)) tab.setAttribute(name, value);
    page.setAttribute("role", "tabpanel");
    page.setAttribute("aria-labelledby", tab.id);
    tabs.append(tab);
    main.append(page);
    for (const card of cards) {
      const figure = card.element.querySelector(".figure");
      this.cardOf.set(card.element, card).set(figure, card);
      this.seen.observe(card.element);
      if (card.chart) {
        this.sized.observe(figure);
        this.pointer.watch(card);
      }
    }
    return { id, title, tab, page, cards };
  }

  // The cards of the dashboard that is shown.
  cards() { return this.boards.find((board) => board.id === this.shown).cards; }

  choose(id) {
    if (!this.boards.some((board) => board.id === id)) return false;
    if (this.shown) this.pointer.leave();
    this.shown = id;
    for (const board of this.boards) {
      const here = board.id === id;
      board.tab.setAttribute("aria-selected", String(here));
      board.tab.tabIndex = here ? 0 : -1;
      board.page.hidden = !here;
    }
    this.update();
    return true;
  }

  sight({ target, isIntersecting }) {
    const card = this.cardOf.get(target);
    card.visible = isIntersecting;
    if (isIntersecting && card.view) card.draw(card.view);
  }

  size({ target, contentRect }) {
    const card = this.cardOf.get(target);
    if (contentRect.width === 0 || !card.chart) return;
    card.chart.resize(contentRect.width);
    if (card.view) card.draw(card.view);
  }

  show(span) {
    this.view.span = span;
    this.view.stride = Math.max(1, Math.ceil(span / MOST_POINTS));
    this.view.range = Math.max(RATE_SECONDS, this.view.stride + 2);
    this.update();
  }

  host(host) {
    this.view.host = host;
    // What is told apart by host is that host's; the rest stays what it is.
    this.view.admits = host === "" ? () => true : (labels) => !labels.has("node") || labels.get("node") === host;
    this.update();
  }

  // A time in which nobody answered.
  gap(from, to) {
    const { gaps } = this.view;
    const last = gaps[gaps.length - 1];
    if (last && last[0] === from) last[1] = to;
    else gaps.push([from, to]);
    if (gaps.length > MOST_GAPS) gaps.shift();
  }

  // From now on the picture ends where it does, whatever is chosen; until it is let go.
  hold(on) { this.held = on; }

  // Draws what there is, up to now as the server counts time; while the picture is held, up to where it ended.
  update(now) {
    if (this.history.next === 0) return;
    if (!this.held || this.view.to === NEVER) this.view.to = Math.max(now ?? this.view.to, this.history.time(this.history.newest));
    this.view.from = this.view.to - this.view.span;
    this.cards().forEach((card) => card.update(this.history, this.view));
  }
}
