/**
 * The strip of paper: the caller's pen above the line, the reply's below it, and on the line itself the wait between them, made
 * of its parts and as long as it lasted. A drawing for the eye; everything on it is also said in words elsewhere.
 */

import { PARTS, partsOf } from "./wait.js";

const KEPT_S = 40;
const PEN = 0.86;
const QUIETEST_DB = -54;
const STROKE_MS = 20;
const LATE_MS = 250;
const NARROWEST = 2.4;
const FONT = "12px system-ui, sans-serif";

const strength = (peak) => Math.max(0, 1 - (20 * Math.log10(peak || 1e-9)) / QUIETEST_DB);

export class Tape {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d");
    this.calm = matchMedia("(prefers-reduced-motion: reduce)");
    this.budget = null;
    this.#mixInks();
    this.clear();
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.#mixInks();
      this.draw();
    });
  }

  clear() {
    this.beganAt = performance.now();
    this.strokes = { caller: [], reply: [] };
    this.waits = [];
    this.cuts = [];
    this.stoppedAt = this.beganAt;
    this.draw();
  }

  run() {
    this.clear();
    this.running = true;
    const turn = () => {
      if (!this.running) return;
      this.stoppedAt = performance.now();
      this.draw();
      requestAnimationFrame(turn);
    };
    requestAnimationFrame(turn);
  }

  halt() {
    this.running = false;
    this.draw();
  }

  /** A pen moved: `caller` or `reply`. A busy machine tells of several moves at once, which came one after the other. */
  stroke(who, peak) {
    const strokes = this.strokes[who];
    const now = performance.now();
    const next = (strokes.at(-1)?.at ?? 0) + STROKE_MS;
    const at = now - next > LATE_MS ? now : Math.min(now, next);
    strokes.push({ at, height: strength(peak), number: (strokes.at(-1)?.number ?? -1) + 1 });
    while (strokes[0].at < now - 1000 * KEPT_S) strokes.shift();
  }

  /** An answer begins to sound after this wait. */
  wait(latency) {
    this.waits = [...this.waits.slice(-20), { at: performance.now(), latency }];
  }

  /** The reply that sounded last was cut. */
  cut() {
    const last = this.strokes.reply.at(-1);
    if (last) this.cuts = [...this.cuts.slice(-20), last.at];
  }

  draw() {
    const scale = devicePixelRatio || 1;
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const [across, down] = [Math.round(width * scale), Math.round(height * scale)];
    if (this.canvas.width !== across) this.canvas.width = across;
    if (this.canvas.height !== down) this.canvas.height = down;
    this.width = width;
    this.line = Math.round(height / 2);
    this.reach = this.line - 22;
    this.speed = Math.max(64, Math.min(144, width / 9)) / 1000;
    this.#place();
    this.pen.setTransform(scale, 0, 0, scale, 0, 0);
    this.pen.clearRect(0, 0, width, height);
    this.pen.font = FONT;
    this.#paper(height);
    this.#strokes();
    this.waits.forEach((wait) => this.#wait(wait));
    this.cuts.forEach((at) => this.#cut(at));
    if (this.running) this.#mark(this.x(this.stoppedAt), 6, height - 6, this.inks.ink);
    else if (this.budget && !this.strokes.reply.length) this.#key();
  }

  x(at) {
    return this.left + (at - this.beganAt) * this.speed;
  }

  /** Where the beginning lies: the paper runs on under the pen, or is changed when it is full, for who wants no motion. */
  #place() {
    const written = (this.stoppedAt - this.beganAt) * this.speed;
    const room = PEN * this.width;
    this.left = this.calm.matches ? -room * Math.floor(written / room) : Math.min(0, room - written);
  }

  #paper(height) {
    const second = 1000 * this.speed;
    for (let number = Math.max(0, Math.floor(-this.left / second)); this.left + number * second < this.width; number += 1) {
      const x = Math.round(this.left + number * second);
      this.#mark(x, 0, height, this.inks.grid);
      if (number % 5 || !number || this.stoppedAt === this.beganAt) continue;
      this.pen.fillStyle = this.inks.soft;
      this.pen.fillText(`${Math.floor(number / 60)}:${String(number % 60).padStart(2, "0")}`, x + 5, height - 6);
    }
    this.pen.fillStyle = this.inks.edge;
    this.pen.fillRect(0, this.line, this.width, 1);
  }

  #mark(x, from, to, ink) {
    this.pen.fillStyle = ink;
    this.pen.fillRect(Math.round(x), from, 1, to - from);
  }

  #strokes() {
    // Where the paper is narrow, neighbours are drawn as one.
    const joined = Math.ceil(NARROWEST / (STROKE_MS * this.speed));
    const thick = joined * STROKE_MS * this.speed - 1;
    for (const [who, direction] of [["caller", -1], ["reply", 1]]) {
      this.pen.fillStyle = this.inks[who];
      const seen = this.strokes[who].filter(({ at }) => this.x(at) > -8);
      const first = seen.findIndex(({ number }) => number % joined === 0);
      for (let index = Math.max(0, first); index < seen.length; index += joined) {
        const length = this.reach * Math.max(...seen.slice(index, index + joined).map(({ height }) => height));
        const top = direction < 0 ? this.line - 3 - length : this.line + 4;
        if (length) this.pen.fillRect(this.x(seen[index].at), top, thick, length);
      }
    }
  }

  #wait({ at, latency }) {
    const end = this.x(at);
    const from = this.x(at - latency.total_ms);
    let x = from;
    for (const { name, ms } of partsOf(latency)) {
      this.pen.fillStyle = this.inks[name];
      this.pen.fillRect(x, this.line - 3, ms * this.speed, 7);
      x += ms * this.speed;
    }
    for (const ms of [this.budget.target_ms, this.budget.ceiling_ms]) {
      if (ms < latency.total_ms) this.#mark(from + ms * this.speed, this.line + 4, this.line + 12, this.inks.soft);
    }
    this.pen.fillStyle = this.inks.ink;
    this.pen.textAlign = "center";
    this.pen.fillText(`${latency.total_ms} ms`, (from + end) / 2, this.line - this.reach - 8);
    this.pen.textAlign = "start";
    for (const side of [from, end]) this.#mark(side, this.line - this.reach, this.line + 4, this.inks.ink);
  }

  #cut(at) {
    this.#mark(this.x(at), this.line, this.line + this.reach, this.inks.reply);
    this.pen.fillStyle = this.inks.reply;
    this.pen.fillText("cut", this.x(at) + 5, this.line + this.reach);
  }

  /** As on a map: how long the wait may look. */
  #key() {
    const right = this.width - 24;
    const { target_ms, ceiling_ms } = this.budget;
    this.pen.textAlign = "right";
    for (const [name, ms, away, text] of [["target", target_ms, -7, -14], ["ceiling", ceiling_ms, 7, 22]]) {
      const left = right - ms * this.speed;
      this.pen.fillStyle = this.inks.soft;
      this.pen.fillRect(left, this.line + away, right - left, 1);
      for (const x of [left, right]) {
        this.#mark(x, this.line + Math.min(0, 1.5 * away), this.line + Math.max(0, 1.5 * away), this.inks.soft);
      }
      this.pen.fillText(`${name} ${ms} ms`, right, this.line + text);
    }
    this.pen.textAlign = "start";
  }

  #mixInks() {
    const names = ["grid", "edge", "ink", "soft", "caller", "reply"].map((name) => [name, `--${name}`]);
    const parts = PARTS.map(({ name }) => [name, `--part-${name}`]);
    this.inks = Object.fromEntries(
      [...names, ...parts].map(([name, property]) => {
        this.canvas.style.color = `var(${property})`;
        return [name, getComputedStyle(this.canvas).color];
      }),
    );
  }
}
