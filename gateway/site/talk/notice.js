/** The one place where it says what has failed and what to do about it; the newest failure stands there. */

export class Notice {
  /** @param {HTMLElement} place */
  constructor(place) {
    this.place = place;
    this.action = place.querySelector("button");
    this.about = null;
  }

  /**
   * @param {"page" | "line" | "turn" | "microphone"} about what has failed
   * @param {import("./failures.js").Failure} failure
   * @param {() => void} [then] what its button does
   */
  show(about, failure, then) {
    this.about = about;
    this.place.querySelector("strong").textContent = failure.title;
    this.place.querySelector("span").textContent = failure.text;
    this.action.hidden = !failure.action;
    this.action.textContent = failure.action ?? "";
    this.action.onclick = then ?? null;
    this.place.hidden = false;
  }

  /** This works again; what else may have failed stays told. */
  mended(about) {
    if (this.about === about) this.clear();
  }

  clear() {
    this.about = null;
    this.place.hidden = true;
  }
}
