// The mixing desk as it is seen: lanes, playhead, meters and buttons follow the state of the app.

import { MAX_DB, MIN_DB, formatDb, formatTime, gainToDb } from "./mixer.js";
import { draw, drawRuler, follow } from "./waveform.js";

const $ = (id) => document.getElementById(id);
const FLOOR_DB = -60; // left end of a meter
const NEED_PLAYER = ["play", "rewind", "loop-a", "loop-b", "loop", "hear-mix", "hear-original"];
const NEED_TRACK = ["reset", "download"];

export class Desk {
  constructor(app) {
    this.app = app;
    this.lanes = [];
    this.isDrawing = false;
    this.isSeen = true;
    new ResizeObserver(() => this.draw()).observe($("mixer"));
    $("mixer").addEventListener("wheel", (event) => this.turnWheel(event), { passive: false });
  }

  show(name, number, sheet, stems) {
    const { tags } = sheet;
    const title = tags.title || nameOf(name);
    $("title").textContent = title;
    $("title").title = name;
    $("artist").textContent = [tags.artist, tags.album].filter(Boolean).join(" · ");
    document.title = [title, tags.artist].filter(Boolean).join(" · ");
    $("cover").hidden = !sheet.hasCover;
    if (sheet.hasCover) $("cover").src = `tracks/${number}/cover`;
    const facts = [
      tags.bpm && `${Number(tags.bpm) ? Number(tags.bpm).toFixed(1).replace(".0", "") : tags.bpm} BPM`,
      tags.key, tags.genre, sheet.codec.toUpperCase(), `${sheet.sampleRate / 1000} kHz`,
    ];
    $("facts").replaceChildren(...facts.filter(Boolean).map((fact) => element("li", "", fact)));
    $("length").textContent = `/ ${formatTime(sheet.samples / sheet.sampleRate)}`;
    this.lanes = [this.originalLane(), ...stems.map((stem, i) => this.stemLane(stem, i))];
    $("lanes").replaceChildren(...this.lanes.map((lane) => lane.box));
    $("overlay").hidden = false;
    this.update();
    this.draw();
  }

  // Shows a track by its name only: all that the page knows of a file that cannot be read.
  clear(name) {
    $("title").textContent = document.title = nameOf(name);
    $("title").title = name;
    for (const id of ["artist", "length", "match"]) $(id).textContent = "";
    $("time").textContent = formatTime(0, 1);
    $("cover").hidden = true;
    $("overlay").hidden = true;
    $("ruler").width = 0;
    this.lanes = [];
    $("lanes").replaceChildren();
    $("facts").replaceChildren();
    this.quiet();
  }

  // Nobody reports levels any more once the sound stands still.
  quiet() {
    for (const lane of [...this.lanes, this.output]) if (lane) showLevel(Object.assign(lane, { shown: 0 }), 0);
  }

  // Lanes

  lane(kind, color) {
    const box = element("div", `lane ${kind}`);
    box.style.setProperty("--color", color);
    const controls = element("div", "controls");
    const canvas = document.createElement("canvas");
    box.append(controls, canvas);
    const meter = element("div", "meter");
    const bar = document.createElement("i");
    meter.append(bar);
    const seek = (share) => this.app.seek(this.app.view.at(share) * (this.app.sheet?.samples ?? 0));
    follow(canvas, { start: seek, move: seek, end: () => {} });
    return { box, controls, canvas, meter, bar, shown: 0 };
  }

  originalLane() {
    const lane = this.lane("original", "var(--original)");
    const top = element("div", "top");
    top.append(element("span", "name", "Original"));
    lane.controls.append(top, lane.meter);
    return lane;
  }

  stemLane(stem, index) {
    const lane = this.lane("stem", stem.color);
    const key = index + 1;
    lane.box.setAttribute("role", "group");
    lane.box.setAttribute("aria-label", stem.name);
    lane.mute = button("mute", "M", `Mute ${stem.name} (${key})`, () => this.app.switchStem(index, "mute"));
    lane.solo = button("solo", "S", `Solo ${stem.name} (Shift ${key})`, () => this.app.switchStem(index, "solo"));
    lane.fader = document.createElement("input");
    Object.assign(lane.fader, { type: "range", min: MIN_DB, max: MAX_DB, step: 0.5 });
    lane.fader.setAttribute("aria-label", `Volume of ${stem.name} in dB`);
    const set = (db) => {
      stem.db = db;
      this.app.mix();
    };
    lane.fader.addEventListener("input", () => set(Number(lane.fader.value)));
    lane.fader.addEventListener("dblclick", () => set(0));
    lane.db = element("output", "db");
    const [top, bottom] = [element("div", "top"), element("div", "bottom")];
    top.append(element("span", "name", stem.name), lane.mute, lane.solo);
    bottom.append(lane.fader, lane.db);
    lane.controls.append(top, bottom, lane.meter);
    return lane;
  }

  // What follows the state

