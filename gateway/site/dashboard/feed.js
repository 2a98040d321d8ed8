/** The stream of events: asked for again when it ends. A browser's own EventSource cannot show a key, so it is read by hand. */

const AGAIN_MS = 1_000;
const SLOWLY_MS = 5_000;
const SILENCE_MS = 10_000;
/** A stream that says nothing for so long is broken: it has news every second. */

/** @typedef {{ event: (name: string, data: any) => void, lost: () => void, refused: (code: string) => boolean }} Taker */

export class Feed {
  /** @param {string} url @param {() => Record<string, string>} headers @param {Taker} taker */
  constructor(url, headers, taker) {
    this.url = url;
    this.headers = headers;
    this.taker = taker;
  }

  /** Goes on until somebody has to do something about it. */
  async run() {
    for (let tries = 0; ; tries += 1) {
      try {
        const giveUp = new AbortController();
        const response = await fetch(this.url, { headers: this.headers(), cache: "no-store", signal: giveUp.signal });
        if (response.ok) {
          tries = 0;
          await this.read(response.body.getReader(), giveUp);
        } else if (this.taker.refused(await codeOf(response))) {
          return;
        } else {
          this.taker.lost();
        }
      } catch {
        this.taker.lost();
      }
      // A stream ends now and then without a reason: the next one goes on where it was.
      await new Promise((done) => setTimeout(done, tries ? SLOWLY_MS : AGAIN_MS));
    }
  }

  /** @param {ReadableStreamDefaultReader<Uint8Array>} reader @param {AbortController} giveUp */
  async read(reader, giveUp) {
    const decoder = new TextDecoder();
    let text = "";
    for (;;) {
      const patience = setTimeout(() => giveUp.abort(), SILENCE_MS);
      const { done, value } = await reader.read().finally(() => clearTimeout(patience));
      if (done) return;
      text += decoder.decode(value, { stream: true });
      const events = text.split("\n\n");
      text = events.pop();
      for (const event of events) this.tell(event);
    }
  }

  tell(event) {
    const lines = event.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]);
    const fields = Object.fromEntries(lines);
    this.taker.event(fields.event, JSON.parse(fields.data));
  }
}

async function codeOf(response) {
  try {
    return (await response.json()).error.code;
  } catch {
    return "";
  }
}
