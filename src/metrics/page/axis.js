// Where the lines of a scale are.

// Marks from nothing to a round number that is at least `top`.
function valueMarks(top, unit, wanted) {
  const fallback = unit === "seconds" ? 1e-3 : 1;
  const most = top > 0 ? top : fallback;
  const base = unit.startsWith("bytes") ? 1024 : 10;
  const rough = most / wanted;
  const power = base === 10 ? 10 ** Math.floor(Math.log10(rough)) : 1024 ** Math.max(0, Math.floor(Math.log2(rough) / 10));
  const rounds = base === 10 ? [1, 2, 2.5, 5, 10] : [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];
  let step = power * (rounds.find((round) => round * power >= rough * 0.999) ?? base);
  // Half a thing is none.
  if (unit === "count" && most >= 1 && step < 1) step = 1;
  const marks = [];
  for (let count = 0; marks.length === 0 || marks[marks.length - 1] < most * 0.999; count += 1) marks.push(count * step);
  return marks;
}

const TIME_STEPS = [5, 10, 15, 20, 30, 60, 120, 300, 600, 900];

// Marks of the clock between two times, at least so many seconds apart.
function timeMarks(from, to, apart) {
  const step = TIME_STEPS.find((seconds) => seconds >= apart) ?? 1800;
  const marks = [];
  for (let time = Math.ceil(from / step) * step; time <= to; time += step) marks.push(time);
  return { marks, label: (time) => (step < 60 ? clock(time) : clock(time).slice(0, 5)) };
}
