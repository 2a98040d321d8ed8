/** The microphone's side: gathers what comes in blocks into 20 ms of 16-bit samples. */

const FRAMES_A_SECOND = 50;

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.size = Math.round(sampleRate / FRAMES_A_SECOND);
    this.frame = new Int16Array(this.size);
    this.filled = 0;
  }

  process([[block]]) {
    // No block: the microphone is gone, or not there yet.
    for (const sample of block ?? []) {
      this.frame[this.filled] = Math.max(-1, Math.min(1, sample)) * 32767;
      this.filled += 1;
      if (this.filled === this.size) {
        this.port.postMessage(this.frame.buffer, [this.frame.buffer]);
        this.frame = new Int16Array(this.size);
        this.filled = 0;
      }
    }
    return true;
  }
}

registerProcessor("capture", Capture);
