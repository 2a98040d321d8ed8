"""What a call flow expects to hear, as one text for engines that take such a text before they listen."""

from collections.abc import Iterable

LONGEST_HINT = 400
"""Letters: about 100 tokens, of the 224 that Whisper-like models read before they listen; each one costs time."""


def hint_text(phrases: Iterable[str]) -> str:
    """As many of the phrases as fit, whole and in their order, each as a sentence."""
    text = ""
    for phrase in phrases:
        sentence = phrase.strip()
        if not sentence:
            continue
        if sentence[-1] not in ".!?":
            sentence += "."
        longer = f"{text} {sentence}" if text else sentence
        if len(longer) > LONGEST_HINT:
            break
        text = longer
    return text
