/** What is being said, above the line, and the answer below it, whose words take ink as they are heard. */

export class Captions {
  /** @param {HTMLElement} said @param {HTMLElement} reply @param {HTMLElement} cut */
  constructor(said, reply, cut) {
    this.said = said;
    this.reply = reply;
    this.cut = cut;
    this.shown = null;
  }

  clear() {
    this.shown = null;
    this.said.textContent = this.reply.textContent = this.cut.textContent = "";
  }

  /** @param {import("./conversation.js").Turn} turn */
  show(turn) {
    if (this.shown !== null && turn.number < this.shown) return;
    this.shown = turn.number;
    this.said.textContent = turn.said;
    this.said.classList.toggle("partial", !turn.saidFinal);
    this.said.lang = this.reply.lang = turn.language || this.reply.lang;
    setWords(this.reply, turn);
    this.cut.textContent = cutOf(turn);
  }
}

/** Where a reply stopped that was cut. */
function cutOf(turn) {
  if (!turn.cut) return "";
  const last = turn.words[turn.heard - 1];
  return last ? `cut after “${last.replace(/[.,;:?!]+$/, "")}”` : "cut before a word was heard";
}

/** The words of a reply: heard, still to come, or cut off. */
export function setWords(place, turn) {
  const words = turn.words;
  const rest = turn.cut ? "lost" : "to-come";
  const spans = words.map((word, index) => {
    const span = place.children[index] ?? document.createElement("span");
    span.textContent = word;
    span.className = index < turn.heard ? "heard" : rest;
    return span;
  });
  place.replaceChildren(...spans.flatMap((span) => [span, " "]));
}
