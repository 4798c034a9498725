// The text format of Prometheus, line by line. What cannot be read is passed over: one bad line costs itself.

// Hands every sample to `take`, as the text that names its series and a number. That text is the same from scrape to scrape, so
// that its labels are read once (see history).
function eachSample(text, take) {
  let at = 0;
  while (at < text.length) {
    let end = text.indexOf("\n", at);
    if (end < 0) end = text.length;
    if (end > at && text[at] !== "#") {
      const line = text.slice(at, end);
      // A label's value may contain a brace; what follows the last one is a number, and perhaps a time.
      const close = line.lastIndexOf("}");
      // One that is cut off names nothing.
      const cut = close >= 0 ? close + 1 : line.includes("{") ? 0 : line.indexOf(" ");
      const value = cut > 0 ? numberOf(line.slice(cut).trim().split(" ")[0]) : undefined;
      if (value !== undefined) take(line.slice(0, cut), value);
    }
    at = end + 1;
  }
}

function numberOf(text) {
  if (text === "+Inf" || text === "Inf") return Infinity;
  if (text === "-Inf") return -Infinity;
  if (text === "NaN") return NaN;
  const value = text === "" ? NaN : Number(text);
  return Number.isNaN(value) ? undefined : value;
}

// The name and labels of a series: `name{label="value",…}`.
function seriesNamed(text) {
  const open = text.indexOf("{");
  const labels = new Map();
  if (open < 0) return { name: text.trim(), labels };
  let at = open + 1;
  while (at < text.length) {
    while (text[at] === "," || text[at] === " ") at += 1;
    const equals = text.indexOf('="', at);
    if (text[at] === "}" || equals < 0) break;
    const label = text.slice(at, equals);
    let value = "";
    for (at = equals + 2; at < text.length && text[at] !== '"'; at += 1) {
      if (text[at] === "\\") {
        at += 1;
        value += text[at] === "n" ? "\n" : text[at] ?? "";
      } else {
        value += text[at];
      }
    }
    labels.set(label, value);
    at += 1;
  }
  return { name: text.slice(0, open), labels };
}
