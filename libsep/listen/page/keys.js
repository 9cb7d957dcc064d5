// The keyboard, and its help: one table for both.

export const KEYS = [
  ["Space", "play or pause", [" "], (app) => app.toggle()],
  ["← →", "5 seconds back or on; with Shift 1 second", ["ArrowLeft", "ArrowRight"],
    (app, event) => app.skip((event.key === "ArrowLeft" ? -1 : 1) * (event.shiftKey ? 1 : 5))],
  ["Home", "to the start, or to the start of the loop", ["Home"], (app) => app.rewind()],
  ["1 … 8", "mute a stem; with Shift solo", [], null],
  ["O", "original or mix, equally loud", ["o"], (app) => app.setOriginal(!app.original)],
  ["A  B", "loop from here, loop to here", ["a", "b"], (app, event) => app.markLoop(event.key)],
  ["L", "loop on or off", ["l"], (app) => app.toggleLoop()],
  ["R", "reset the mix", ["r"], (app) => app.reset()],
  ["D", "download the mix as WAV", ["d"], (app) => app.download()],
  ["+  −  0", "zoom in, zoom out, all of the track; the wheel zooms, with Shift it moves along",
    ["+", "=", "-", "0"], (app, event) => (event.key === "0" ? app.zoom(0) : app.zoom(event.key === "-" ? 0.5 : 2))],
  ["↑ ↓", "track before, track after", ["ArrowUp", "ArrowDown"],
    (app, event) => app.openNeighbour(event.key === "ArrowUp" ? -1 : 1)],
  ["/", "search the tracks", ["/"], (app) => app.drawer.search()],
  ["T", "dark or light", ["t"], (app) => app.toggleTheme()],
  ["?", "this help", ["?"], (app) => app.toggleHelp()],
];

const MOVES_A_FADER = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "PageUp", "PageDown"];

let clicked = null;

// What has the focus by the keyboard gets the keys that work it; a button that was clicked leaves them to the page.
function isForItself(target, key) {
  if (target.matches("input[type=range]")) return MOVES_A_FADER.includes(key);
  return key === " " && target.matches("button") && target !== clicked;
}

export function listen(app) {
  document.addEventListener("pointerdown", (event) => (clicked = event.target.closest("button")));
  document.addEventListener("keydown", (event) => {
    const target = event.target;
    if (event.key === "Tab") clicked = null;
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (target.matches("input[type=search]")) return;
    if (isForItself(target, event.key)) return;
    if (document.querySelector("dialog[open]") && event.key !== "?") return;
    const digit = /^Digit([1-8])$/.exec(event.code);
    if (digit) {
      event.preventDefault();
      app.switchStem(Number(digit[1]) - 1, event.shiftKey ? "solo" : "mute");
      return;
    }
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const found = KEYS.find(([, , keys]) => keys.includes(key));
    if (!found) return;
    event.preventDefault();
    found[3](app, { key, shiftKey: event.shiftKey });
  });
}

export function fillHelp(table) {
  for (const [keys, does] of KEYS) {
    const row = table.insertRow();
    for (const key of keys.split(/ {2}/)) {
      const kbd = document.createElement("kbd");
      kbd.textContent = key;
      (row.cells[0] ?? row.insertCell()).append(kbd, " ");
    }
    row.insertCell().textContent = does;
  }
}
