/** The page: one button, and what happens when it is pressed. */

import { Call } from "./call.js";
import { Captions } from "./captions.js";
import { Choices, about } from "./choices.js";
import { Door } from "./door.js";
import * as failures from "./failures.js";
import { Readings } from "./readings.js";
import { soundAllowed } from "./sound.js";
import { stateInWords } from "./states.js";
import { Tape } from "./tape.js";
import { Turns } from "./turns.js";

const at = (id) => document.getElementById(id);
const button = at("talk");
const tape = new Tape(at("tape"));
const captions = new Captions(at("said"), at("reply"), at("cut"));
const readings = new Readings(at("readings"));
const door = new Door(at("door"), begin);
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
    const known = await about(door.key);
    choices.offer(known, door.key);
    turns = new Turns(at("turns"), known);
    tape.budget = known;
    tape.draw();
    readings.answering(known.providers);
    at("version").textContent = known.version;
    invite();
    at("desk").disabled = false;
    fail(soundAllowed() ? null : failures.INSECURE);
  } catch (error) {
    if (!door.asks(error.code)) fail({ ...failures.UNREACHABLE, text: error.said || failures.UNREACHABLE.text }, begin);
  }
  show();
}

/** Before anybody has spoken: what can be said stands where it would be said, and who answers where the answer would. */
function invite() {
  const { flow, language } = choices;
  at("invitation").replaceChildren(
    ...(flow?.languages[language] ?? []).map((text) => {
      const phrase = document.createElement("button");
      phrase.type = "button";
      phrase.textContent = text;
      phrase.lang = language;
      phrase.addEventListener("click", () => type(text));
      const entry = document.createElement("li");
      entry.append(phrase);
      return entry;
    }),
  );
  at("who").textContent = flow ? `${flow.title}. ${flow.description}` : "";
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
  fail(null);
  at("idle").hidden = at("who").hidden = true;
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
  if (call?.listening) {
    await ended();
  } else if (!soundAllowed()) {
    fail(failures.INSECURE);
  } else {
    const open = await opened();
    try {
      await open.listen();
      fail(null);
    } catch (error) {
      fail(failures.ofMicrophone(error));
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
  invite();
  if (call === null) return;
  const listening = call.listening;
  await ended();
  if (listening) await talk();
}

const told = {
  turn: (turn) => {
    captions.show(turn);
    turns.show(turn);
  },
  line: (state) => {
    line = state;
    if (state.name === "open" || state.name === "connecting") fail(null);
    if (state.name === "over") tape.halt();
    if (state.name === "busy") fail(failures.busy(state.seconds));
    if (state.name === "gone") fail(failures.GONE, () => call?.line.retry());
    if (state.name === "refused") refused(state);
    show();
  },
  message: (message) => {
    if (message.type === "session") readings.answering(message.providers);
    if (message.type === "turn") tape.wait(message.latency);
    if (message.type === "interrupted") tape.cut();
    if (message.type === "forgotten") fail(failures.FORGOTTEN);
    if (message.type === "error" && message.fault !== "client") fail(failures.ofProvider(message));
    show();
  },
  stroke: (who, peak) => tape.stroke(who, peak),
  quality: (quality) => readings.show(quality),
  trip: (ms) => readings.roundTrip(ms),
  heard: show,
  unplugged: () => fail(failures.UNPLUGGED),
};

async function refused(state) {
  await ended();
  if (!door.asks(state.code)) fail(failures.ofRefusal(state), talk);
  show();
}

function fail(failure, then) {
  const place = at("failure");
  place.hidden = failure === null;
  if (failure === null) return;
  place.querySelector("strong").textContent = failure.title;
  place.querySelector("span").textContent = failure.text;
  const action = place.querySelector("button");
  action.hidden = !failure.action;
  action.textContent = failure.action ?? "";
  action.onclick = then ?? null;
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
  put(button, call?.listening ? "Stop" : "Talk");
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
  if (event.key === " " && !elsewhere && !at("desk").disabled) {
    event.preventDefault();
    if (!event.repeat) talk();
  }
});
addEventListener("pagehide", ended);

/** For tests and the curious: what the page knows and how loud it sounds. Nothing here changes anything. */
window.parley = Object.freeze({
  get state() {
    return document.body.dataset.state;
  },
  get loudness() {
    return call?.sound?.playback.loudness ?? 0;
  },
  get turns() {
    return structuredClone([...(call?.conversation.turns.values() ?? [])].map((turn) => ({ ...turn, words: turn.words })));
  },
});

begin();
