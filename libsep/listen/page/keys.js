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
  ["/", "search the tracks", ["/"], (app) => app.focusSearch()],
  ["T", "dark or light", ["t"], (app) => app.toggleTheme()],
  ["?", "this help", ["?"], (app) => app.toggleHelp()],
];

export function listen(app) {
  document.addEventListener("keydown", (event) => {
    const target = event.target;
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (target.matches("input[type=search]")) return;
    if (target.matches("input[type=range]") && event.key.startsWith("Arrow")) return;
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
