/** The machine's audio, both ways. One context for both, so that nothing is resampled here. */

import { Microphone } from "./capture.js";
import { Playback } from "./playback.js";

const HIGHEST_RATE = 48000;

/** Whether this browser gives a page any audio here: it does so over https, and on the machine itself. */
export const soundAllowed = () => window.isSecureContext && "AudioWorkletNode" in window && !!navigator.mediaDevices;

export class Sound {
  /** To be opened by a click or a key, or the browser keeps it silent. */
  static async open(told) {
    let context = new AudioContext({ latencyHint: "interactive" });
    if (context.sampleRate > HIGHEST_RATE) {
      await context.close();
      context = new AudioContext({ latencyHint: "interactive", sampleRate: HIGHEST_RATE });
    }
    const modules = ["./capture-worklet.js", "./playback-worklet.js"];
    await Promise.all(modules.map((name) => context.audioWorklet.addModule(new URL(name, import.meta.url))));
    await context.resume();
    return new Sound(context, told);
  }

  /** @param {{heard: Function, played: Function, frame: Function, lost: Function}} told */
  constructor(context, told) {
    this.context = context;
    this.told = told;
    this.playback = new Playback(context, told);
    this.microphone = null;
    this.opening = null;
  }

  get rate() {
    return this.context.sampleRate;
  }

  /** Asks for the microphone, once, however often it is called meanwhile. */
  async listen() {
    this.opening ??= Microphone.open(this.context, this.told).finally(() => (this.opening = null));
    this.microphone = await this.opening;
  }

  mute() {
    this.microphone?.close();
    this.microphone = null;
  }

  async close() {
    this.mute();
    this.playback.close();
    await this.context.close();
  }
}
