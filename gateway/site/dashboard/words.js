/** Figures and states in words. */

export const PARTS = [
  { name: "endpoint", title: "hearing that they have finished", short: "listening" },
  { name: "asr", title: "recognising", short: "recognising" },
  { name: "llm", title: "thinking", short: "thinking" },
  { name: "tts", title: "finding a voice", short: "voice" },
  { name: "overhead", title: "on the way", short: "on the way" },
];

export const STAGES = { asr: "recognising", llm: "thinking", tts: "voice" };

export const STATES = ["healthy", "probing", "resting", "unavailable"];

export const ms = (value) => (value == null ? "–" : `${Math.round(value)} ms`);

export const number = (value) => (value == null ? "–" : Math.round(value).toLocaleString("en"));

export const plural = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

export const clock = (at, seconds = true) =>
  new Date(at * 1_000).toLocaleTimeString("en-GB", seconds ? {} : { hour: "2-digit", minute: "2-digit" });

/** How good a time is: `good`, `fair` or `bad`. */
export const grade = (value, { target_ms, ceiling_ms }) => (value <= target_ms ? "good" : value <= ceiling_ms ? "fair" : "bad");

const GRADES = { good: "within the target", fair: "over the target, within the ceiling", bad: "over the ceiling" };

/** The state of everything in a sentence or two: text, and figures with their grade.
 * @returns {(string | { text: string, grade: string })[]} */
export function sentence({ now, fixed }) {
  const { talking, answers } = now;
  const people = talking.now === 1 ? "One person is" : talking.now ? `${number(talking.now)} people are` : "Nobody is";
  if (!answers.count) return [`${people} talking. `, talking.opened ? "Nobody has been answered yet." : "Nobody has called yet."];
  const best = grade(answers.p50_ms, fixed);
  const worst = grade(answers.p95_ms, fixed);
  const come = answers.of_last_minute && talking.now ? "Answers come in " : "The last answers came in ";
  const slowest = worst === best ? "one in twenty takes longer than " : `${GRADES[best]}; one in twenty takes longer than `;
  return [
    `${people} talking. ${come}`,
    { text: ms(answers.p50_ms), grade: best },
    `, ${slowest}`,
    { text: ms(answers.p95_ms), grade: worst },
    `, ${GRADES[worst]}.`,
  ];
}

/** What an operator should know of, worst first; empty when all is well. */
export function troubles(state) {
  const { providers, pools } = state.now;
  const found = [];
  for (const [name, pool] of Object.entries(pools)) {
    if (pool.alive < pool.replicas) found.push(`${name}: ${pool.alive} of ${pool.replicas} answer.`);
  }
  for (const [stage, list] of Object.entries(providers)) {
    const answering = list.find(({ state }) => state === "healthy" || state === "probing");
    const resting = list.filter(({ state }) => state === "resting");
    if (list.length && !answering) found.push(`Nobody does ${STAGES[stage]}: ${list.map(because).join("; ")}.`);
    else for (const one of resting) found.push(`${STAGES[stage]}: ${because(one)}; ${answering.name} answers.`);
  }
  const errors = state.sum("errors", 300);
  if (errors) found.push(`${plural(errors, "error")} in the last five minutes.`);
  const dropped = state.sum("dropped_s", 300);
  if (dropped) found.push(`${plural(dropped, "second")} of speech were dropped.`);
  return found;
}

const because = ({ name, state, reason }) => (reason ? `${name} is ${state} (${reason})` : `${name} is ${state}`);

/** Writes text only where it has changed, so that nothing is read aloud or selected anew for nothing. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @returns {HTMLElement} */
export function make(tag, { className = "", text = "", ...attributes } = {}, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
