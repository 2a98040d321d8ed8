/** The turns so far, newest first: what was said, what was heard of the answer, and how long it took to come. */

import { setWords } from "./captions.js";
import { PARTS, bar, inWords } from "./wait.js";

/** How many times the ceiling the scale is long, at least and at most. */
const LEAST = 1.4;
const MOST = 3;

export class Turns {
  /** @param {HTMLElement} section @param {{target_ms: number, ceiling_ms: number}} budget */
  constructor(section, budget) {
    this.section = section;
    this.list = section.querySelector("ol");
    this.row = section.querySelector("template");
    this.budget = budget;
    this.rows = new Map();
    this.#legend(section.querySelector(".legend"));
    this.clear();
  }

  clear() {
    this.rows.clear();
    this.reports = new Map();
    this.mostMs = LEAST * this.budget.ceiling_ms;
    this.list.replaceChildren();
    this.section.hidden = true;
  }

  /** @param {import("./conversation.js").Turn} turn */
  show(turn) {
    if (turn.number === 0 && !turn.reply) return;
    const row = this.rows.get(turn.number) ?? this.#add(turn.number);
    row.querySelector(".said").textContent = turn.said;
    row.querySelector(".said").classList.toggle("partial", !turn.saidFinal);
    setWords(row.querySelector(".reply"), turn);
    if (turn.language) row.lang = turn.language;
    if (turn.report) this.#report(row, turn.report);
  }

  #add(number) {
    const row = this.row.content.firstElementChild.cloneNode(true);
    row.querySelector(".number").textContent = number || "";
    this.rows.set(number, row);
    this.list.prepend(row);
    this.section.hidden = false;
    return row;
  }

  #report(row, report) {
    const { latency, met, speculated, did } = report;
    const total = row.querySelector(".total");
    total.textContent = `${latency.total_ms} ms`;
    total.dataset.met = met;
    row.querySelector(".told").textContent = inWords(report);
    row.querySelector(".note").textContent = [...(speculated ? ["prepared ahead"] : []), ...did].join(", ");
    row.querySelector(".taken").title = inWords(report);
    this.reports.set(row, latency);
    this.#scale(latency.total_ms);
  }

  /** All bars are drawn on one scale, which grows with what is on it. */
  #scale(ms) {
    const { target_ms, ceiling_ms } = this.budget;
    this.mostMs = Math.max(this.mostMs, Math.min(ms, MOST * ceiling_ms));
    for (const [row, latency] of this.reports) {
      row.querySelector(".taken").replaceChildren(bar(latency, this.budget, this.mostMs));
    }
    this.section.querySelector(".scale").replaceChildren(
      ...[target_ms, ceiling_ms].map((mark) => {
        const label = document.createElement("span");
        label.textContent = mark === target_ms ? `target ${mark}` : `${mark} ms ceiling`;
        label.style.left = `${(100 * mark) / this.mostMs}%`;
        return label;
      }),
    );
  }

  #legend(legend) {
    legend.replaceChildren(
      ...PARTS.map(({ name, title }) => {
        const entry = document.createElement("li");
        entry.className = `key ${name}`;
        entry.textContent = title;
        return entry;
      }),
    );
  }
}
