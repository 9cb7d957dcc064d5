// What is heard: pure functions from the state of the mixer to numbers. They touch no page.

export const MIN_DB = -48; // the lowest position of a fader is silence
export const MAX_DB = 6;

export function dbToGain(db) { return db <= MIN_DB ? 0 : 10 ** (db / 20); }
export function gainToDb(gain) { return gain > 0 ? 20 * Math.log10(gain) : -Infinity; }

// Gains of the stems: `stems` holds {mute, solo, db}. A solo silences all that are not solo.
export function stemGains(stems) {
  const anySolo = stems.some((stem) => stem.solo);
  return stems.map((stem) => {
    const heard = anySolo ? stem.solo : !stem.mute;
    return heard ? dbToGain(stem.db) : 0;
  });
}

// Gain of the original that makes it as loud as the mix. `energies` is the matrix E of the server,
// with the original first: the mix with the gains g has the energy gᵀEg.
export function matchedGain(energies, gains) {
  if (!energies || !(energies[0][0] > 0)) return 1;
  const g = [0, ...gains];
  let mix = 0;
  for (let i = 1; i < g.length; i++) {
    for (let j = 1; j < g.length; j++) mix += g[i] * g[j] * energies[i][j];
  }
  const gain = Math.sqrt(Math.max(0, mix) / energies[0][0]);
  if (gain < 1e-3) return 1; // a silent mix is matched by nothing
  return Math.min(2, Math.max(0.1, gain));
}

// Gains of all streams, the original first.
export function streamGains(stems, original, energies) {
  const gains = stemGains(stems);
  if (!original) return [0, ...gains];
  return [matchedGain(energies, gains), ...gains.map(() => 0)];
}

// Numbers of the next `count` chunks in the order in which they will be played.
export function playOrder(position, loop, nSamples, chunkSamples, count) {
  const loops = loop !== null && position < loop.end;
  const end = loops ? loop.end : nSamples;
  const order = [];
  let at = Math.min(position, nSamples - 1);
  let wrapped = false;
  while (order.length < count) {
    const index = Math.floor(at / chunkSamples);
    if (!order.includes(index)) order.push(index);
    at = (index + 1) * chunkSamples;
    if (at >= end) {
      if (!loops || wrapped) break;
      wrapped = true;
      at = loop.start;
    }
  }
  return order;
}

// A loop of two ends in any order, at least a hundredth of a second long; null if it is shorter.
export function loopOf(a, b, nSamples, sampleRate) {
  const start = Math.round(Math.max(0, Math.min(a, b)));
  const end = Math.round(Math.min(nSamples, Math.max(a, b)));
  return end - start >= sampleRate / 100 ? { start, end } : null;
}

// What a mix is called: "no vocals", "drums + bass", "vocals -3 dB".
export function mixName(names, stems) {
  const gains = stemGains(stems);
  const silent = names.filter((_, i) => gains[i] === 0);
  const heard = names.filter((_, i) => gains[i] > 0);
  const changed = names
    .map((name, i) => [name, gains[i]])
    .filter(([, gain]) => gain > 0 && Math.abs(gainToDb(gain)) > 0.05)
    .map(([name, gain]) => `${name} ${formatDb(gainToDb(gain))}`);
  const parts = [];
  if (heard.length && silent.length) {
    const few = heard.length <= silent.length;
    parts.push(few ? heard.join(" + ") : `no ${silent.join(", ")}`);
  }
  parts.push(...changed);
  return parts.join(", ").toLowerCase().replaceAll(" db", " dB") || "mix";
}

export function formatDb(db) {
  if (db <= MIN_DB) return "−∞ dB";
  const text = Math.abs(db).toFixed(1);
  return `${text === "0.0" ? "" : db < 0 ? "−" : "+"}${text} dB`;
}

// Time runs: a digit changes when it is full, and 59.97 s is not the sixtieth.
export function formatTime(seconds, digits = 0) {
  const whole = Math.floor(seconds * 10 ** digits + 1e-6) / 10 ** digits;
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  const rest = (whole % 60).toFixed(digits).padStart(digits ? digits + 3 : 2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}
