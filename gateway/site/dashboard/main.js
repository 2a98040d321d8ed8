/** The dashboard: what the stream of events says, shown by its parts. */

import { Door } from "../door.js";
import { Feed } from "./feed.js";
import { Recorder } from "./recorder.js";
import { State } from "./state.js";
import * as tables from "./tables.js";
import { Turns } from "./turns.js";
import { Wait } from "./wait.js";
import { clock, make, sentence, troubles, write } from "./words.js";

const of = (id) => document.getElementById(id);

const state = new State();
const WHY = {
  key_missing: "This server shows how it does to operators only. Their key opens it.",
  key_invalid: "This key is not accepted here. Look whether all of it was copied.",
  operator_needed: "This key may call, but not look in here: keys.operators of the configuration does not name it.",
};
const door = new Door(of("door"), WHY, () => feed.run());
const wait = new Wait(of("wait"));
const turns = new Turns(of("turns"), of("turns-none"));
/** @type {Recorder | null} */
let recorder = null;

const feed = new Feed("/dashboard/events", () => door.headers, {
  event(name, data) {
    const begins = name === "all";
    const grown = begins ? state.begin(data) ?? true : state.take(data);
    link("soft", `live, ${clock(state.at)}`);
    show(begins, grown);
  },
  lost() {
    link("bad", state.now ? `the server does not answer; this is from ${clock(state.at)}` : "the server does not answer");
  },
  refused(code) {
    of("board").hidden = true;
    link("soft", "");
    return door.asks(code);
  },
});

/** The clock is not read aloud every second, but bad news is. */
function link(kind, text) {
  of("link").className = `${kind} figures`;
  of("link").setAttribute("role", kind === "bad" ? "alert" : "none");
  write(of("link"), text);
}

function show(begins, grown) {
  of("board").hidden = false;
  recorder ??= new Recorder(of("channels"), of("recorder-title"), of("moment"));
  const words = sentence(state);
  const text = words.map((part) => part.text ?? part).join("");
  if (of("sentence").textContent !== text) {
    of("sentence").replaceChildren(...words.map((part) => (part.text ? make("span", { className: part.grade, text: part.text }) : part)));
  }
  write(of("troubles"), troubles(state).join(" ") || "All providers answer, and every part of the server is there.");
  of("troubles").classList.toggle("well", troubles(state).length === 0);
  wait.show(state);
  recorder.show(state, grown);
  turns.show(state, begins);
  tables.providers(of("providers"), state);
  tables.pools(of("pools"), state);
  tables.totals(of("totals"), state);
  tables.errors(of("errors"), of("errors-none"), state);
  // A link shows no key.
  of("metrics").hidden = "Authorization" in door.headers;
  of("ray").hidden = !state.fixed.links.ray;
  if (state.fixed.links.ray) of("ray").href = state.fixed.links.ray;
}

feed.run();
