/** What happens just now, in words. */

const keys = matchMedia("(pointer: fine)").matches;

const PRESS = keys ? "Press Talk, or the space bar" : "Press Talk";
const CUT_IT = keys ? "Speak, or press Escape, to cut it short" : "Speak to cut it short";

const CALM = { name: "idle", state: "Ready when you are", hint: PRESS };
const OVER = { name: "over", state: "The conversation is over", hint: "Talk begins another one" };
const HEARING = { name: "hearing", state: "You speak", hint: "A short pause ends your turn" };
const THINKING = { name: "thinking", state: "The answer is on its way", hint: "" };
const ANSWERING = { name: "answering", state: "The answer sounds", hint: CUT_IT };
const LISTENING = { name: "listening", state: "Listening", hint: "Speak as you would to a person" };
const TYPING = { name: "listening", state: "Waiting for what you type", hint: "Talk turns the microphone on" };

const ASKING = { name: "asking", state: "The browser asks for your microphone", hint: "Allow it for this page" };

const OF_THE_LINE = {
  connecting: { name: "connecting", state: "Connecting", hint: "" },
  busy: { name: "busy", state: "Waiting for room", hint: "" },
  gone: { name: "gone", state: "Not connected", hint: "" },
  over: OVER,
};

/**
 * @param {import("./call.js").Call | null} call
 * @param {import("./line.js").LineState | null} line
 * @returns {{name: string, state: string, hint: string}}
 */
export function stateInWords(call, line) {
  if (call === null) return CALM;
  if (call.asking) return ASKING;
  if (line?.name === "again") {
    const hint = `The connection broke; trying again, ${line.tried} of ${line.tries}`;
    return { name: "again", state: "Getting back to the server", hint };
  }
  if (line?.name !== "open") {
    const words = OF_THE_LINE[line?.name] ?? OF_THE_LINE.connecting;
    return call.listening ? { ...words, hint: "Stop gives it up" } : words;
  }
  if (call.conversation.callerSpeaks) return HEARING;
  if (call.conversation.sounding !== null) return ANSWERING;
  if (call.conversation.awaited) return THINKING;
  return call.listening ? LISTENING : TYPING;
}
