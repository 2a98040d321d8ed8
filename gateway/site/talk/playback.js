/**
 * The speaker: takes reply audio, and knows how much of which turn was heard.
 *
 * What was played is said about every quarter of a second, and at once when it stops or runs out, so that the server's account
 * of what was heard is exact.
 */

const REPORT_MS = 250;

export class Playback {
  /**
   * @param {AudioContext} context
   * @param {{heard: (turn: number, ms: number, peak: number) => void, played: (ms: number) => void}} told
   *   `heard` often, for the eye; `played` as often as the server wants to know.
   */
  constructor(context, { heard, played }) {
    this.context = context;
    this.told = { heard, played };
    this.reportedAt = 0;
    this.turn = null;
    this.stopped = [];
    this.analyser = context.createAnalyser();
    this.node = new AudioWorkletNode(context, "player", { numberOfInputs: 0, outputChannelCount: [1] });
    this.node.port.onmessage = ({ data }) => this.#note(data);
    this.node.connect(this.analyser).connect(context.destination);
  }

  /** What comes from now on belongs to this turn, from there on. */
  begin(turn, atMs) {
    this.turn = turn;
    this.node.port.postMessage({ kind: "begin", turn, before: Math.round((atMs * this.context.sampleRate) / 1000) });
  }

  /** @param {ArrayBuffer} pcm */
  audio(pcm) {
    this.node.port.postMessage({ kind: "audio", pcm }, [pcm]);
  }

  /** Silence within one block; what was not played is thrown away. Resolves when what was played has been said. */
  stop() {
    return new Promise((resolve) => {
      this.stopped.push(resolve);
      this.node.port.postMessage({ kind: "stop" });
    });
  }

  /** Nothing is told any more. */
  close() {
    this.node.port.onmessage = null;
    this.node.disconnect();
  }

  /** The root mean square of what sounds now. */
  get loudness() {
    const wave = new Float32Array(this.analyser.fftSize);
    this.analyser.getFloatTimeDomainData(wave);
    return Math.sqrt(wave.reduce((sum, sample) => sum + sample * sample, 0) / wave.length);
  }

  #note({ turn, played, peak, dry, stopped }) {
    if (stopped) {
      this.stopped.shift()();
      return;
    }
    const ms = (1000 * played) / this.context.sampleRate;
    this.told.heard(turn, ms, peak);
    const now = performance.now();
    // A report of an earlier turn would be taken for one of the present turn.
    if (turn !== this.turn || (!dry && now - this.reportedAt < REPORT_MS)) return;
    this.reportedAt = now;
    // What has left the worklet is on its way to the ear for a moment; what was stopped or has run out gets there.
    const onItsWay = dry ? 0 : 1000 * (this.context.outputLatency || 0);
    this.told.played(Math.max(0, Math.round(ms - onItsWay)));
  }
}
