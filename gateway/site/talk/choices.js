/** What there is to choose, as the server tells it: the call flow, the language, the voice; and who answers. */

/** A request to the server the page came from. */
async function get(path, headers) {
  const response = await fetch(new URL(path, document.baseURI), { headers });
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw Object.assign(new Error(path), { code: body.error?.code ?? "", said: body.error?.message ?? "" });
  return body;
}

export const about = (headers) => get("about", headers);

export class Choices {
  /**
   * @param {{flow: HTMLSelectElement, language: HTMLSelectElement, voice: HTMLSelectElement}} places
   * @param {() => void} changed
   */
  constructor(places, changed) {
    this.places = places;
    this.voices = [];
    for (const place of Object.values(places)) {
      place.addEventListener("change", () => {
        if (place === places.flow) this.#languages();
        if (place !== places.voice) this.#voices();
        changed();
      });
    }
  }

  /** @param {any} known what `about` tells */
  offer(known, headers) {
    this.known = known;
    fill(this.places.flow, known.flows.map(({ name, title }) => [name, title]), known.flow);
    this.#languages();
    this.#voices();
    this.#ask(headers);
  }

  /** Nobody waits for the voices; where they cannot be had, there is one all the same. */
  async #ask(headers) {
    const { voices } = await get("v1/audio/voices", headers).catch(() => ({ voices: [] }));
    this.voices = voices;
    this.#voices();
  }

  /** The flow that is chosen. */
  get flow() {
    return this.known.flows.find(({ name }) => name === this.places.flow.value);
  }

  get language() {
    return this.places.language.value;
  }

  /** For the address of `/ws`. */
  get query() {
    return { flow: this.places.flow.value, lang: this.language, voice: this.places.voice.value };
  }

  #languages() {
    const languages = Object.keys(this.flow?.languages ?? {});
    const names = new Intl.DisplayNames(["en"], { type: "language" });
    fill(this.places.language, languages.map((code) => [code, names.of(code)]), this.language || this.known.language);
  }

  #voices() {
    const place = this.places.voice;
    const chosen = place.value;
    const own = this.voices.filter(({ language }) => language?.split("-")[0].toLowerCase() === this.language);
    const anyones = this.voices.filter(({ language }) => !language);
    fill(place, [["", "Default"]], "");
    place.append(group("Of this language", own, "description"), group("Of any language", anyones, "name"));
    place.disabled = !this.voices.length;
    place.value = chosen;
    if (place.selectedIndex < 0) place.value = "";
  }
}

function group(label, voices, text) {
  const made = document.createElement("optgroup");
  made.label = label;
  made.append(...voices.map((voice) => new Option(voice[text] || voice.name, voice.id)));
  return made;
}

/** @param {HTMLSelectElement} place @param {[string, string][]} rows */
function fill(place, rows, chosen) {
  place.replaceChildren(...rows.map(([value, text]) => new Option(text, value)));
  place.value = rows.some(([value]) => value === chosen) ? chosen : (rows[0]?.[0] ?? "");
  place.disabled = rows.length < 2;
}
