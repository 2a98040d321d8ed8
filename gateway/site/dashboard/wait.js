/** The wait for an answer on a scale from 0, with the target and the ceiling on it: the big one, and a small one for each turn. */

import { PARTS, grade, make, ms, write } from "./words.js";

const BEYOND = 1.5;
/** Where a scale ends, in ceilings. */

export const mostOf = ({ ceiling_ms }) => BEYOND * ceiling_ms;

/** Parts one after the other; what does not fit on the scale is cut off there. */
export function bar(parts_ms, most) {
  const shown = PARTS.filter(({ name }) => parts_ms[name] > 0);
  const total = shown.reduce((sum, { name }) => sum + parts_ms[name], 0);
  const element = make("div", { className: total > most ? "bar over" : "bar" });
  let room = most;
  for (const { name, title } of shown) {
    const width = Math.min(parts_ms[name], room);
    room -= width;
    const part = make("span", { className: name, title: `${title}: ${ms(parts_ms[name])}` });
    part.style.width = `${(100 * width) / most}%`;
    element.append(part);
  }
  return element;
}

export function marks({ target_ms, ceiling_ms }, most, titled = false) {
  return Object.entries({ target: target_ms, ceiling: ceiling_ms }).map(([name, at]) => {
    const mark = make("i", { className: `mark ${name}` });
    if (titled) mark.append(make("b", { text: `${name} ${ms(at)}` }));
    mark.style.left = `${(100 * at) / most}%`;
    return mark;
  });
}

/** The wait of the last minute. */
export class Wait {
  constructor(figure) {
    this.scale = make("div", { className: "scale" });
    this.caption = make("figcaption", {});
    figure.append(this.scale, this.caption);
  }

  show({ now, fixed }) {
    const { answers } = now;
    const most = mostOf(fixed);
    this.scale.replaceChildren(bar(answers.parts_ms, most), ...marks(fixed, most, true));
    this.pointer("half", answers.p50_ms, most, fixed);
    this.pointer("most", answers.p95_ms, most, fixed);
    this.legend(answers);
  }

  /** How long it takes for half of all answers, and for nineteen of twenty. */
  pointer(name, value, most, fixed) {
    if (value == null) return;
    const pointer = make("p", { className: `pointer ${name} ${grade(value, fixed)}` });
    const share = Math.min(value / most, 1);
    pointer.style.left = `${100 * share}%`;
    // Half of them on the left and most of them on the right, where there is room.
    pointer.classList.toggle("flipped", share > (name === "half" ? 0.35 : 0.62));
    pointer.append(make("b", { text: ms(value) }), make("span", { text: name === "half" ? "half" : "19 of 20" }));
    this.scale.append(pointer);
  }

  legend({ count, parts_ms, of_last_minute, quality }) {
    if (!count) {
      write(this.caption, "From a caller's last sound to the answer's first. The first answer will be measured here.");
      return;
    }
    const parts = PARTS.map(({ name, title }) =>
      make("li", { className: name }, make("span", { className: "chip" }), `${title} `, make("b", { text: ms(parts_ms[name]) })),
    );
    const which = of_last_minute ? `the last minute, ${count} in all` : `the last ${count}`;
    const words = `On average, of ${which}. Quality ${Math.round(100 * quality)} of 100.`;
    this.caption.replaceChildren(make("ul", {}, ...parts), make("p", { className: "soft", text: words }));
  }
}
