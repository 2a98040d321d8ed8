/**
 * One conversation with the server: the line, the sound, and what is known of what was said.
 *
 * A reply is silenced here as soon as the server holds it, and does not go on before the server says so.
 */

import { Conversation } from "./conversation.js";
import { Line } from "./line.js";
import { Quality } from "./quality.js";
import { Sound, soundAllowed } from "./sound.js";

export class Call {
  /**
   * @param {{query: object, key: string}} wanted
   * @param {{turn: Function, line: Function, message: Function, stroke: Function, quality: Function, trip: Function,
   *   heard: Function, unplugged: Function}} told
   */
  static async open(wanted, told) {
    const call = new Call(told);
    // Who gets no sound can still type and read.
    if (soundAllowed()) call.sound = await Sound.open(call.#ears()).catch(() => null);
    const rates = call.sound ? { rate: call.sound.rate, out_rate: call.sound.rate } : {};
    call.line = new Line({ ...wanted, query: { ...wanted.query, ...rates, words: 1 } }, call.#wire());
    return call;
  }

  constructor(told) {
    this.told = told;
    this.sound = null;
    /** Whether the browser asks for the microphone. */
    this.asking = false;
    this.conversation = new Conversation(told.turn);
    this.quality = new Quality();
  }

  get listening() {
    return Boolean(this.sound?.microphone);
  }

  async listen() {
    if (this.listening) return;
    this.asking = true;
    try {
      await this.sound.listen();
    } finally {
      this.asking = false;
    }
  }

  say(text) {
    this.line.sendSurely({ type: "text", text });
  }

  /** Stops the reply without waiting for the server. */
  async interrupt() {
    await this.sound?.playback.stop();
    this.line.send({ type: "interrupt" });
  }

  async end() {
    this.line.leave();
    await this.sound?.close();
  }

  #ears() {
    return {
      heard: (turn, ms, peak) => {
        this.conversation.played(turn, ms);
        this.told.stroke("reply", peak);
        this.told.heard();
      },
      played: (ms) => this.line.send({ type: "played", ms }),
      frame: (pcm) => {
        this.quality.take(new Int16Array(pcm));
        this.told.stroke("caller", this.quality.peak);
        this.told.quality(this.quality);
        this.line.audio(pcm);
      },
      lost: () => this.told.unplugged(),
    };
  }

  #wire() {
    return {
      message: (message) => this.#take(message),
      audio: (pcm) => this.sound?.playback.audio(pcm),
      roundTrip: (ms) => this.told.trip(ms),
      state: (state) => {
        // What was sent and not heard comes again with the next connection.
        if (state.name === "again") this.sound?.playback.stop();
        if (state.name === "over") this.sound?.mute();
        this.told.line(state);
      },
    };
  }

  #take(message) {
    const playback = this.sound?.playback;
    switch (message.type) {
      case "audio_started":
        playback?.begin(message.turn, 0);
        break;
      case "resumed":
        playback?.begin(message.turn, message.at_ms);
        break;
      case "held":
      case "interrupted":
        playback?.stop();
        break;
      case "forgotten":
        this.conversation = new Conversation(this.told.turn);
        break;
    }
    this.conversation.take(message);
    // Who cannot hear the reply reads all of it at once.
    if (!this.sound && message.type === "reply") this.conversation.played(message.turn, Infinity);
    this.told.message(message);
  }
}
