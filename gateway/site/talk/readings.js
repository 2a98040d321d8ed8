/** How well both sides hear each other, and who answers, in figures and in words. */

import { judge } from "./quality.js";

const EVERY_MS = 250;
const FLOOR_DB = -60;

export class Readings {
  /** @param {HTMLElement} place */
  constructor(place) {
    this.place = place;
    this.clear();
  }

  clear() {
    this.shownAt = 0;
    for (const name of ["clipping", "clarity", "trip"]) this.#say(name, "–");
    this.#say("level", "no microphone");
    this.#level(0);
  }

  /** @param {import("./quality.js").Quality} quality */
  show(quality) {
    this.#level(Math.max(0, 1 - quality.level / FLOOR_DB));
    const now = performance.now();
    if (now - this.shownAt < EVERY_MS) return;
    this.shownAt = now;
    const words = judge(quality);
    for (const name of ["level", "clipping", "clarity"]) this.#say(name, words[name]);
  }

  roundTrip(ms) {
    this.#say("trip", `${Math.max(1, Math.round(ms))} ms`);
  }

  /** @param {Record<string, string>} providers */
  answering(providers) {
    for (const stage of ["asr", "llm", "tts"]) this.#say(stage, providers[stage] ?? "nobody");
  }

  #level(share) {
    this.place.querySelector(".meter").style.setProperty("--level", share.toFixed(3));
  }

  #say(name, text) {
    this.place.querySelector(`[data-of="${name}"]`).textContent = text;
  }
}
