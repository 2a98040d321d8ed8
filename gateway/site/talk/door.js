/** A key, where the server asks for one: kept for as long as this tab is open, and sent nowhere but to the server. */

const KEPT_AS = "parley-key";

export class Door {
  /** @param {HTMLFormElement} form @param {() => void} given */
  constructor(form, given) {
    this.form = form;
    this.why = form.querySelector("p");
    this.field = form.querySelector("input");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!this.field.value.trim()) return;
      sessionStorage.setItem(KEPT_AS, this.field.value.trim());
      this.field.value = "";
      form.hidden = true;
      given();
    });
  }

  get key() {
    return sessionStorage.getItem(KEPT_AS) ?? "";
  }

  /** Whether an error was about the key; then the door asks for another one. */
  asks(code) {
    if (code !== "key_missing" && code !== "key_invalid") return false;
    sessionStorage.removeItem(KEPT_AS);
    this.why.textContent =
      code === "key_missing"
        ? "This server asks for a key. Whoever runs it has one for you."
        : "This key is not accepted here. Look whether all of it was copied, or ask for another one.";
    this.form.hidden = false;
    this.field.focus();
    return true;
  }
}
