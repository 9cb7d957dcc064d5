// The shapes of the streams on canvases, and where one points at them.

export class Waveform {
  // Columns of all streams of a track, filled while the server decodes.
  constructor(nStreams, nSamples, binSamples) {
    this.nSamples = nSamples;
    this.binSamples = binSamples;
    this.nBins = Math.ceil(nSamples / binSamples);
    this.filled = 0;
    this.peaks = Array.from({ length: nStreams }, () => new Uint8Array(this.nBins));
    this.levels = Array.from({ length: nStreams }, () => new Uint8Array(this.nBins));
    this.energies = null;
  }

  add(part) {
    part.peaks.forEach((row, stream) => this.peaks[stream].set(row, part.bins));
    part.levels.forEach((row, stream) => this.levels[stream].set(row, part.bins));
    this.filled = part.bins + part.peaks[0].length;
    this.energies = part.energies;
  }
}

// Draws what a view shows of one stream: its peaks pale, its loudness solid on top.
export function draw(canvas, waveform, stream, color, view) {
  const ratio = window.devicePixelRatio || 1;
  const width = Math.round(canvas.clientWidth * ratio);
  const height = Math.round(canvas.clientHeight * ratio);
  if (!width || !height) return;
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, width, height);
  pen.fillStyle = color;
  const middle = height / 2;
  pen.globalAlpha = 0.35;
  pen.fillRect(0, Math.floor(middle), width, Math.max(1, Math.round(ratio)));
  if (!waveform) return;
  const step = Math.max(1, Math.round(ratio));
  const shapes = [[waveform.peaks[stream], 0.45], [waveform.levels[stream], 1]];
  for (const [values, alpha] of shapes) {
    pen.globalAlpha = alpha;
    pen.beginPath();
    for (let x = 0; x < width; x += step) {
      const from = Math.floor(view.at(x / width) * waveform.nBins);
      const to = Math.max(from + 1, Math.floor(view.at((x + step) / width) * waveform.nBins));
      if (from >= waveform.filled) break;
      let most = 0;
      for (let bin = from; bin < to && bin < waveform.filled; bin++) {
        most = Math.max(most, values[bin]);
      }
      const half = (most / 255) * (middle - ratio);
      if (half > 0) pen.rect(x, middle - half, step, 2 * half);
    }
    pen.fill();
  }
  pen.globalAlpha = 1;
}

// Ticks of the time that a view shows, as many as fit.
export function drawRuler(canvas, seconds, color, view, format) {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  pen.fillStyle = color;
  pen.font = "11px system-ui, sans-serif";
  pen.textBaseline = "middle";
  const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200];
  const shown = seconds * view.width;
  const step = steps.find((each) => (each / shown) * width >= 72) ?? steps.at(-1);
  for (let tick = Math.ceil((seconds * view.from) / step); tick * step < seconds * view.to; tick++) {
    const at = tick * step;
    const x = Math.round(view.shareOf(at / seconds) * width);
    pen.fillRect(x, height - 6, 1, 6);
    const label = format(at, step < 1 ? 1 : 0);
    if (x + 6 + pen.measureText(label).width < width) pen.fillText(label, x + 4, height / 2 - 1);
  }
}

// Calls back with 0 to 1 while one points at an element and drags: `start`, `move`, `end`.
export function follow(element, { start, move, end }) {
  const share = (event) => {
    const box = element.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
  };
  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    element.setPointerCapture(event.pointerId);
    start(share(event));
    const onmove = (moved) => move(share(moved));
    const onend = (last) => {
      element.removeEventListener("pointermove", onmove);
      element.removeEventListener("pointerup", onend);
      element.removeEventListener("pointercancel", onend);
      end(share(last), last.type === "pointercancel");
    };
    element.addEventListener("pointermove", onmove);
    element.addEventListener("pointerup", onend);
    element.addEventListener("pointercancel", onend);
  });
}
