// Numbers as people read them: three digits and a unit that fits.

const DECIMAL = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""]];
const BINARY = [[1024 ** 4, "Ti"], [1024 ** 3, "Gi"], [1024 ** 2, "Mi"], [1024, "Ki"], [1, ""]];
const TIME = [[3600, "h"], [60, "min"], [1, "s"], [1e-3, "ms"], [1e-6, "µs"]];

const UNITS = {
  count: { steps: DECIMAL, unit: "" },
  per_second: { steps: DECIMAL, unit: "/s" },
  seconds: { steps: TIME, unit: "" },
  bytes: { steps: BINARY, unit: "B" },
  bytes_per_second: { steps: BINARY, unit: "B/s" },
  share: { steps: [[0.01, "%"]], unit: "" },
};

// One number by itself.
function formatted(value, unit) {
  if (!Number.isFinite(value)) return "–";
  if (unit === "share") return share(value);
  const whole = Number.isInteger(value) && Math.abs(value) < 1e5;
  if (whole && (unit === "count" || unit === "per_second")) {
    return value.toLocaleString("en") + (unit === "count" ? "" : " /s");
  }
  return inSteps(value, UNITS[unit], stepFor(value, UNITS[unit].steps));
}

// Numbers along an axis that ends at `top`: all in the unit of the greatest.
function formatterUpTo(top, unit) {
  const { steps } = UNITS[unit];
  const step = stepFor(top, steps);
  return (value) => (value === 0 ? "0" : inSteps(value, UNITS[unit], step, 10));
}

function stepFor(value, steps) {
  const size = Math.abs(value);
  // What would be rounded to a thousand is one of the next.
  const fits = ([least]) => (size === 0 ? least === 1 : size * 1.0005 >= least);
  return steps.find(fits) ?? steps[steps.length - 1];
}

function inSteps(value, { unit }, [size, prefix]) {
  const number = digits(value / size);
  const name = prefix + unit;
  return name === "" ? number : name === "%" ? `${number} %` : `${number} ${name}`;
}

function digits(value) {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 1000) return Math.round(value).toLocaleString("en");
  if (size >= 100) return String(Math.round(value));
  if (size < 0.001) return value.toExponential(0);
  return String(Number(value.toPrecision(3)));
}

// Shares are read at their ends: almost all is not all, and very few is not none.
function share(value) {
  if (value > 0 && value < 0.0001) return "< 0.01 %";
  if (value < 1 && value > 0.9999) return "> 99.99 %";
  const percent = value * 100;
  const fine = percent < 1 || percent > 99;
  return `${Number(percent.toFixed(fine ? 2 : 1))} %`;
}

const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString("en-GB");
