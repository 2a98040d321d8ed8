/** An operator's key, where the server asks for one: kept for as long as this tab is open, and sent nowhere but to the server. */

const KEPT_AS = "parley-key";

const WHY = {
  key_missing: "This server shows how it does to operators only. Their key opens it.",
  key_invalid: "This key is not accepted here. Look whether all of it was copied.",
  operator_needed: "This key may call, but not look in here: keys.operators of the configuration does not name it.",
};

export class Door {
  /** @param {HTMLFormElement} form @param {() => void} given */
  constructor(form, given) {
    this.form = form;
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

  get headers() {
    const key = sessionStorage.getItem(KEPT_AS);
    return key ? { Authorization: `Bearer ${key}` } : {};
  }

  /** Asks for a key, if that is what is wrong; another page's key is left to it. */
  asks(code) {
    if (!(code in WHY)) return false;
    this.form.querySelector("p").textContent = WHY[code];
    this.form.hidden = false;
    this.field.focus();
    return true;
  }
}
