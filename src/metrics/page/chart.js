// One picture: axes, lines or areas, and what lies under the pointer. Knows pixels, and nothing of questions.

const HEIGHT = 156;
const GUTTER = { right: 10, top: 10, bottom: 22 };
// About how wide a letter of an axis is.
const LETTER = 6.4;
const SVG = "http://www.w3.org/2000/svg";

function svg(name, attributes = {}, children = []) {
  const element = document.createElementNS(SVG, name);
  for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
  element.append(...children);
  return element;
}

class Chart {
  constructor(unit, stacked) {
    this.unit = unit;
    this.stacked = stacked;
    this.width = 0;
    this.drawn = null;
    this.gaps = svg("g", { class: "gaps" });
    this.grid = svg("g", { class: "grid" });
    this.areas = svg("g", { class: "areas" });
    this.lines = svg("g", { class: "lines" });
    this.cursor = svg("g", { class: "cursor" });
    const layers = [this.gaps, this.grid, this.areas, this.lines, this.cursor];
    this.element = svg("svg", { class: "chart", height: HEIGHT, tabindex: 0, role: "img" }, layers);
  }

  resize(width) {
    this.width = Math.max(160, Math.floor(width));
    this.element.setAttribute("width", this.width);
    this.element.setAttribute("viewBox", `0 0 ${this.width} ${HEIGHT}`);
  }

  // `rows` have a colour's place and as many values as there are `times`; where there is none it is NaN.
  draw({ from, to, times, rows, gaps }) {
    if (this.width === 0) return;
    const levels = this.levels(rows, times.length);
    const top = levels.reduce((most, level) => level.upper.reduce(greater, most), 0);
    const marks = valueMarks(top, this.unit, 3);
    const most = marks[marks.length - 1];
    const label = formatterUpTo(most, this.unit);
    const left = 14 + LETTER * Math.max(...marks.map((mark) => label(mark).length), 4);
    const inner = { left, width: this.width - left - GUTTER.right, height: HEIGHT - GUTTER.top - GUTTER.bottom };
    const x = (time) => left + ((time - from) / (to - from)) * inner.width;
    const y = (value) => GUTTER.top + (1 - value / most) * inner.height;
    this.drawn = { from, to, times, rows, levels, x, y, inner };
    this.drawGrid(marks, label);
    this.gaps.replaceChildren(...gaps.map(([start, end]) => {
      const begin = Math.max(x(start), inner.left);
      const finish = Math.min(x(end), this.width - GUTTER.right);
      return svg("rect", { x: begin.toFixed(1), y: GUTTER.top, width: Math.max(0, finish - begin).toFixed(1), height: inner.height });
    }));
    const areas = [];
    const lines = [];
    levels.forEach(({ lower, upper }, index) => {
      const { place } = rows[index];
      if (this.stacked || rows.length === 1) {
        const area = svg("path", { d: areaPath(times, lower, upper, x, y), class: this.stacked ? "stacked" : "below" });
        area.style.fill = colourAt(place);
        areas.push(area);
      }
      const line = svg("path", { d: linePath(times, upper, x, y), "stroke-dasharray": dashAt(place) });
      line.style.stroke = colourAt(place);
      lines.push(line);
    });
    this.areas.replaceChildren(...areas);
    // Where two lie on each other, what is below is what there is: it comes last.
    this.lines.replaceChildren(...(this.stacked ? lines.reverse() : lines));
  }

  // From where to where each row reaches: from nothing, or from what lies below it.
  levels(rows, length) {
    let below = new Array(length).fill(0);
    return rows.map(({ values }) => {
      if (!this.stacked) return { lower: below, upper: values };
      const lower = below;
      const upper = values.map((value, index) => lower[index] + (Number.isNaN(value) ? 0 : value));
      below = upper;
      // Where nobody answered there is no area either.
      const there = (index) => rows.some((row) => !Number.isNaN(row.values[index]));
      return { lower, upper: upper.map((value, index) => (there(index) ? value : NaN)) };
    });
  }

