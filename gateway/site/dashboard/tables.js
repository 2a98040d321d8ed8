/** Tables of what stands now: providers, parts of the server, totals and errors. */

import { STAGES, make, ms, number, plural } from "./words.js";

const POOLS = {
  gateway: "hold the callers' connections",
  buffer: "hold the conversations",
  vad: "hear whether somebody speaks",
  asr: "recognise",
  llm: "think",
  tts: "speak",
};
const HELD = { gateway: "caller", buffer: "caller", vad: "window", asr: "request", llm: "request", tts: "request" };

function fill(table, heads, rows) {
  const content = JSON.stringify([heads, rows]);
  if (table.dataset.content === content) return;
  table.dataset.content = content;
  const head = make("tr", {}, ...heads.map((text) => make("th", { text, scope: "col" })));
  const body = rows.map(([name, ...cells]) => make("tr", {}, make("th", { scope: "row" }, ...described(name)), ...cells.map(cell)));
  table.replaceChildren(make("thead", {}, head), make("tbody", {}, ...body));
}

const described = ([name, note]) => [name, ...(note ? [" ", make("span", { className: "soft", text: note })] : [])];

const cell = (content) => (typeof content === "string" ? make("td", { text: content }) : make("td", content));

export function providers(table, { now }) {
  const rows = Object.entries(now.providers).flatMap(([stage, list]) =>
    list.map(({ name, state, reason, requests, failures, hedges }) => [
      [name, STAGES[stage]],
      { text: reason ? `${state}: ${reason}` : state, className: `state ${state}` },
      number(requests),
      number(failures),
      number(hedges),
    ]),
  );
  fill(table, ["Provider", "State", "Asked", "Failed", "As a second"], rows);
}

export function pools(table, { now }) {
  const names = Object.keys(POOLS).filter((name) => name in now.pools);
  const rows = names.map((name) => {
    const { replicas, alive, queue_depth, loop_lag_ms } = now.pools[name];
    return [
      [name, POOLS[name]],
      { text: `${alive} of ${replicas}`, className: alive < replicas ? "state resting" : "" },
      plural(queue_depth, HELD[name]),
      { text: ms(loop_lag_ms), className: loop_lag_ms > 100 ? "state resting" : "" },
    ];
  });
  fill(table, ["Part", "Replicas", "Holds", "Loop lag"], rows);
}

export function totals(table, { now }) {
  const { talking, totals: all, answers } = now;
  const prepared = all.used + all.discarded;
  const share = prepared ? `, ${Math.round((100 * all.used) / prepared)} % used` : "";
  fill(table, ["", ""], [
    [["Conversations"], `${number(talking.opened)} begun, ${number(talking.ended)} ended`],
    [["Turns answered"], number(all.turns)],
    [["Replies interrupted"], `${number(all.interruptions)}; ${plural(all.sounds, "sound was", "sounds were")} none`],
    [["Replies prepared"], `${number(prepared)}${share}; ${number(all.wasted_s)} s of providers' time for nothing`],
    [["Quality"], answers.quality == null ? "not measured yet" : `${Math.round(100 * answers.quality)} of 100`],
    [["Speech dropped"], `${number(all.dropped_s)} s`],
  ]);
}

const FAULTS = { client: "the caller's", provider: "a provider's", server: "ours" };

export function errors(table, none, { now }) {
  none.hidden = now.errors.length > 0;
  table.hidden = !none.hidden;
  fill(table, ["Code", "Fault", "Times"], now.errors.map(({ code, fault, count }) => [[code], FAULTS[fault], number(count)]));
}
