/** A key, where the server asks for one: kept for as long as this tab is open, and sent nowhere but to the server. */

const KEPT_AS = "parley-key";

export class Door {
  /**
   * @param {HTMLFormElement} form
   * @param {Record<string, string>} why what is said of each refusal that another key may change
   * @param {() => void} given
   */
  constructor(form, why, given) {
    this.form = form;
    this.why = why;
    this.field = form.querySelector("input");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const key = this.field.value.trim();
      if (!key) return;
      sessionStorage.setItem(KEPT_AS, key);
      this.field.value = "";
      form.hidden = true;
      given();
    });
  }

  get key() {
    return sessionStorage.getItem(KEPT_AS) ?? "";
  }

  get headers() {
    return this.key ? { Authorization: `Bearer ${this.key}` } : {};
  }

  /** Asks for a key, if that is what is wrong; another page's key is left to it. */
  asks(code) {
    if (!(code in this.why)) return false;
    this.form.querySelector("p").textContent = this.why[code];
    this.form.hidden = false;
    this.field.focus();
    return true;
  }
}