  drawGrid(marks, text) {
    const { from, to, x, y, inner } = this.drawn;
    const parts = [];
    for (const mark of marks) {
      const height = y(mark).toFixed(1);
      parts.push(svg("line", { x1: inner.left, x2: this.width - GUTTER.right, y1: height, y2: height, class: mark === 0 ? "base" : "" }));
      parts.push(svg("text", { x: inner.left - 8, y: height, "text-anchor": "end", "dominant-baseline": "middle" }, [text(mark)]));
    }
    const { marks: times, label } = timeMarks(from, to, (to - from) * (64 / inner.width));
    for (const time of times) {
      const place = x(time);
      if (place < inner.left + 20 || place > this.width - GUTTER.right - 22) continue;
      parts.push(svg("text", { x: place.toFixed(1), y: HEIGHT - 6, "text-anchor": "middle" }, [label(time)]));
    }
    this.grid.replaceChildren(...parts);
  }

  // The time under a place of the screen.
  timeAt(clientX) {
    if (!this.drawn) return NaN;
    const { from, to, inner } = this.drawn;
    const box = this.element.getBoundingClientRect();
    return from + ((clientX - box.left - inner.left) / inner.width) * (to - from);
  }

  // Which of its points is nearest to a time; -1 if none is drawn.
  nearest(time) {
    if (!this.drawn || this.drawn.times.length === 0 || Number.isNaN(time)) return -1;
    const { times } = this.drawn;
    let best = 0;
    for (let index = 1; index < times.length; index += 1) {
      if (Math.abs(times[index] - time) < Math.abs(times[best] - time)) best = index;
    }
    return best;
  }

  // Marks a time, or with NaN none.
  point(time) {
    const index = this.nearest(time);
    if (index < 0) return this.cursor.replaceChildren();
    const { times, rows, levels, x, y, inner } = this.drawn;
    const place = x(times[index]).toFixed(1);
    const parts = [svg("line", { x1: place, x2: place, y1: GUTTER.top, y2: GUTTER.top + inner.height })];
    levels.forEach(({ upper }, row) => {
      if (Number.isNaN(upper[index])) return;
      const dot = svg("circle", { cx: place, cy: y(upper[index]).toFixed(1), r: 3.5 });
      dot.style.fill = colourAt(rows[row].place);
      parts.push(dot);
    });
    return this.cursor.replaceChildren(...parts);
  }
}

// A line without axes, for cards that are a number.
class Sparkline {
  constructor() {
    this.area = svg("path", { class: "below" });
    this.line = svg("path", { class: "line" });
    this.element = svg("svg", { class: "sparkline", viewBox: "0 0 200 40", preserveAspectRatio: "none", "aria-hidden": "true" }, [
      this.area,
      this.line,
    ]);
  }

  draw(from, to, times, values, place) {
    const top = values.reduce(greater, 0) || 1;
    const x = (time) => ((time - from) / (to - from)) * 200;
    const y = (value) => 38 - (value / top) * 34;
    this.area.setAttribute("d", areaPath(times, values.map(() => 0), values, x, y));
    this.line.setAttribute("d", linePath(times, values, x, y));
    this.element.style.color = colourAt(place);
  }
}

const greater = (one, other) => (other > one ? other : one);

// Runs of points that are there, as lists of their places.
function runs(values) {
  const all = [];
  let run = [];
  values.forEach((value, index) => {
    if (!Number.isNaN(value)) return run.push(index);
    if (run.length > 0) all.push(run);
    run = [];
    return 0;
  });
  if (run.length > 0) all.push(run);
  return all;
}

function linePath(times, values, x, y) {
  const point = (index) => `${x(times[index]).toFixed(1)} ${y(values[index]).toFixed(1)}`;
  // One that stands alone is a dot.
  return runs(values).map((run) => `M${run.map(point).join("L")}${run.length === 1 ? "h0.1" : ""}`).join("");
}

function areaPath(times, lower, upper, x, y) {
  const point = (values) => (index) => `${x(times[index]).toFixed(1)} ${y(values[index]).toFixed(1)}`;
  return runs(upper)
    .map((run) => `M${run.map(point(upper)).join("L")}L${[...run].reverse().map(point(lower)).join("L")}Z`)
    .join("");
}
