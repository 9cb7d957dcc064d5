// Keeps the worklet fed with what will be played next, and no more: memory does not grow.

import { playOrder } from "./mixer.js";

const FETCHES = 2;
const RETRY_MS = 2000;

export class Player {
  // `sheet`: streams, samples, sampleRate, chunkSamples; `fetchChunk(index, signal)` gives a promise
  // of the samples of one chunk, channel by channel. The context's rate must be that of the sheet.
  static async create(context, sheet, fetchChunk, { ahead = 6 } = {}) {
    await context.audioWorklet.addModule(new URL("./worklet.js", import.meta.url));
    return new Player(context, sheet, fetchChunk, ahead);
  }

  constructor(context, sheet, fetchChunk, ahead) {
    this.sheet = sheet;
    this.fetchChunk = fetchChunk;
    this.ahead = ahead;
    this.position = 0;
    this.seeks = 0;
    this.loop = null;
    this.stored = new Set();
    this.sent = new Set();
    this.fetching = new Map();
    this.hasFailed = false; // the last piece asked for did not come
    this.retryAt = 0;
    this.playing = false;
    this.syncs = new Map();
    this.onstate = () => {};
    this.onerror = () => {};
    this.node = new AudioWorkletNode(context, "stem-player", {
      numberOfInputs: 0,
      outputChannelCount: [2],
      processorOptions: {
        streams: sheet.streams,
        samples: sheet.samples,
        chunkSamples: sheet.chunkSamples,
      },
    });
    this.node.port.onmessage = ({ data }) => this.receive(data);
    this.feed();
  }

  play() {
    this.playing = true;
    this.hasFailed = false;
    this.post({ kind: "play" });
    this.feed();
  }

  pause() {
    this.playing = false;
    this.post({ kind: "pause" });
  }

  setGains(gains) { this.post({ kind: "gains", gains }); }

  seek(position) {
    this.position = position;
    this.hasFailed = false;
    this.post({ kind: "seek", position, seeks: ++this.seeks });
    this.feed();
  }

  setLoop(loop) {
    this.loop = loop;
    this.post({ kind: "loop", loop });
    this.feed();
  }

  // Resolves when the worklet has done all that it was told, and has all that it plays next.
  async ready() {
    while (this.wanted.some((index) => !this.stored.has(index))) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const id = Math.random();
    await new Promise((resolve) => {
      this.syncs.set(id, resolve);
      this.post({ kind: "sync", id });
    });
  }

  close() {
    this.closed = true;
    for (const stop of this.fetching.values()) stop.abort();
    this.post({ kind: "close" });
    this.node.disconnect();
    this.node.port.onmessage = null;
  }

  post(message, transfer = []) { this.node.port.postMessage(message, transfer); }

  receive(message) {
    if (message.kind === "stored") this.stored.add(message.index);
    if (message.kind === "synced") this.syncs.get(message.id)?.();
    if (message.kind === "ended" && message.seeks === this.seeks) this.onstate({ ended: true });
    if (message.kind === "state") {
      if (message.seeks !== this.seeks) return; // from before a jump that is under way
      this.position = message.position;
      this.feed();
      this.onstate(message);
    }
  }

  feed() {
    if (this.closed) return;
    const { samples, chunkSamples } = this.sheet;
    this.wanted = playOrder(this.position, this.loop, samples, chunkSamples, this.ahead);
    for (const index of this.sent) {
      if (!this.wanted.includes(index)) {
        this.post({ kind: "drop", index });
        this.sent.delete(index);
        this.stored.delete(index);
      }
    }
    for (const [index, stop] of this.fetching) {
      if (!this.wanted.includes(index)) stop.abort();
    }
    // After a failure it asks again now and then while it plays, and else when one plays or jumps.
    if (this.hasFailed && !(this.playing && performance.now() >= this.retryAt)) return;
    for (const index of this.wanted) {
      if (this.fetching.size >= FETCHES) break;
      if (!this.sent.has(index) && !this.fetching.has(index)) this.fetch(index);
    }
  }

  async fetch(index) {
    const stop = new AbortController();
    this.fetching.set(index, stop);
    try {
      const samples = new Float32Array(await this.fetchChunk(index, stop.signal));
      if (!stop.signal.aborted && this.wanted.includes(index)) {
        this.sent.add(index);
        this.post({ kind: "chunk", index, samples }, [samples.buffer]);
      }
      this.hasFailed = false;
    } catch (error) {
      if (!stop.signal.aborted) this.fail(error);
    }
    this.fetching.delete(index);
    this.feed();
  }

  fail(error) {
    this.hasFailed = true;
    this.retryAt = performance.now() + RETRY_MS;
    this.onerror(error);
  }
}
