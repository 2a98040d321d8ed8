/** What was said and heard, turn by turn, as the server's messages tell it; docs/wire.md says what they mean. */

/**
 * @typedef {object} Latency
 * @property {number} endpoint_ms
 * @property {number} asr_ms
 * @property {number} llm_ms
 * @property {number} tts_ms
 * @property {number} overhead_ms
 * @property {number} total_ms
 */

export class Turn {
  constructor(number) {
    this.number = number;
    this.said = "";
    this.saidFinal = false;
    this.language = "";
    this.reply = "";
    /** Words of the reply that have begun to sound. */
    this.heard = 0;
    this.lengthMs = 0;
    /** Places of the reply's audio, and how many of its words have been said by then. @type {[number, number][]} */
    this.marks = [];
    this.cut = false;
    /** @type {{latency: Latency, met: string, speculated: boolean, late: string[], did: string[]} | null} */
    this.report = null;
  }

  get words() {
    return this.reply.split(/\s+/).filter(Boolean);
  }
}

export class Conversation {
  /** @param {(turn: Turn) => void} changed */
  constructor(changed) {
    this.changed = changed;
    /** @type {Map<number, Turn>} */
    this.turns = new Map();
    this.callerSpeaks = false;
    this.awaited = false;
    /** The turn whose audio comes or sounds. */
    this.sounding = null;
  }

  take(message) {
    switch (message.type) {
      case "speech_started":
      case "speech_stopped":
        this.callerSpeaks = message.type === "speech_started";
        break;
      case "transcript":
        this.awaited = message.final && message.text !== "";
        this.#change(message.turn, { said: message.text, saidFinal: message.final, language: message.language });
        break;
      case "reply":
        this.#change(message.turn, { reply: message.text });
        break;
      case "audio_started":
      case "resumed":
        this.awaited = false;
        this.sounding = message.turn;
        break;
      case "voiced":
        this.#turn(message.turn).marks.push(...message.marks);
        break;
      case "audio_done":
        // Where the last words lie may not have been known when they were sent.
        this.#turn(message.turn).marks.push([message.ms, this.#turn(message.turn).words.length]);
        this.#change(message.turn, { lengthMs: message.ms });
        break;
      case "interrupted":
        this.sounding = null;
        this.#change(message.turn, { cut: true, heard: message.heard_text.split(/\s+/).filter(Boolean).length });
        break;
      case "turn":
        this.#change(message.turn, { report: message });
        break;
      case "error":
        this.awaited = false;
        break;
    }
  }

  /** So much of a turn's reply was played. */
  played(number, ms) {
    const turn = this.#turn(number);
    if (turn.cut) return;
    if (turn.lengthMs && ms >= turn.lengthMs - 1 && this.sounding === number) this.sounding = null;
    const passed = turn.marks.filter(([place]) => place <= ms);
    const heard = Math.max(0, ...passed.map(([, words]) => words));
    if (heard !== turn.heard) this.#change(number, { heard });
  }

  #turn(number) {
    if (!this.turns.has(number)) this.turns.set(number, new Turn(number));
    return this.turns.get(number);
  }

  #change(number, fields) {
    this.changed(Object.assign(this.#turn(number), fields));
  }
}
