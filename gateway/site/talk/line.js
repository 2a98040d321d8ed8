/**
 * The WebSocket to the server: made again when it breaks, on to the same conversation, and asked for signs of life.
 *
 * After a break it tries again each second, five times; audio of the meantime is kept and sent then. A server that is full says
 * when to come back, and that is done for as long as the page waits. How messages look is told in docs/wire.md.
 */

const AGAIN_MS = 1000;
const TRIES = 5;
const OPEN_MS = 3000;
const HEARTBEAT_MS = 30_000;
const PONG_MS = 10_000;
const KEPT_FRAMES = 200;
const NORMAL = 1000;
const POLICY = 1008;
/** This replica of the server goes, and others take its callers at once. */
const RESTART = 1012;
const BUSY_S = 5;
/** Refusals that may be otherwise a moment later, when what broke is known to be gone. */
const MAY_CHANGE = ["rate_limit_exceeded", "resume_later"];

/**
 * @typedef {{name: "connecting" | "open" | "over" | "gone"} | {name: "again", tried: number, tries: number}
 *   | {name: "busy", seconds: number} | {name: "refused", code: string, message: string}} LineState
 */

export class Line {
  /**
   * @param {{query: Record<string, string | number>, key: string}} wanted
   * @param {{message: (message: any) => void, audio: (pcm: ArrayBuffer) => void, state: (state: LineState) => void,
   *   roundTrip: (ms: number) => void}} told
   */
  constructor({ query, key }, told) {
    this.query = query;
    this.key = key;
    this.told = told;
    this.resume = "";
    this.tried = 0;
    this.kept = [];
    this.unsaid = [];
    this.#connect({ name: "connecting" });
  }

  /** What is of no use later is lost without a connection. */
  send(message) {
    if (this.open) this.socket.send(JSON.stringify(message));
  }

  /** Sends now, or as soon as there is a connection. */
  sendSurely(message) {
    if (this.open) this.send(message);
    else this.unsaid.push(message);
  }

  /** @param {ArrayBuffer} pcm */
  audio(pcm) {
    if (this.open) {
      this.socket.send(pcm);
    } else {
      this.kept = [...this.kept.slice(1 - KEPT_FRAMES), pcm];
    }
  }

  /** Says goodbye; nothing is told any more. */
  leave() {
    this.send({ type: "bye" });
    this.#drop(NORMAL);
  }

  /** Tries once more after it was given up. */
  retry() {
    this.tried = 0;
    this.#again();
  }

  get open() {
    return this.socket?.readyState === WebSocket.OPEN && this.ready;
  }

  #connect(state) {
    this.told.state(state);
    const address = new URL("ws", document.baseURI);
    address.protocol = address.protocol.replace("http", "ws");
    const query = this.resume ? { ...this.query, resume: this.resume } : this.query;
    address.search = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== "")).toString();
    this.error = null;
    this.ready = false;
    this.socket = new WebSocket(address, this.key ? ["parley", `parley-key.${this.key}`] : []);
    this.socket.binaryType = "arraybuffer";
    this.socket.onmessage = ({ data }) => (typeof data === "string" ? this.#take(JSON.parse(data)) : this.told.audio(data));
    this.socket.onclose = ({ code }) => this.#closed(code);
    this.opening = setTimeout(() => this.#closed(), OPEN_MS);
  }

  #take(message) {
    if (message.type === "pong") {
      clearTimeout(this.missing);
      this.told.roundTrip(performance.now() - this.askedAt);
      return;
    }
    if (message.type === "error") this.error = message;
    if (message.type === "session") this.#opened(message.resume);
    this.told.message(message);
  }

  #opened(resume) {
    clearTimeout(this.opening);
    this.resume = resume;
    this.tried = 0;
    this.ready = true;
    for (const pcm of this.kept.splice(0)) this.socket.send(pcm);
    for (const message of this.unsaid.splice(0)) this.send(message);
    this.beating = setInterval(() => this.#ping(), HEARTBEAT_MS);
    this.#ping();
    this.told.state({ name: "open" });
  }

  #ping() {
    this.askedAt = performance.now();
    this.missing = setTimeout(() => this.#closed(), PONG_MS);
    this.send({ type: "ping" });
  }

  /** Without a code, nothing was heard of the other end for too long. */
  #closed(code) {
    this.#drop();
    const reason = this.error?.code ?? "";
    if (code === NORMAL) {
      this.told.state({ name: "over" });
    } else if (reason === "server_busy") {
      const seconds = this.error.retry_after_s ?? BUSY_S;
      this.told.state({ name: "busy", seconds });
      this.waiting = setTimeout(() => this.#connect({ name: "connecting" }), 1000 * seconds);
    } else if (this.resume && reason === "resume_unknown") {
      this.resume = "";
      this.told.message({ type: "forgotten" });
      this.#connect({ name: "connecting" });
    } else if (this.resume && MAY_CHANGE.includes(reason)) {
      this.#again();
    } else if (code === POLICY || reason === "conversation_broken") {
      this.told.state({ name: "refused", code: reason, message: this.error?.message ?? "" });
    } else {
      this.#again(code === RESTART && !this.tried ? 0 : AGAIN_MS);
    }
  }

  #again(waitMs = AGAIN_MS) {
    if (this.tried === TRIES) {
      this.told.state({ name: "gone" });
      return;
    }
    this.tried += 1;
    const state = { name: "again", tried: this.tried, tries: TRIES };
    this.told.state(state);
    this.waiting = setTimeout(() => this.#connect(state), waitMs);
  }

  #drop(code) {
    clearInterval(this.beating);
    for (const timer of [this.opening, this.missing, this.waiting]) clearTimeout(timer);
    this.socket.onmessage = this.socket.onclose = null;
    this.socket.close(code);
  }
}
