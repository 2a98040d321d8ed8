/** A provider's states over time, as pieces of a strip. */

import { STATES, clock, make, write } from "./words.js";

export class Strip {
  constructor(home, { title, note, column, value }) {
    this.column = column;
    this.value = value;
    this.said = make("p", { className: "says figures" });
    this.strip = make("div", { className: "strip", role: "img" });
    const label = make("div", { className: "label" }, make("h3", { text: title }), make("p", { className: "soft", text: note }));
    home.append(make("div", { className: "channel provider" }, label, this.strip, this.said));
  }

  show({ history, at: now }, span_s) {
    const pieces = runs(history.at, history[this.column]).filter(({ state }) => state != null);
    this.strip.replaceChildren(
      ...pieces.map(({ state, from, to }) => {
        const piece = make("span", { className: STATES[state], title: `${STATES[state]} from ${clock(from)}` });
        const left = Math.max(1 - (now - from) / span_s, 0);
        piece.style.left = `${100 * left}%`;
        piece.style.width = `${100 * ((to ?? now) - from) / span_s}%`;
        return piece;
      }),
    );
    const troubled = pieces.filter(({ state }) => state > 0).map(({ state, from }) => `${STATES[state]} from ${clock(from)}`);
    this.strip.setAttribute("aria-label", troubled.length ? troubled.join(", ") : "healthy all the time");
  }

  say(at) {
    const state = at(this.column);
    write(this.said, this.value(at));
    this.said.className = `says figures state ${STATES[state] ?? ""}`;
  }
}

/** Stretches of one state; the last one goes on. */
function runs(times, states) {
  const found = [];
  states.forEach((state, index) => {
    if (found.at(-1)?.state === state) return;
    if (found.length) found.at(-1).to = times[index];
    found.push({ state, from: times[index], to: null });
  });
  return found;
}
