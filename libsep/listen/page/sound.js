// The clock of what is heard: an AudioContext at the rate of the file, and the volume behind it.

import { dbToGain } from "./mixer.js";

const NO_SOUND_MS = 4000;
const NO_GESTURE_MS = 1000;
const NO_DEVICE = "The browser's sound does not start. Is there a sound device?";
const NO_GESTURE = "The browser plays only after a click or a key: press play.";
const NO_GESTURE_OR_DEVICE =
  "The browser's sound does not start: press play once more. If that does not help: is there a sound device?";
const TAKEN_AWAY = "The browser has stopped the sound, as for a call or without its device: press play.";

export class Sound {
  // `onstop(reason)`: what should be heard is not, or no longer; the reason is a sentence.
  constructor(onstop) {
    this.onstop = onstop;
    this.context = null;
    this.volume = null;
    this.db = 0;
    this.starts = 0;
  }

  prepare(sampleRate) {
    if (this.context?.sampleRate === sampleRate) return;
    this.context?.close();
    const context = (this.context = new AudioContext({ sampleRate, latencyHint: "interactive" }));
    this.volume = context.createGain();
    this.volume.connect(context.destination);
    this.setVolume(this.db);
    let hasRun = false;
    context.onstatechange = () => {
      if (context.state === "running") hasRun = true;
      // The browser may take the sound away: Safari does for a call, others with the device.
      else if (hasRun && this.context === context) this.onstop(TAKEN_AWAY);
    };
  }

  setVolume(db) {
    this.db = db;
    if (this.volume) this.volume.gain.value = dbToGain(db);
  }

  // To be called within a gesture, before anything is waited for: browsers start no sound otherwise,
  // Safari not even in a page that has played before. They wait silently, as without a device.
  start() {
    const { context } = this;
    const start = ++this.starts;
    const before = context.currentTime;
    const activation = navigator.userActivation; // Safari before 16.4 does not tell
    const reason = !activation ? NO_GESTURE_OR_DEVICE : activation.isActive ? NO_DEVICE : NO_GESTURE;
    context.resume().catch(() => {}); // closed meanwhile: another track has another rate
    setTimeout(() => {
      if (this.context !== context || this.starts !== start || context.currentTime !== before) return;
      this.onstop(reason);
    }, reason === NO_GESTURE ? NO_GESTURE_MS : NO_SOUND_MS);
  }

  stop() { this.starts++; }
}
