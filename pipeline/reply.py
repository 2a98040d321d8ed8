"""One reply while it is made: it grows by phrases, is spoken phrase by phrase, and is paced to the client.

One phrase is spoken at a time, and no more is made ahead than the caller will hear soon: a slow listener holds up synthesis,
not memory. A reply that is only read is never spoken, and over when its text is.
"""

from collections import deque
from dataclasses import dataclass

from pipeline.commands import Speak
from pipeline.config import Config
from pipeline.ledger import guess
from pipeline.manner import Manner
from pipeline.memento import ReplyDue, Told
from pipeline.playout import Playout
from pipeline.ports import CallDelta, Finish, FlowStep, Phrase, Prompt, Wish, Word
from pipeline.retold import Retold
from pipeline.work import Work


@dataclass(slots=True)
class Call:
    """A function that the reply asks for."""

    item: str
    name: str
    arguments: str = ""


class Reply:
    """Everything about the reply to one turn."""

    def __init__(self, work: Work, config: Config, manner: Manner, wish: Wish, not_before: float = 0.0) -> None:
        """`not_before` is when its first sound can be heard, since the client still plays another one."""
        self.work = work
        self.wish = wish
        self.item = ""
        """What its words will be."""
        rules = config.playout
        if manner.keeps_items:
            rules = rules.model_copy(update={"lead_ms": rules.burst_ms})
        self.playout = Playout(rules, manner.out_rate, holds=not manner.keeps_items, not_before=not_before)
        self.step: FlowStep | None = None
        self.finish = Finish()
        self.calls: dict[str, Call] = {}
        """By their ids."""
        self.calls_taken = False
        self.prompt: Prompt | None = None
        """What it answers; None when its words are known from the beginning."""
        self._retold: Retold | None = None
        """What the client was told of it from elsewhere, and is not told again."""
        self._told_all = False
        self.text = ""
        self.phrases: list[str] = []
        """The same, as it is spoken."""
        self.began = False
        """Whether any sound has been sent."""
        self.end_told = False
        """Whether the client knows that nothing more of it will come."""
        self.failure: tuple[str, str] | None = None
        """Code and message, if it failed on its way; nothing more is made, and what still comes is too late."""
        self.filled = False
        """Whether a word of patience was said."""
        self._language = manner.language
        self._patience_s = config.budget.tts_ms * config.budget.hedge_at / 1000
        self._max_ahead_ms = config.conversation.max_ahead_ms
        self._waiting: deque[tuple[str, str]] = deque()
        """What is to be spoken, and what of it is remembered."""
        self._speaking = False
        self._spoken_phrases = 0
        self._text_ended = False

    @property
    def turn(self) -> int:
        return self.work.turn

    @property
    def text_ended(self) -> bool:
        return self._text_ended

    @property
    def complete(self) -> bool:
        """Whether all of it has been made."""
        return self._text_ended and not self._waiting and not self._speaking

    @property
    def phrases_asked(self) -> int:
        return self._spoken_phrases + self._speaking

    @property
    def silent(self) -> bool:
        """Whether nothing of it was asked to be spoken yet."""
        return not self._speaking and not self._spoken_phrases

    def said(self, now: float) -> str:
        """What the caller knows of it by now."""
        if not self.wish.spoken:
            return self.text
        heard = self.playout.heard(now)
        # What was heard elsewhere may not have been made again yet.
        return guess(self.text, heard, self.playout.rate) if heard > self.playout.made else self.playout.heard_text(now)

    def told_before(self, due: ReplyDue, told: Told) -> None:
        """The client knows its beginning, or all of it; what is thought of now is the same, or what follows."""
        for phrase in due.phrases:
            self.grow(phrase)
        self._told_all = due.final
        if told.turn == due.turn:
            for text in told.texts:
                # All of it each time, and so much of it is new.
                phrase = text[len(self.text) :]
                self.grow(phrase.lstrip() if self.wish.spoken else phrase)
            self._told_all |= told.final
        self._retold = Retold(self.phrases, phrases=self.wish.spoken)

    def news(self, phrase: str) -> str:
        """What of a phrase the client does not know yet."""
        if self._told_all:
            return ""
        return phrase if self._retold is None else self._retold.news(phrase)

    def grow(self, phrase: str) -> None:
        if not phrase:
            return
        if self.wish.spoken:
            self._waiting.append((phrase, phrase))
            self.text = f"{self.text} {phrase}".lstrip()
        else:
            self.text += phrase
        self.phrases.append(phrase)

    def add_call(self, delta: CallDelta, item: str) -> Call:
        call = self.calls[delta.call_id] = Call(item, delta.name)
        return call

    def fill(self, text: str) -> None:
        """Says something that is heard, but is no part of the reply."""
        self.filled = True
        self._waiting.append((text, ""))

    def end_text(self, step: FlowStep | None, finish: Finish) -> None:
        self.step, self.finish = step, finish
        self._text_ended = True

    def next_phrase(self, now: float) -> Speak | None:
        """The phrase that should be spoken now, if any."""
        if self._speaking or not self._waiting or self.playout.ahead_ms(now) > self._max_ahead_ms:
            return None
        text, remembered = self._waiting.popleft()
        self._speaking = True
        self.playout.ledger.begin_phrase(remembered)
        phrase = Phrase(text, self._language, self.wish.voice, self.wish.speed)
        return Speak(self.work, self._spoken_phrases, phrase, self.playout.rate, self._patience_s)

    def speech(self, phrase: int, pcm: bytes, words: tuple[Word, ...]) -> None:
        if phrase == self._spoken_phrases:
            self.playout.add(pcm, words)

    def end_phrase(self, phrase: int) -> None:
        if phrase == self._spoken_phrases:
            self.playout.ledger.end_phrase()
            self._spoken_phrases += 1
            self._speaking = False
            self.close_if_complete()

    def close_if_complete(self) -> None:
        if self.complete:
            self.playout.close()

    def give_up(self, code: str, message: str) -> None:
        """Nothing more can be made; what there is will be heard."""
        self._waiting.clear()
        self._text_ended, self.failure = True, (code, message)
        self.playout.close()

    def due(self) -> float | None:
        """When audio has to be sent, the last of it will have been heard, or more of it may be made."""
        due = self.playout.due()
        if due is None and self._waiting and not self._speaking and not self.playout.held:
            return self.playout.ahead_only(self._max_ahead_ms)
        return due
