/** Before anybody has spoken: what can be said stands where it would be said, and who answers where the answer would. */

/** @param {(text: string) => void} say */
export function invite(phrases, who, { flow, language }, say) {
  phrases.replaceChildren(...(flow?.languages[language] ?? []).map((text) => entry(text, language, say)));
  who.textContent = flow ? `${flow.title}. ${flow.description}` : "";
}

function entry(text, language, say) {
  const phrase = document.createElement("button");
  phrase.type = "button";
  phrase.textContent = text;
  phrase.lang = language;
  phrase.addEventListener("click", () => say(text));
  const made = document.createElement("li");
  made.append(phrase);
  return made;
}
