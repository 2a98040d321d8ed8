"""Which words lie where in the audio of one reply, so that any length of it can be told as words."""

from dataclasses import dataclass, field

from pipeline.ports import Word

_LETTERS_A_SECOND = 14
"""The pace of speech whose end is not known yet."""


@dataclass(slots=True)
class _Phrase:
    text: str
    start: int
    samples: int = 0
    words: list[Word] = field(default_factory=lambda: [])
    ended: bool = False

    def heard(self, samples: int, rate: int) -> str:
        """The words of which at least half was played, after so many samples of this phrase."""
        tokens = self.text.split()
        if self.ended and samples >= self.samples:
            return self.text
        if self.words:
            middles = [(word.start_s + word.end_s) / 2 * rate for word in self.words]
            # An engine may count words in its own way; while it speaks, those that are to come are not among them.
            words = len(middles) if self.ended else max(len(middles), len(tokens))
            share = sum(middle <= samples for middle in middles) / words
            return " ".join(tokens[: round(share * len(tokens))])
        # No times from the engine: words take time as they take letters.
        letters = sum(len(token) for token in tokens) or 1
        length = self.samples if self.ended else max(self.samples, letters * rate // _LETTERS_A_SECOND)
        heard: list[str] = []
        passed = 0.0
        for token in tokens:
            if (passed + len(token) / 2) / letters * length > samples:
                break
            heard.append(token)
            passed += len(token)
        return " ".join(heard)


def guess(text: str, samples: int, rate: int) -> str:
    """What was said of a text in so much audio, if nobody knows where its words lie."""
    return _Phrase(text, 0).heard(samples, rate)


class Ledger:
    """Grows while a reply is made, phrase by phrase."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.samples = 0
        """Length of the audio so far."""
        self._phrases: list[_Phrase] = []

    def begin_phrase(self, text: str) -> None:
        self._phrases.append(_Phrase(text, self.samples))

    def add(self, samples: int, words: tuple[Word, ...]) -> None:
        """So much audio was made of the newest phrase."""
        phrase = self._phrases[-1]
        phrase.samples += samples
        phrase.words.extend(words)
        self.samples += samples

    def end_phrase(self) -> None:
        self._phrases[-1].ended = True

    def words(self, samples: int) -> int:
        """How many words were said in so much of it."""
        return len(self.text(samples).split())

    def text(self, samples: int) -> str:
        """What was said in so much of it."""
        parts = [phrase.heard(samples - phrase.start, self.rate) for phrase in self._phrases if samples > phrase.start]
        return " ".join(part for part in parts if part)
