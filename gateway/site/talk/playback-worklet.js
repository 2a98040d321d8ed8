/**
 * The speaker's side: plays from a ring, says what was really played, and falls silent within one block.
 *
 * Places in the ring are counted from its beginning and only grow. A mark says from which place on the audio belongs to a turn,
 * and how much of that turn lies before it.
 */

const RING_S = 20;
/** As often as the microphone brings a frame. */
const REPORT_FRAMES = sampleRate / 50;
const BLOCK = 128;

class Player extends AudioWorkletProcessor {
  constructor() {
    super();
    this.ring = new Int16Array(sampleRate * RING_S);
    this.written = 0;
    this.read = 0;
    this.marks = [];
    this.mark = null;
    this.fading = null;
    this.peak = 0;
    this.unreported = 0;
    this.port.onmessage = ({ data }) => this.take(data);
  }

  take(message) {
    if (message.kind === "begin") {
      this.marks.push({ at: this.written, turn: message.turn, before: message.before });
    } else if (message.kind === "audio") {
      this.write(new Int16Array(message.pcm));
    } else {
      this.stop();
    }
  }

  write(samples) {
    // The server sends a second ahead; what no longer fits was never asked for.
    const room = this.ring.length - (this.written - this.read);
    for (const sample of samples.subarray(0, room)) {
      this.ring[this.written % this.ring.length] = sample;
      this.written += 1;
    }
  }

  stop() {
    this.report(true);
    this.fading = Array.from({ length: BLOCK }, (_, index) => this.at(this.read + index));
    this.read = this.written;
    this.marks = [];
    this.mark = null;
    this.port.postMessage({ stopped: true });
  }

  at(place) {
    return place < this.written ? this.ring[place % this.ring.length] / 32768 : 0;
  }

  process(_, [[block]]) {
    if (this.fading) {
      // A block's length of the way down to silence, as a sound that breaks off clicks.
      block.forEach((_, index) => (block[index] = (this.fading[index] ?? 0) * (1 - index / block.length)));
      this.fading = null;
      return true;
    }
    const playing = Math.min(block.length, this.written - this.read);
    for (let index = 0; index < playing; index += 1) {
      if (this.marks.length && this.marks[0].at <= this.read) {
        this.report(true);
        this.mark = this.marks.shift();
      }
      block[index] = this.at(this.read);
      this.peak = Math.max(this.peak, Math.abs(block[index]));
      this.read += 1;
      this.unreported += 1;
    }
    if (this.unreported) this.report(playing < block.length);
    return true;
  }

  /** Tells how far the turn has come; `now` also when little was played since. */
  report(now) {
    if (this.mark === null || (!now && this.unreported < REPORT_FRAMES)) return;
    const played = this.mark.before + this.read - this.mark.at;
    this.port.postMessage({ turn: this.mark.turn, played, peak: this.peak, dry: now });
    this.unreported = 0;
    this.peak = 0;
  }
}

registerProcessor("player", Player);
