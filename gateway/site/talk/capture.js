/** The microphone, in 20 ms frames of 16-bit samples at the context's own rate; the server resamples. */

const WANTED = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 };

export class Microphone {
  /**
   * Asks for the microphone; fails as `getUserMedia` does.
   * @param {AudioContext} context
   * @param {{frame: (pcm: ArrayBuffer) => void, lost: () => void}} told
   */
  static async open(context, told) {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: WANTED });
    if (context.state === "closed") {
      for (const track of stream.getTracks()) track.stop();
      throw new DOMException("nobody waits for it any more", "AbortError");
    }
    return new Microphone(context, stream, told);
  }

  constructor(context, stream, { frame, lost }) {
    this.stream = stream;
    this.source = context.createMediaStreamSource(stream);
    this.node = new AudioWorkletNode(context, "capture", { numberOfOutputs: 0 });
    this.node.port.onmessage = ({ data }) => frame(data);
    this.source.connect(this.node);
    for (const track of stream.getTracks()) track.onended = lost;
  }

  close() {
    this.node.port.onmessage = null;
    this.source.disconnect();
    for (const track of this.stream.getTracks()) {
      track.onended = null;
      track.stop();
    }
  }
}
