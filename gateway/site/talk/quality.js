/** How well the caller can be heard, measured on the microphone's own frames. */

const KEPT = 500;
const FULL = 32_700;
const SILENCE_DB = -90;
const SEEN = 50;
const SPOKEN_DB = -50;
const QUIET_DB = -38;

const db = (value) => Math.max(SILENCE_DB, 20 * Math.log10(value || 1e-9));

export class Quality {
  constructor() {
    /** Levels of the last ten seconds' frames, and whether each was clipped. */
    this.levels = [];
    this.clipped = [];
    this.peak = 0;
  }

  /** @param {Int16Array} samples */
  take(samples) {
    let power = 0;
    let most = 0;
    for (const sample of samples) {
      power += sample * sample;
      most = Math.max(most, Math.abs(sample));
    }
    this.peak = most / 32_768;
    this.levels.push(db(Math.sqrt(power / samples.length) / 32_768));
    this.clipped.push(most >= FULL);
    if (this.levels.length > KEPT) {
      this.levels.shift();
      this.clipped.shift();
    }
  }

  /** In decibels below the loudest that can be told. */
  get level() {
    return this.levels.at(-1) ?? SILENCE_DB;
  }

  /** How loud the loud frames are; null while there is too little to tell. */
  get speech() {
    return this.levels.length < SEEN ? null : this.#sorted(0.95);
  }

  /** The share of frames that held more than the microphone could tell. */
  get clipping() {
    return this.clipped.filter(Boolean).length / Math.max(1, this.clipped.length);
  }

  /** How far loud frames stand above quiet ones, in decibels; null while there is too little to tell, or nobody spoke. */
  get clarity() {
    return this.speech !== null && this.speech > SPOKEN_DB ? this.speech - this.#sorted(0.1) : null;
  }

  /** The level that this share of the frames stays under. */
  #sorted(share) {
    const sorted = [...this.levels].sort((a, b) => a - b);
    return sorted[Math.floor(share * (sorted.length - 1))];
  }
}

/** What the measures mean to somebody who talks. */
export function judge({ speech, clipping, clarity }) {
  return {
    level: speech === null || speech < SPOKEN_DB ? "nobody speaks" : speech < QUIET_DB ? "quiet, come closer" : "good",
    clipping: clipping > 0.02 ? "too loud, move back" : clipping > 0 ? "a little" : "none",
    clarity: clarity === null ? "not known yet" : clarity > 25 ? "clear" : clarity > 14 ? "some noise" : "noisy",
  };
}
