// Puts the parts together and listens to the controls.

const WINDOWS = [[60, "1 min"], [300, "5 min"], [900, "15 min"], [1800, "30 min"]];
// One scrape a second for the longest window, and some for the rates at its beginning.
const SCRAPES = 1800 + 60;

const place = (id) => document.getElementById(id);
const catalogue = JSON.parse(place("panels").textContent);

function wantedOf({ metrics }) {
  const parts = (name, { histogram }) => (histogram ? ["_bucket", "_sum", "_count"].map((part) => name + part) : [name]);
  return new Set(Object.entries(metrics).flatMap(([name, metric]) => parts(name, metric)));
}

const history = new History(SCRAPES, wantedOf(catalogue));
const board = new Board(catalogue, history, { tabs: place("tabs"), main: place("main"), tip: place("tip"), spoken: place("spoken") });
// Whether the last sample is a hole.
let holed = false;

const poll = new Poll(
  "metrics",
  (time, text) => history.add(time, text),
  (from, to, over) => {
    // One hole is enough to end every line. It is right behind the last sample, because nobody knows when the next was true.
    const last = history.newest < 0 ? NaN : history.time(history.newest);
    if (!over && !holed && last < from) history.miss(last + 0.001);
    holed = !over;
    board.gap(from, to);
  },
  () => {
    offerHosts();
    tellState();
    if (!board.held) board.update(poll.now());
  },
);

function tellState() {
  const { state } = poll;
  const since = clock(state === "lost" ? poll.lostAt : poll.gathered);
  const words = {
    connecting: "connecting",
    live: "live",
    lost: "no answer",
    stale: "no news",
  };
  const shown = board.held && state === "live" ? "paused" : state;
  place("state").dataset.state = shown;
  place("state").lastElementChild.textContent = shown === "paused" ? "paused" : words[state];
  const banners = {
    lost: `Lost the connection since ${since}. Asking again every second; what was drawn before stays.`,
    stale: `No new numbers since ${since}: the session has ended, or does not answer.`,
  };
  const text = banners[state] ?? "";
  // Said once, not at every look.
  if (place("banner").textContent !== text) place("banner").textContent = text;
  place("banner").hidden = text === "";
  place("rates").textContent = `rates over ${board.view.range} s`;
}

// The hosts there are, without moving what somebody has chosen.
function offerHosts() {
  const hosts = history.valuesOf("node");
  const select = place("host");
  if (select.value && !hosts.includes(select.value)) hosts.unshift(select.value);
  const known = [...select.options].slice(1).map((option) => option.value);
  if (known.join("\n") === hosts.join("\n")) return;
  const chosen = select.value;
  select.replaceChildren(new Option("all hosts", ""), ...hosts.map((host) => new Option(host, host)));
  select.value = chosen;
}

function pause(on) {
  board.hold(on);
  place("pause").setAttribute("aria-pressed", String(on));
  place("pause").lastElementChild.textContent = on ? "Go on" : "Pause";
  tellState();
  if (!on) board.update(poll.now());
}

// What somebody chose last time, where the browser lets us keep it.
const kept = {
  read(name) {
    try {
      return localStorage.getItem(`chorus.${name}`);
    } catch {
      return null;
    }
  },
  write(name, value) {
    try {
      localStorage.setItem(`chorus.${name}`, value);
    } catch {
      // Then it is forgotten when the page is closed.
    }
  },
};

const prefersDark = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (document.documentElement.dataset.theme ?? (prefersDark.matches ? "dark" : "light")) === "dark";

function theme(name) {
  if (name === "dark" || name === "light") document.documentElement.dataset.theme = name;
  const label = isDark() ? "Light colours" : "Dark colours";
  place("theme").setAttribute("aria-label", label);
  place("theme").title = label;
}

function tabKeys(event) {
  const ids = board.boards.map((known) => known.id);
  const here = ids.indexOf(board.shown);
  const places = { ArrowLeft: here - 1, ArrowRight: here + 1, Home: 0, End: ids.length - 1 };
  if (!(event.key in places)) return;
  event.preventDefault();
  const id = ids[(places[event.key] + ids.length) % ids.length];
  location.hash = id;
  place(`tab-${id}`).focus();
}

function start() {
  for (const [seconds, name] of WINDOWS) {
    const button = make("button", "", [name]);
    button.type = "button";
    button.dataset.seconds = seconds;
    button.addEventListener("click", () => choose(seconds));
    place("windows").append(button);
  }
  const choose = (seconds) => {
    for (const button of place("windows").children) button.setAttribute("aria-pressed", String(Number(button.dataset.seconds) === seconds));
    kept.write("window", seconds);
    board.show(seconds);
    tellState();
  };
  const known = Number(kept.read("window"));
  choose(WINDOWS.some(([seconds]) => seconds === known) ? known : 300);
  place("host").addEventListener("change", (event) => board.host(event.target.value));
  place("pause").addEventListener("click", () => pause(!board.held));
  place("theme").addEventListener("click", () => {
    theme(isDark() ? "light" : "dark");
    kept.write("theme", document.documentElement.dataset.theme);
  });
  prefersDark.addEventListener("change", () => theme());
  theme(kept.read("theme"));
  for (const { id, tab } of board.boards) tab.addEventListener("click", () => (location.hash = id));
  place("tabs").addEventListener("keydown", tabKeys);
  addEventListener("hashchange", () => board.choose(location.hash.slice(1)));
  board.choose(location.hash.slice(1));
  tellState();
  poll.start();
}

start();
