/** The wait for an answer, and the parts that it is made of, in the order in which they pass. */

export const PARTS = [
  { name: "endpoint", title: "hearing that you have finished" },
  { name: "asr", title: "recognising" },
  { name: "llm", title: "thinking" },
  { name: "tts", title: "finding a voice" },
  { name: "overhead", title: "on the way" },
];

const SAID = { target: "within the target", ceiling: "within the ceiling", neither: "over the ceiling" };

/** @param {import("./conversation.js").Latency} latency */
export const partsOf = (latency) => PARTS.map((part) => ({ ...part, ms: Math.max(0, latency[`${part.name}_ms`]) }));

/** A turn's wait in words, for ears and for a look from near. */
export function inWords({ latency, met }) {
  const parts = partsOf(latency).filter(({ ms }) => ms);
  return `${latency.total_ms} ms, ${SAID[met]}: ${parts.map(({ title, ms }) => `${title} ${ms}`).join(", ")}`;
}

/** The parts as one bar on a scale that ends at `mostMs`, with the target and the ceiling marked. */
export function bar(latency, { target_ms, ceiling_ms }, mostMs) {
  const scale = document.createElement("div");
  scale.className = "wait";
  for (const { name, ms } of partsOf(latency)) {
    const part = scale.appendChild(document.createElement("span"));
    part.className = `part ${name}`;
    part.style.width = `${(100 * ms) / mostMs}%`;
  }
  for (const [name, ms] of Object.entries({ target: target_ms, ceiling: ceiling_ms })) {
    const mark = scale.appendChild(document.createElement("i"));
    mark.className = name;
    mark.style.left = `${(100 * ms) / mostMs}%`;
  }
  return scale;
}
