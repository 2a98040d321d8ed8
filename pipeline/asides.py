"""Replies outside of the conversation: asked for by a client, remembered by nobody, and in nobody's way.

Their audio is sent as fast as it is made, since no caller is known to hear it.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import assert_never

from pipeline import events as on
from pipeline.commands import Abandon, Command, Speak, Tell, Think
from pipeline.config import Config
from pipeline.manner import Manner
from pipeline.notices import AsideSpoken, CallGrew, ReplyBegan, ReplyEnded, Said
from pipeline.ports import Finish, Phrase, Prompt
from pipeline.reply import Call
from pipeline.work import Work

MOST = 4
"""Under way at a time."""


@dataclass(slots=True)
class _Aside:
    work: Work
    prompt: Prompt
    rate: int
    text: str = ""
    waiting: deque[str] = field(default_factory=lambda: deque())
    speaking: bool = False
    spoken_phrases: int = 0
    calls: dict[str, Call] = field(default_factory=lambda: {})
    finish: Finish | None = None


class Asides:
    def __init__(self, config: Config) -> None:
        self._budget = config.budget
        self._asides: dict[Work, _Aside] = {}

    @property
    def full(self) -> bool:
        return len(self._asides) >= MOST

    def knows(self, work: Work) -> bool:
        return work in self._asides

    def turns(self) -> list[int]:
        return [work.turn for work in self._asides]

    def begin(self, work: Work, prompt: Prompt, manner: Manner, item: str, ref: str) -> list[Command]:
        self._asides[work] = _Aside(work, prompt, manner.out_rate)
        patience_s = self._budget.llm_ms * self._budget.hedge_at / 1000
        return [Tell(ReplyBegan(work.turn, item, ref, aside=True)), Think(work, prompt, patience_s)]

    def take(self, event: on.FromReplyStages) -> list[Command]:
        aside = self._asides[event.work]
        turn, out = event.work.turn, list[Command]()
        match event:
            case on.ReplyGrew(_, phrase):
                self._grow(aside, phrase)
                out.append(Tell(Said(turn, aside.text, final=False)))
            case on.CallGrew(_, delta):
                call = aside.calls.setdefault(delta.call_id, Call(f"item_{delta.call_id}", delta.name))
                call.arguments += delta.arguments
                out.append(Tell(CallGrew(turn, call.item, delta.call_id, call.name, delta.arguments, final=False)))
            case on.ReplyEnded(_, _, finish):
                aside.finish = finish
                out += [Tell(CallGrew(turn, call.item, id, call.name, "", final=True)) for id, call in aside.calls.items()]
                out.append(Tell(Said(turn, aside.text, final=True)))
            case on.SpeechMade(_, phrase, pcm):
                if phrase == aside.spoken_phrases:
                    out.append(Tell(AsideSpoken(turn, pcm)))
            case on.PhraseEnded():
                aside.speaking = False
                aside.spoken_phrases += 1
            case _:
                assert_never(event)
        return [*out, *self._carry_on(aside)]

    def fail(self, event: on.StageFailed) -> list[Command]:
        del self._asides[event.work]
        ended = ReplyEnded(event.work.turn, "failed", event.code, event.message)
        return [Abandon(event.work), Tell(ended)]

    def stop(self, turn: int) -> list[Command]:
        work = next(work for work in self._asides if work.turn == turn)
        del self._asides[work]
        return [Abandon(work), Tell(ReplyEnded(turn, "cancelled", "client_cancelled"))]

    def drop(self) -> list[Command]:
        """The client is gone."""
        gone: list[Command] = [Abandon(work) for work in self._asides]
        self._asides.clear()
        return gone

    def _grow(self, aside: _Aside, phrase: str) -> None:
        if aside.prompt.wish.spoken:
            aside.waiting.append(phrase)
            aside.text = f"{aside.text} {phrase}".lstrip()
        else:
            aside.text += phrase

    def _carry_on(self, aside: _Aside) -> list[Command]:
        if aside.speaking:
            return []
        if aside.waiting:
            aside.speaking = True
            wish = aside.prompt.wish
            phrase = Phrase(aside.waiting.popleft(), aside.prompt.language, wish.voice, wish.speed)
            patience_s = self._budget.tts_ms * self._budget.hedge_at / 1000
            return [Speak(aside.work, aside.spoken_phrases, phrase, aside.rate, patience_s)]
        if aside.finish is None:
            return []
        del self._asides[aside.work]
        return [Tell(ended(aside.work.turn, aside.finish))]


def ended(turn: int, finish: Finish) -> ReplyEnded:
    """What is told of a reply that came to an end by itself, or was cut by its provider."""
    status = "incomplete" if finish.cut_by else "completed"
    return ReplyEnded(turn, status, finish.cut_by, usage=finish.usage)
