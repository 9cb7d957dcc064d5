// Plays all streams of a track from one position: what one stream does, all do in the same sample.

const REPORT_BLOCKS = 8; // how many blocks of 128 samples lie between two reports: 23 ms at 44.1 kHz
const GLIDE = 0.35; // part of the way that a gain goes in one block: no clicks, settled in 30 ms

class StemPlayer extends AudioWorkletProcessor {
  constructor({ processorOptions }) {
    super();
    this.nStreams = processorOptions.streams;
    this.nSamples = processorOptions.samples;
    this.chunkSamples = processorOptions.chunkSamples;
    this.chunks = new Map();
    this.position = 0;
    this.jump = null;
    this.seeks = 0;
    this.playing = false;
    this.waiting = false;
    this.loop = null;
    this.openness = 0; // fades of one block around play, pause and seek
    this.gains = new Float32Array(this.nStreams);
    this.targets = new Float32Array(this.nStreams);
    this.levels = new Float32Array(this.nStreams);
    this.peak = 0;
    this.nBlocks = 0;
    this.closed = false;
    this.port.onmessage = ({ data }) => this.receive(data);
  }

  receive(message) {
    switch (message.kind) {
      case "chunk":
        this.chunks.set(message.index, message.samples);
        this.port.postMessage({ kind: "stored", index: message.index });
        break;
      case "drop": this.chunks.delete(message.index); break;
      case "play": this.playing = true; break;
      case "pause": this.playing = false; break;
      case "seek":
        this.jump = message.position;
        this.seeks = message.seeks;
        break;
      case "gains": this.targets.set(message.gains); break;
      case "loop": this.loop = message.loop; break;
      case "sync": this.port.postMessage({ kind: "synced", id: message.id }); break;
      case "close": this.closed = true; this.chunks.clear(); break;
    }
  }

  process(_, [output]) {
    const [left, right] = output;
    const n = left.length;
    if (this.jump !== null && this.openness === 0) {
      this.position = this.jump;
      this.jump = null;
    }
    const goal = this.playing && this.jump === null ? 1 : 0;
    if (this.openness === 0) this.gains.set(this.targets);
    if (goal || this.openness) this.fill(left, right, n, goal);
    if (++this.nBlocks % REPORT_BLOCKS === 0) this.report();
    return !this.closed;
  }

  fill(left, right, n, goal) {
    const next = this.gains.map((gain, stream) => {
      const way = this.targets[stream] - gain;
      return Math.abs(way) < 1e-4 ? this.targets[stream] : gain + way * GLIDE;
    });
    let done = 0;
    this.waiting = false;
    while (done < n) {
      const index = Math.floor(this.position / this.chunkSamples);
      const loops = this.loop !== null && this.position < this.loop.end;
      const end = Math.min(loops ? this.loop.end : this.nSamples, (index + 1) * this.chunkSamples);
      const samples = this.chunks.get(index);
      if (this.position >= this.nSamples) {
        this.playing = false;
        this.port.postMessage({ kind: "ended", seeks: this.seeks });
        break;
      }
      if (samples === undefined) {
        this.waiting = true;
        break;
      }
      const run = Math.min(n - done, end - this.position);
      this.add(samples, this.position - index * this.chunkSamples, left, right, done, run, next, n);
      done += run;
      this.position += run;
      if (loops && this.position >= this.loop.end) this.position = this.loop.start;
    }
    this.gains = next;
    if (goal !== this.openness) {
      for (let i = 0; i < n; i++) {
        const openness = goal ? i / n : 1 - i / n;
        left[i] *= openness;
        right[i] *= openness;
      }
      this.openness = goal;
    }
    for (let i = 0; i < done; i++) {
      this.peak = Math.max(this.peak, Math.abs(left[i]), Math.abs(right[i]));
    }
    if (done < n) this.openness = 0; // nothing to play: what comes next fades in
  }

  add(samples, from, left, right, at, run, next, n) {
    const length = samples.length / (2 * this.nStreams);
    for (let stream = 0; stream < this.nStreams; stream++) {
      const start = this.gains[stream];
      const step = (next[stream] - start) / n;
      if (start === 0 && step === 0) continue;
      const l = 2 * stream * length + from;
      const r = l + length;
      let level = this.levels[stream];
      for (let i = 0; i < run; i++) {
        const gain = step === 0 ? start : start + step * (at + i);
        const a = gain * samples[l + i];
        const b = gain * samples[r + i];
        left[at + i] += a;
        right[at + i] += b;
        level = Math.max(level, Math.abs(a), Math.abs(b));
      }
      this.levels[stream] = level;
    }
  }

  report() {
    this.port.postMessage({
      kind: "state",
      position: this.jump ?? this.position,
      seeks: this.seeks,
      playing: this.playing,
      waiting: this.playing && this.waiting,
      levels: Array.from(this.levels),
      peak: this.peak,
    });
    this.levels.fill(0);
    this.peak = 0;
  }
}

registerProcessor("stem-player", StemPlayer);
