/** The page: one button, and what happens when it is pressed. */

import { Call } from "./call.js";
import { Captions } from "./captions.js";
import { Choices, about } from "./choices.js";
import { Door } from "../door.js";
import * as failures from "./failures.js";
import { invite } from "./invitation.js";
import { Notice } from "./notice.js";
import { Readings } from "./readings.js";
import { soundAllowed } from "./sound.js";
import { stateInWords } from "./states.js";
import { Tape } from "./tape.js";
import { Turns } from "./turns.js";
import { showTo } from "./window.js";

const at = (id) => document.getElementById(id);
const button = at("talk");
const tape = new Tape(at("tape"));
const captions = new Captions(at("said"), at("reply"), at("cut"));
const notice = new Notice(at("failure"));
const readings = new Readings(at("readings"));
const door = new Door(at("door"), failures.OF_KEYS, begin);
const choices = new Choices({ flow: at("flow"), language: at("language"), voice: at("voice") }, chosen);
/** @type {Turns} */
let turns;
/** @type {Call | null} */
let call = null;
/** @type {import("./line.js").LineState | null} */
let line = null;
/** @type {Promise<Call> | null} */
let opening = null;

async function begin() {
  try {
    const known = await about(door.headers);
    choices.offer(known, door.headers);
    turns = new Turns(at("turns"), known);
    tape.budget = known;
    tape.draw();
    readings.answering(known.providers);
    at("version").textContent = known.version;
    welcome();
    at("choices").hidden = at("desk").hidden = false;
    notice.clear();
    if (!soundAllowed()) notice.show("microphone", failures.INSECURE);
  } catch (error) {
    const said = error.said ? { text: error.said } : {};
    if (!door.asks(error.code)) notice.show("page", { ...failures.UNREACHABLE, ...said }, begin);
  }
  show();
}

function welcome() {
  at("idle").hidden = at("who").hidden = false;
  invite(at("invitation"), at("who"), choices, type);
}

/** The conversation; a new one if there is none. */
function opened() {
  opening ??= open().finally(() => (opening = null));
  return opening;
}

async function open() {
  if (call !== null && line?.name !== "over") return call;
  await ended();
  captions.clear();
  turns.clear();
  notice.clear();
  welcome();
  tape.run();
  call = await Call.open({ query: choices.query, key: door.key }, told);
  return call;
}

async function ended() {
  const last = call;
  call = line = null;
  tape.halt();
  readings.clear();
  await last?.end();
}

async function talk() {
  if (call?.listening || call?.asking) {
    await ended();
  } else if (!soundAllowed()) {
    notice.show("microphone", failures.INSECURE);
  } else {
    const listening = (await opened()).listen();
    show();
    try {
      await listening;
      notice.mended("microphone");
    } catch (error) {
      if (error.name !== "AbortError") notice.show("microphone", failures.ofMicrophone(error));
    }
  }
  show();
}

async function type(text) {
  (await opened()).say(text);
  show();
}

/** Another flow, language or voice is another conversation. */
async function chosen() {
  const listening = call?.listening;
  await ended();
  captions.clear();
  welcome();
  if (listening) await talk();
  else show();
}

const told = {
  turn: (turn) => {
    // What could be said stays to be seen until something was.
    at("who").hidden = true;
    at("idle").hidden ||= turn.said !== "";
    captions.show(turn);
    turns.show(turn);
  },
  line: (state) => {
    line = state;
    if (state.name === "open") notice.mended("line");
    if (state.name === "over") tape.halt();
    if (state.name === "busy") notice.show("line", failures.busy(state.seconds));
    if (state.name === "gone") notice.show("line", failures.GONE, () => call?.line.retry());
    if (state.name === "refused") refused(state);
    show();
  },
  message: (message) => {
    if (message.type === "session") readings.answering(message.providers);
    if (message.type === "turn") tape.wait(message.latency);
    if (message.type === "interrupted") tape.cut();
    if (message.type === "forgotten") forgotten();
    if (message.type === "error" && message.fault === "provider") notice.show("turn", failures.ofProvider(message));
    if (message.type === "transcript") notice.mended("turn");
    show();
  },
  stroke: (who, peak) => tape.stroke(who, peak),
  quality: (quality) => readings.show(quality),
  trip: (ms) => readings.roundTrip(ms),
  heard: show,
  unplugged: () => notice.show("microphone", failures.UNPLUGGED),
};

function forgotten() {
  captions.clear();
  turns.clear();
  notice.show("turn", failures.FORGOTTEN);
}

async function refused(state) {
  await ended();
  if (!door.asks(state.code)) notice.show("line", failures.ofRefusal(state), talk);
  show();
}

/** What is told anew although it has not changed would be read aloud again. */
function put(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

function show() {
  const words = stateInWords(call, line);
  put(at("state"), words.state);
  put(at("hint"), words.hint);
  document.body.dataset.state = words.name;
  put(button, call?.listening || call?.asking ? "Stop" : "Talk");
}

button.addEventListener("click", talk);
at("typing").addEventListener("submit", (event) => {
  event.preventDefault();
  const field = at("typed");
  const text = field.value.trim();
  field.value = "";
  if (text) type(text);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") call?.interrupt();
  const elsewhere = event.target.closest("input, select, button, a, summary");
  if (event.key === " " && !elsewhere && !at("desk").hidden) {
    event.preventDefault();
    if (!event.repeat) talk();
  }
});
addEventListener("pagehide", ended);

showTo(window, () => call);
begin();