  update() {
    const { app } = this;
    const anySolo = app.stems.some((stem) => stem.solo);
    this.lanes.forEach((lane, i) => {
      if (i === 0) {
        lane.box.classList.toggle("silent", !app.original);
        return;
      }
      const stem = app.stems[i - 1];
      press(lane.mute, stem.mute);
      press(lane.solo, stem.solo);
      setFader(lane.fader, stem.db);
      lane.db.textContent = formatDb(stem.db);
      const heard = (anySolo ? stem.solo : !stem.mute) && stem.db > MIN_DB;
      lane.box.classList.toggle("silent", app.original || !heard);
    });
    $("play").classList.toggle("playing", app.playing);
    $("play").classList.toggle("waiting", false);
    $("play").setAttribute("aria-label", app.playing ? "Pause (Space)" : "Play (Space)");
    for (const id of NEED_PLAYER) $(id).disabled = !app.isPlayable;
    for (const id of NEED_TRACK) $(id).disabled = !app.isThere;
    press($("hear-mix"), !app.original);
    press($("hear-original"), app.original);
    press($("loop"), app.loops);
    this.region(app.loop, app.loops);
    if (app.sheet) this.movePlayhead();
  }

  region(loop, isOn) {
    const { sheet } = this.app;
    $("region").hidden = !loop || !sheet;
    $("loop-text").textContent = "drag along the times to loop";
    if (!loop || !sheet) return;
    $("region").classList.toggle("off", !isOn);
    const { view } = this.app;
    $("region").style.left = `${view.shareOf(loop.start / sheet.samples) * 100}%`;
    $("region").style.width = `${((loop.end - loop.start) / sheet.samples / view.width) * 100}%`;
    const [from, to] = [loop.start, loop.end].map((at) => formatTime(at / sheet.sampleRate, 1));
    $("loop-text").textContent = `loop ${from} – ${to}`;
  }

  move(state) {
    $("play").classList.toggle("waiting", state.waiting);
    this.movePlayhead();
    state.levels.forEach((level, stream) => this.lanes[stream] && showLevel(this.lanes[stream], level));
    this.output ??= { meter: $("output"), bar: $("output").firstElementChild, shown: 0 };
    showLevel(this.output, state.peak * (this.app.sound.volume?.gain.value ?? 1));
  }

  movePlayhead() {
    const { position, sheet, view } = this.app;
    const at = position / sheet.samples;
    if (this.isSeen && view.turnTo(at)) this.draw(); // who looks elsewhere is left there
    this.isSeen = view.holds(at);
    $("playhead").style.left = `calc(${view.shareOf(at) * 100}% - 1px)`;
    $("time").textContent = formatTime(position / sheet.sampleRate, 1);
  }

  // The wheel zooms; sideways, or with Shift, it moves along.
  turnWheel(event) {
    const { app } = this;
    const box = $("ruler").getBoundingClientRect();
    if (!app.sheet || event.ctrlKey || event.clientX < box.left) return;
    event.preventDefault();
    if (!event.shiftKey && Math.abs(event.deltaY) > Math.abs(event.deltaX)) {
      app.zoom(event.deltaY < 0 ? 1.25 : 0.8, (event.clientX - box.left) / box.width);
      return;
    }
    app.view.move(Math.sign(event.deltaX || event.deltaY) * 0.1);
    app.look();
  }

  // Draws all shapes, at most once for each picture of the screen.
  draw() {
    if (this.isDrawing) return;
    this.isDrawing = true;
    requestAnimationFrame(() => {
      this.isDrawing = false;
      const { sheet, waveform, view } = this.app;
      if (!sheet) return;
      const style = getComputedStyle(document.documentElement);
      const seconds = sheet.samples / sheet.sampleRate;
      drawRuler($("ruler"), seconds, style.getPropertyValue("--muted"), view, formatTime);
      this.lanes.forEach((lane, stream) => {
        const color = stream ? sheet.stems[stream - 1].color : style.getPropertyValue("--original");
        draw(lane.canvas, waveform, stream, color, view);
      });
      $("overlay").style.height = `${$("mixer").querySelector("#lanes").offsetTop + $("lanes").offsetHeight}px`;
    });
  }
}

function showLevel(lane, level) {
  lane.shown = Math.max(level, lane.shown * 0.86); // falls slowly, so that one can read it
  const share = Math.min(1, Math.max(0, 1 - gainToDb(lane.shown) / FLOOR_DB));
  lane.bar.style.transform = `scaleX(${share})`;
  lane.meter.classList.toggle("over", lane.shown > 1);
}

// Moves a fader, and fills its track up to there.
export function setFader(fader, value) {
  if (Number(fader.value) !== value) fader.value = value;
  const share = (value - fader.min) / (fader.max - fader.min);
  fader.style.setProperty("--fill", `${share * 100}%`);
}

function nameOf(path) { return path.split("/").at(-1).replace(/\.stem\.(mp4|m4a)$/i, ""); }

function press(button, isOn) { button.setAttribute("aria-pressed", String(isOn)); }

function element(tag, kind, text = "") {
  const made = document.createElement(tag);
  made.className = kind;
  made.textContent = text;
  return made;
}

function button(kind, text, label, does) {
  const made = element("button", kind, text);
  made.type = "button";
  made.title = label;
  made.setAttribute("aria-label", label);
  made.addEventListener("click", does);
  return made;
}
