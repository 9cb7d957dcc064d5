// The part of a track that the waveforms show, in shares of the track.

const LEAST_BINS = 64;

export class View {
  constructor() { this.reset(); }

  get width() { return this.to - this.from; }
  reset() { this.show(0, 1); }

  show(from, width) {
    this.from = Math.min(1 - width, Math.max(0, from));
    this.to = this.from + width;
  }

  // What lies at `share` of the picture stays there.
  zoom(factor, share, nBins) {
    const least = Math.min(1, LEAST_BINS / nBins);
    const width = Math.min(1, Math.max(least, this.width / factor));
    this.show(this.at(share) - share * width, width);
  }

  move(share) { this.show(this.from + share * this.width, this.width); }

  at(share) { return this.from + share * this.width; }
  shareOf(at) { return (at - this.from) / this.width; }
  holds(at) { return at >= this.from && at <= this.to; }

  // Turns the page if a place is not on it; returns whether it did.
  turnTo(at) {
    if (this.holds(at)) return false;
    this.show(at - 0.1 * this.width, this.width);
    return true;
  }
}
