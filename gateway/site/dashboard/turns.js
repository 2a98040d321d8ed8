/** The last turns: when, where the time went, and what was out of the ordinary. */

import { PARTS, STAGES, clock, make, ms } from "./words.js";
import { bar, marks, mostOf } from "./wait.js";

const MET = { target: "within the target", ceiling: "within the ceiling", neither: "over the ceiling" };
const GRADE = { target: "good", ceiling: "fair", neither: "bad" };

export class Turns {
  constructor(list, none) {
    this.list = list;
    this.none = none;
    this.newest = 0;
  }

  show({ turns, fixed }, begins) {
    this.none.hidden = turns.length > 0;
    if (begins) {
      this.list.replaceChildren(...turns.map((turn) => row(turn, fixed)));
    } else {
      const news = turns.filter(({ at }) => at > this.newest);
      if (!news.length) return;
      this.list.prepend(...news.map((turn) => row(turn, fixed)));
      while (this.list.children.length > turns.length) this.list.lastChild.remove();
    }
    this.newest = turns[0]?.at ?? 0;
  }
}

function row(turn, fixed) {
  const most = mostOf(fixed);
  const inWords = PARTS.map(({ name, title }) => `${title} ${ms(turn.parts_ms[name])}`).join(", ");
  const scale = make("div", { className: "scale small", role: "img", "aria-label": inWords }, bar(turn.parts_ms, most), ...marks(fixed, most));
  return make(
    "li",
    {},
    make("time", { className: "figures", text: clock(turn.at) }),
    scale,
    make("b", { className: `figures ${GRADE[turn.met]}`, text: ms(turn.total_ms), title: MET[turn.met] }),
    make("span", { className: "soft remarks", text: remarks(turn) }),
    ...spoken(turn),
  );
}

function remarks({ prepared, late, did }) {
  const found = [];
  if (prepared) found.push("prepared");
  if (late.length) found.push(`late: ${late.map((stage) => STAGES[stage]).join(", ")}`);
  return [...found, ...did].join("; ");
}

/** Only where the server is set to show words. */
function spoken({ heard, said }) {
  if (!heard && !said) return [];
  return [make("p", { className: "spoken" }, make("q", { className: "heard", text: heard }), " ", make("q", { className: "said", text: said }))];
}
