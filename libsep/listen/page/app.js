// The page: what the server says on the left, what one does with it on the right.

import { getChunk, getJson, readLines } from "./server.js";
import { Desk, setFader } from "./desk.js";
import { Drawer } from "./drawer.js";
import { fillHelp, listen } from "./keys.js";
import { TrackList } from "./list.js";
import { formatDb, gainToDb, loopOf, matchedGain, mixName, stemGains, streamGains } from "./mixer.js";
import { Player } from "./player.js";
import { Sound } from "./sound.js";
import { View } from "./view.js";
import { Waveform, follow } from "./waveform.js";

const $ = (id) => document.getElementById(id);
const KEPT = 20; // waveforms of tracks heard before

class App {
  constructor() {
    this.desk = new Desk(this);
    this.drawer = new Drawer();
    this.list = new TrackList($("rows"), $("search"), $("count"), (number) => this.open(number));
    this.waveforms = new Map();
    this.view = new View();
    this.sound = new Sound((reason) => this.silence(reason));
    this.stems = [];
    this.original = false;
    this.playing = false;
    this.failed = false; // the track, or its player, could not be had
    this.loop = null; // {start, end}, kept while it is off
    this.loops = false;
    this.position = 0;
    this.wire();
  }

  async start() {
    const { folder, tracks, chunkSamples } = await getJson("tracks");
    this.names = tracks;
    this.chunkSamples = chunkSamples;
    if (folder !== null) {
      this.drawer.offer();
      this.list.fill(tracks);
    }
    const wanted = Number(/^#(\d+)$/.exec(location.hash)?.[1] ?? 0);
    await this.open(wanted < tracks.length ? wanted : 0);
  }

  // Tracks

  async open(number, position = 0) {
    const wasPlaying = this.playing;
    this.close();
    const opening = (this.opening = {});
    this.number = number;
    this.list.show(number);
    this.drawer.show(false);
    this.problem(null);
    history.replaceState(null, "", `#${number}`);
    try {
      const sheet = await getJson(`tracks/${number}`);
      if (this.opening !== opening) return;
      await this.load(number, sheet, opening);
      if (position && this.opening === opening) this.seek(position);
      if (wasPlaying && this.opening === opening) this.play();
    } catch (error) {
      if (this.opening === opening) this.fail(error);
    }
  }

  // Nothing of the track before stays on the page, and what cannot work is off.
  fail(error) {
    this.failed = true;
    if (!this.sheet) this.desk.clear(this.names[this.number]);
    this.desk.update();
    this.problem(error.message);
  }

  // A file that was replaced is read anew, and goes on where it was.
  async trouble(error) {
    if (!error.isOther) return this.problem(error.message);
    await this.open(this.number, this.position);
    if (!this.failed) this.problem(`${error.message}, and was read again.`);
  }

  get context() { return this.sound.context; }
  get isPlayable() { return !this.failed || this.player !== null; }
  get isThere() { return !this.failed || this.sheet !== null; }

  async load(number, sheet, opening) {
    this.sheet = sheet;
    const before = this.stems;
    const isSame = before.map((stem) => stem.name).join() === sheet.stems.map((s) => s.name).join();
    // Whoever looks for instrumentals goes through the list with the vocals off.
    this.stems = sheet.stems.map((stem, i) => ({ mute: false, solo: false, db: 0, ...(isSame ? before[i] : {}), ...stem }));
    this.stopped = new AbortController();
    this.desk.show(this.names[number], number, sheet, this.stems);
    this.readWaveform(number, sheet, this.stopped.signal);
    this.sound.prepare(sheet.sampleRate);
    const streams = { ...sheet, streams: 1 + sheet.stems.length, chunkSamples: this.chunkSamples };
    const player = await Player.create(this.context, streams, (index, signal) =>
      getChunk(number, index * this.chunkSamples, this.chunkSamples, signal, sheet.state));
    if (this.opening !== opening) return player.close();
    this.player = player;
    player.node.connect(this.sound.volume);
    player.onstate = (state) => this.follow(state);
    player.onerror = (error) => { if (this.player === player) this.trouble(error); };
    this.mix();
  }

  close() {
    this.stopped?.abort();
    this.player?.close();
    this.player = null;
    this.sheet = null;
    this.playing = false;
    this.failed = false;
    this.position = 0;
    this.loop = null;
    this.loops = false;
    this.waveform = null;
    this.view.reset();
    this.desk.update();
  }

  async readWaveform(number, sheet, signal) {
    const address = `tracks/${number}/waveform?state=${sheet.state}`;
    const kept = this.waveforms.get(address);
    this.waveform = kept ?? new Waveform(1 + sheet.stems.length, sheet.samples, sheet.binSamples);
    this.desk.draw();
    if (kept) return;
    const waveform = this.waveform;
    try {
      await readLines(address, signal, (part) => {
        waveform.add(part);
        this.desk.draw();
        if (this.original) this.mix();
      });
      this.waveforms.set(address, waveform);
      if (this.waveforms.size > KEPT) this.waveforms.delete(this.waveforms.keys().next().value);
    } catch (error) {
      if (!signal.aborted) this.trouble(error);
    }
  }

  openNeighbour(step) {
    const number = this.list.found ? this.list.neighbour(step) : null;
    if (number !== null) this.open(number);
  }

  // Transport

  toggle() { this.playing ? this.pause() : this.play(); }

  play() {
    if (!this.player) return;
    this.problem(null);
    this.playing = true;
    this.player.play();
    this.sound.start();
    this.desk.update();
  }

  // What is not heard is not playing: the button offers to play, which tries again.
  silence(reason) {
    if (!this.playing) return;
    this.pause();
    this.desk.quiet();
    if (reason) this.problem(reason);
  }

  pause() {
    this.playing = false;
    this.player?.pause();
    this.sound.stop();
    this.desk.update();
  }

  seek(position) {
    if (!this.player) return;
    this.position = Math.round(Math.min(this.sheet.samples - 1, Math.max(0, position)));
    if (this.view.turnTo(this.position / this.sheet.samples)) this.desk.draw();
    this.player.seek(this.position);
    this.desk.update();
  }

  skip(seconds) { this.seek(this.position + seconds * this.sheet?.sampleRate); }
  rewind() { this.seek(this.loops ? this.loop.start : 0); }

  follow(state) {
    if (state.ended) {
      this.pause();
      this.seek(0);
      return;
    }
    this.position = state.position;
    this.desk.move(state);
    if (state.waiting && this.player.hasFailed) this.silence(null); // the reason is on the page
  }

  // View

  // Zooms around what lies at `share` of the picture; without one, around the playhead.
  zoom(factor, share = null) {
    if (!this.sheet) return;
    const here = this.view.shareOf(this.position / this.sheet.samples);
    const middle = here >= 0 && here <= 1 ? here : 0.5;
    this.view.zoom(factor, share ?? middle, this.waveform?.nBins ?? 1);
    this.look();
  }

  look() {
    this.desk.isSeen = this.sheet !== null && this.view.holds(this.position / this.sheet.samples);
    this.desk.draw();
    this.desk.update();
  }

  // Loop

  setLoop(loop, isOn = loop !== null) {
    this.loop = loop;
    this.loops = isOn && loop !== null;
    this.player?.setLoop(this.loops ? loop : null);
    this.desk.update();
  }

  markLoop(end) {
    if (!this.sheet) return;
    const { samples, sampleRate } = this.sheet;
    const before = this.loop ?? { start: 0, end: samples };
    const loop = end === "a"
      ? loopOf(this.position, before.end > this.position ? before.end : samples, samples, sampleRate)
      : loopOf(before.start < this.position ? before.start : 0, this.position, samples, sampleRate);
    if (loop) this.setLoop(loop);
  }

  toggleLoop() {
    if (!this.sheet) return;
    this.setLoop(this.loop ?? { start: 0, end: this.sheet.samples }, !this.loops);
  }

  // Mix

  mix() {
    const energies = this.waveform?.energies;
    this.player?.setGains(streamGains(this.stems, this.original, energies));
    const match = gainToDb(matchedGain(energies, stemGains(this.stems)));
    $("match").textContent = this.original ? `${formatDb(match)} to match` : "";
    this.desk.update();
  }

  switchStem(index, what) {
    const stem = this.stems[index];
    if (!stem || !this.isThere) return;
    stem[what] = !stem[what];
    this.mix();
  }

  setOriginal(original) {
    if (!this.isPlayable) return;
    this.original = original;
    this.mix();
  }

  reset() {
    if (!this.isThere) return;
    for (const stem of this.stems) Object.assign(stem, { mute: false, solo: false, db: 0 });
    this.original = false;
    this.mix();
  }

  setVolume() {
    const db = Number($("volume").value);
    setFader($("volume"), db);
    this.sound.setVolume(db);
  }

  download() {
    if (!this.sheet) return;
    const gains = [0, ...stemGains(this.stems)].map((gain) => gain.toFixed(6)).join();
    const stretch = this.loops ? `&start=${this.loop.start}&count=${this.loop.end - this.loop.start}` : "";
    const title = this.names[this.number].split("/").at(-1).replace(/\.stem\.(mp4|m4a)$/i, "");
    const link = document.createElement("a");
    link.href = `tracks/${this.number}/mix.wav?state=${this.sheet.state}&gains=${gains}${stretch}`;
    link.download = `${title} (${mixName(this.stems.map((stem) => stem.name), this.stems)}).wav`;
    link.click();
  }

  // Page

  problem(text) {
    $("problem").hidden = text === null;
    $("problem").textContent = text ?? "";
  }

  toggleTheme() {
    const isLight = document.documentElement.classList.toggle("light");
    document.querySelector("meta[name=color-scheme]").content = isLight ? "light" : "dark";
    this.desk.draw();
  }

  toggleHelp() { $("help").open ? $("help").close() : $("help").showModal(); }

  wire() {
    const on = (id, does) => $(id).addEventListener("click", does);
    on("play", () => this.toggle());
    on("rewind", () => this.rewind());
    on("loop", () => this.toggleLoop());
    on("loop-a", () => this.markLoop("a"));
    on("loop-b", () => this.markLoop("b"));
    on("hear-mix", () => this.setOriginal(false));
    on("hear-original", () => this.setOriginal(true));
    on("reset", () => this.reset());
    on("download", () => this.download());
    on("theme", () => this.toggleTheme());
    on("help-button", () => this.toggleHelp());
    $("volume").addEventListener("input", () => this.setVolume());
    this.setVolume(); // a browser may keep its fader when the page is loaded again
    follow($("ruler"), this.loopDrag());
    fillHelp($("keys"));
    listen(this);
    if (matchMedia("(prefers-color-scheme: light)").matches) this.toggleTheme();
  }

  // A drag along the times sets the loop; a click there takes it away, or seeks if there is none.
  loopDrag() {
    let from = 0;
    let before = null;
    const loop = (share) => {
      const { samples, sampleRate } = this.sheet;
      const [a, b] = [from, share].map((each) => this.view.at(each) * samples);
      return loopOf(a, b, samples, sampleRate);
    };
    const isDrag = (share) => Math.abs(share - from) * $("ruler").clientWidth > 4;
    return {
      start: (share) => { from = share; before = this.loop; },
      move: (share) => { if (this.sheet && isDrag(share)) this.desk.region(loop(share), true); },
      end: (share, isCancelled) => {
        if (!this.sheet) return;
        if (isCancelled) return this.setLoop(before, this.loops);
        if (isDrag(share)) return this.setLoop(loop(share));
        if (before) return this.setLoop(null);
        this.seek(this.view.at(share) * this.sheet.samples);
      },
    };
  }
}

const app = new App();
window.app = app; // for the console, and the tests
app.start().catch((error) => app.problem(error.message));
