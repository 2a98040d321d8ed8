/** Which traces the recorder draws, from top to bottom, and what each of them says in a word at a moment. */

import { PARTS, STAGES, STATES, ms, number } from "./words.js";

const POOLS = ["gateway", "buffer", "vad", "asr", "llm", "tts"];

/**
 * @typedef {{ column: string, ink: string, width?: number, fill?: number, stepped?: boolean, dash?: number[] }} Trace
 * @typedef {{ title: string, note?: string, height: number, traces: Trace[], stacked?: boolean, limits?: boolean,
 *   least: (fixed: any) => number, whole?: boolean, value: (at: (column: string) => number | null) => string }} Channel
 */

const counted = (title, note, column, ink, other) => ({
  title,
  note,
  height: 48,
  whole: true,
  least: () => 4,
  traces: [{ column, ink, fill: 0.35, stepped: true }, ...(other ? [{ column: other.column, ink: other.ink, stepped: true, dash: [3, 3] }] : [])],
  value: (at) => (other ? `${number(at(column))} / ${number(at(other.column))}` : number(at(column))),
});

/** A trace for each of some parts of the server; what it says is the worst of them. */
const worst = (title, note, kind, parts, least, said) => ({
  title,
  note,
  height: 64,
  least: () => least,
  traces: parts.map((part) => ({ column: `${kind}.${part}`, ink: "soft", width: 1.25 })),
  value: (at) => {
    const part = parts.reduce((most, one) => ((at(`${kind}.${one}`) ?? -1) > (at(`${kind}.${most}`) ?? -1) ? one : most));
    const value = at(`${kind}.${part}`);
    return value == null ? "–" : `${said(value)} ${value ? part : ""}`;
  },
});

/** @type {Channel[]} */
export const CHANNELS = [
  {
    title: "Answers",
    note: "half of them, and 19 of 20, within",
    height: 168,
    limits: true,
    least: ({ ceiling_ms }) => 1.3 * ceiling_ms,
    traces: [
      { column: "p95", ink: "reply", width: 1, dash: [4, 3] },
      { column: "p50", ink: "reply", width: 2.5 },
    ],
    value: (at) => (at("p50") == null ? "–" : `${Math.round(at("p50"))} / ${ms(at("p95"))}`),
  },
  {
    title: "Where it goes",
    note: "average of each part",
    height: 104,
    stacked: true,
    least: ({ target_ms }) => target_ms,
    traces: PARTS.map(({ name }) => ({ column: `part.${name}`, ink: `part-${name}`, fill: 0.85, width: 0 })),
    value: (at) => {
      const most = PARTS.reduce((best, part) => ((at(`part.${part.name}`) ?? -1) > (at(`part.${best.name}`) ?? -1) ? part : best));
      const most_ms = at(`part.${most.name}`);
      return most_ms == null ? "–" : `${ms(most_ms)} ${most.short}`;
    },
  },
  {
    title: "People talking",
    height: 80,
    whole: true,
    least: () => 4,
    traces: [{ column: "talking", ink: "caller", width: 2, fill: 0.12, stepped: true }],
    value: (at) => number(at("talking")),
  },
  counted("Turns", "in five seconds", "turns", "soft"),
  counted("Interruptions", "and sounds that were none", "interruptions", "caller", { column: "sounds", ink: "soft" }),
  counted("Prepared replies", "used, and for nothing", "used", "reply", { column: "discarded", ink: "soft" }),
  counted("Errors", "in five seconds", "errors", "bad"),
  worst("Waiting", "windows, and requests to stages", "queue", ["vad", "asr", "llm", "tts"], 4, number),
  worst("Loop lag", "of each part of the server", "lag", POOLS, 100, ms),
];

/** Strips of states: one for each provider that the history knows. */
export function strips(history) {
  return Object.keys(history)
    .filter((column) => column.startsWith("provider."))
    .map((column) => {
      const [, stage, ...name] = column.split(".");
      return { title: name.join("."), note: STAGES[stage], column, value: (at) => STATES[at(column)] ?? "–" };
    });
}
