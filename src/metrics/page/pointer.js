// What lies under the mouse, the finger or the arrow keys: one time for all cards, and the values of one card beside it.

const MOST_LINES = 14;

class Pointer {
  constructor(tip, spoken) {
    this.tip = tip;
    this.spoken = spoken;
    this.time = NaN;
    this.card = null;
    // Called when the time changes.
    this.moved = () => {};
  }

  watch(card) {
    const { element } = card.chart;
    element.addEventListener("pointermove", (event) => this.at(card, card.chart.timeAt(event.clientX), event));
    element.addEventListener("pointerdown", (event) => this.at(card, card.chart.timeAt(event.clientX), event));
    element.addEventListener("pointerleave", (event) => {
      // A finger that is lifted leaves what it showed.
      if (event.pointerType === "mouse") this.leave();
    });
    element.addEventListener("keydown", (event) => this.key(card, event));
    element.addEventListener("blur", () => this.leave());
  }

  key(card, event) {
    const { drawn } = card.chart;
    if (!drawn || drawn.times.length === 0) return;
    const last = drawn.times.length - 1;
    const here = Number.isNaN(this.time) ? last : card.chart.nearest(this.time);
    const places = { ArrowLeft: Math.max(0, here - 1), ArrowRight: Math.min(last, here + 1), Home: 0, End: last };
    if (event.key === "Escape") this.leave();
    if (!(event.key in places)) return;
    event.preventDefault();
    const box = card.chart.element.getBoundingClientRect();
    const time = drawn.times[places[event.key]];
    this.at(card, time, { clientX: box.left + drawn.x(time), clientY: box.top + 30 });
    this.spoken.textContent = card.describe(card.chart.nearest(time));
  }

  at(card, time, { clientX, clientY }) {
    this.card = card;
    this.time = time;
    this.moved();
    this.show(clientX, clientY);
  }

  leave() {
    this.card = null;
    this.time = NaN;
    this.tip.hidden = true;
    this.moved();
  }

  // The values beside the pointer, the greatest first.
  show(clientX, clientY) {
    const index = this.card.chart.nearest(this.time);
    if (index < 0) return;
    const values = this.card.valuesAt(index).sort((one, other) => other.value - one.value);
    const lines = values.slice(0, MOST_LINES).map(({ name, place, value }) => {
      const line = make("li", "", [swatch(place), make("span", "name", [name]), make("span", "value", [formatted(value, this.card.panel.unit)])]);
      return line;
    });
    if (values.length > MOST_LINES) lines.push(make("li", "more", [`and ${values.length - MOST_LINES} more`]));
    const time = make("p", "time", [clock(this.card.chart.drawn.times[index])]);
    this.tip.replaceChildren(time, make("ul", "", lines));
    this.tip.hidden = false;
    const { offsetWidth: width, offsetHeight: height } = this.tip;
    const room = { width: document.documentElement.clientWidth, height: window.innerHeight };
    const left = clientX + 16 + width > room.width ? clientX - width - 16 : clientX + 16;
    this.tip.style.left = `${Math.max(6, Math.min(left, room.width - width - 6))}px`;
    this.tip.style.top = `${Math.max(6, Math.min(clientY + 16, room.height - height - 6))}px`;
  }
}

// An element with text and other elements in it; text stays text, whatever it contains.
function make(name, className = "", children = []) {
  const element = document.createElement(name);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

function swatch(place) {
  const mark = make("i", place >= COLOURS ? "swatch dashed" : "swatch");
  mark.style.setProperty("--colour", colourAt(place));
  return mark;
}
