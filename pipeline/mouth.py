"""Our side of a conversation: the reply that sounds, and the one that is prepared before the turn has surely ended.

A prepared reply has no effect that anybody could notice: nothing of it is told, sent or remembered, and only its first phrase
is spoken. Release makes it the reply, if the words are the ones that it was prepared for.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, assert_never

from pipeline import events as on
from pipeline.asides import ended
from pipeline.audio import to_ms, to_samples
from pipeline.budget import filler, late_stages, met
from pipeline.commands import Abandon, Command, Play, Tell, Think
from pipeline.config import Config
from pipeline.history import Item
from pipeline.latency import Latency, TurnClock
from pipeline.ledger import Ledger
from pipeline.manner import Manner
from pipeline.meaning import same_meaning
from pipeline.memento import ReplyDue, Told
from pipeline.notices import (
    AudioDone,
    AudioStarted,
    CallGrew,
    Failed,
    Held,
    ReplyBegan,
    ReplyEnded,
    Said,
    TurnReport,
    Voiced,
    WentOn,
)
from pipeline.phrasing import Phraser
from pipeline.ports import Finish, FlowStep, Message, Prompt, ToolCall, Wish
from pipeline.reply import Reply
from pipeline.speculation import Books
from pipeline.work import Work


class Step(Enum):
    """How far the reply has come, when that changed."""

    BEGAN = auto()
    HEARD = auto()
    EMPTY = auto()


@dataclass(slots=True)
class _Prepared:
    reply: Reply
    words: str
    """What the caller had said when it was begun."""
    began_at: float


class Mouth:
    def __init__(self, config: Config, manner: Manner, books: Books, new_name: Callable[[], str]) -> None:
        self._config = config
        self.manner = manner
        self._books = books
        self._new_name = new_name
        self._reply: Reply | None = None
        self._not_before = 0.0
        """When what was sent of earlier replies will have been heard."""
        self._prepared: _Prepared | None = None
        self._speculated = False
        self._reports: list[Latency] = []
        self.did: list[str] = []
        """What was done in this turn because a stage was late."""

    @property
    def turn(self) -> int | None:
        return None if self._reply is None else self._reply.turn

    @property
    def held(self) -> bool:
        """Whether nothing of the reply may sound, or there is none."""
        return self._reply is None or self._reply.playout.held

    @property
    def began(self) -> bool:
        return self._reply is not None and self._reply.began

    @property
    def item(self) -> str:
        """What the reply's words will be."""
        return "" if self._reply is None else self._reply.item

    @property
    def active(self) -> bool:
        """Whether more of the reply will come."""
        return self._reply is not None and not self._reply.end_told

    @property
    def text_ended(self) -> bool:
        return self._reply is not None and self._reply.text_ended

    @property
    def filled(self) -> bool:
        return self._reply is not None and self._reply.filled

    @property
    def step(self) -> FlowStep | None:
        return None if self._reply is None else self._reply.step

    @property
    def ends_call(self) -> bool:
        return self.step is not None and self.step.ends_call

    def heard(self, now: float) -> tuple[int, str]:
        """Milliseconds and words of the reply that the caller has heard."""
        return (0, "") if self._reply is None else (self._reply.playout.heard_ms(now), self._reply.said(now))

    def remembered(self, now: float, *, whole: bool = False) -> list[tuple[Item, Ledger]]:
        """What the history keeps of the reply: what was heard, or all of it."""
        reply = self._reply
        if reply is None:
            return []
        text = reply.text if whole else reply.said(now)
        complete = reply.text_ended and reply.text == text
        if not text and (reply.calls or not self.manner.keeps_items):
            return []
        item = Item(reply.item, Message("assistant", text), reply.wish.spoken, complete)
        return [(item, reply.playout.ledger)]

    @property
    def told_by(self) -> str:
        """Who says what was heard."""
        return "client" if self._reply is not None and self._reply.playout.reported else "clock"

    def remaining_ms(self, now: float) -> int:
        """What is still to be heard, as far as it was made; a reply that is still thought of has no end."""
        if self._reply is None:
            return 0
        return self._reply.playout.ahead_ms(now) + (0 if self._reply.complete else 60_000)

    def due(self) -> float | None:
        return None if self._reply is None else self._reply.due()

    def knows(self, work: Work) -> bool:
        return self._find(work) is not None

    def take_reports(self) -> list[Latency]:
        reports, self._reports = self._reports, []
        return reports

    # A reply begins

    def begin(self, work: Work, wish: Wish, ref: str = "") -> list[Command]:
        """A reply that is still to be asked for."""
        self._reply = reply = self._new_reply(work, wish)
        self._speculated = False
        return self._told_of(reply, ref)

    def ask(self, prompt: Prompt) -> list[Command]:
        """Asks for the words of the reply that has begun."""
        assert self._reply is not None
        self._reply.prompt = prompt
        return [self._think(self._reply.work, prompt)]

    def due_elsewhere(self, asked: str) -> ReplyDue | None:
        """What another mouth must know to go on with the reply."""
        reply = self._reply
        if reply is None:
            return None
        prompt = None if reply.text_ended else reply.prompt
        told = (reply.text, tuple(reply.phrases), reply.text_ended, reply.step, reply.finish)
        return ReplyDue(reply.turn, reply.item, reply.wish, prompt, asked, *told, reply.playout.sent, reply.filled)

    def restore(self, work: Work, due: ReplyDue, told: Told, now: float) -> list[Command]:
        """Goes on with a reply that another mouth has begun."""
        self._reply = reply = self._new_reply(work, due.wish)
        reply.item, reply.prompt = due.item, due.prompt
        if due.filled:
            reply.fill(filler(self.manner.language))
        reply.told_before(due, told)
        held = told.held_ms
        sent = told.sent + (due.sent if held is None else to_samples(held, reply.playout.rate))
        if sent or held is not None:
            reply.began = True
            reply.playout.sent_before(sent, min(told.unheard, sent), now)
        if due.prompt is None:
            reply.end_text(due.step, due.finish)
            return []
        return [self._think(work, due.prompt)]

    def say(self, work: Work, text: str, flow_state: dict[str, Any], ends_call: bool) -> list[Command]:
        """Says a text that is known, in the conversation's voice."""
        wish = self.manner.wish
        self._reply = reply = self._new_reply(work, Wish(voice=wish.voice, speed=wish.speed))
        phraser = Phraser(self.manner.language)
        for phrase in [*phraser.push(text), *phraser.flush()]:
            reply.grow(phrase)
        reply.end_text(FlowStep(flow_state, ends_call), Finish())
        return [*self._told_of(reply), Tell(Said(reply.turn, reply.text, final=True))]

    def go_on_after(self, now: float) -> None:
        """Nothing more of the reply will come; the next one is heard after it."""
        if self._reply is not None:
            self._not_before = max(self._reply.playout.heard_out_at(), now)
            self._reply = None

    def prepare(self, work: Work, words: str, prompt: Prompt, now: float) -> list[Command]:
        """Begins a reply that may not be needed."""
        if self._prepared is not None:
            if same_meaning(self._prepared.words, words, self.manner.language):
                return []
            return [*self.discard(now), *self.prepare(work, words, prompt, now)]
        self._books.started += 1
        self._prepared = _Prepared(self._new_reply(work, prompt.wish), words, now)
        self._prepared.reply.prompt = prompt
        return [self._think(work, prompt)]

    def release(self, words: str, now: float) -> list[Command] | None:
        """The prepared reply becomes the reply, if it answers these words."""
        prepared = self._prepared
        if prepared is None or not same_meaning(prepared.words, words, self.manner.language):
            return None
        self._books.used += 1
        self._prepared = None
        self._reply = reply = prepared.reply
        self._speculated = True
        out = self._told_of(reply)
        if reply.text:
            out.append(Tell(Said(reply.turn, reply.text, final=reply.text_ended)))
        for id, call in reply.calls.items():
            out.append(Tell(CallGrew(reply.turn, call.item, id, call.name, call.arguments, final=reply.text_ended)))
        return out

    def discard(self, now: float) -> list[Command]:
        """The prepared reply is not needed."""
        prepared = self._prepared
        if prepared is None:
            return []
        self._prepared = None
        self._books.discarded += 1
        self._books.wasted_calls += 1 + prepared.reply.phrases_asked
        self._books.wasted_s += now - prepared.began_at
        return [Abandon(prepared.reply.work)]

    def _new_reply(self, work: Work, wish: Wish) -> Reply:
        return Reply(work, self._config, self.manner, wish, self._not_before)

    def _told_of(self, reply: Reply, ref: str = "") -> list[Command]:
        reply.item = self._new_name()
        return [Tell(ReplyBegan(reply.turn, reply.item, ref))] if self.manner.keeps_items else []

    def _think(self, work: Work, prompt: Prompt) -> Think:
        self._books.calls += 1
        return Think(work, prompt, self._config.budget.llm_ms * self._config.budget.hedge_at / 1000)

    # It grows

    def take(self, event: on.FromReplyStages, clock: TurnClock | None, now: float) -> list[Command]:
        reply = self._find(event.work)
        if reply is None or reply.failure is not None:
            return []
        known = reply is self._reply
        match event:
            case on.ReplyGrew(_, phrase, took_s, did):
                if clock is not None and known and not reply.text:
                    clock.spent("llm", took_s, now)
                self.did.extend(did)
                phrase = reply.news(phrase)
                if not phrase:
                    return []
                reply.grow(phrase)
                return [Tell(Said(reply.turn, reply.text, final=False))] if known else []
            case on.CallGrew(_, delta):
                call = reply.calls.get(delta.call_id) or reply.add_call(delta, self._new_name())
                call.arguments += delta.arguments
                if known and self.manner.keeps_items:
                    return [Tell(CallGrew(reply.turn, call.item, delta.call_id, call.name, delta.arguments, final=False))]
            case on.ReplyEnded(_, step, finish):
                reply.end_text(step, finish)
                return self._text_ended(reply) if known else []
            case on.SpeechMade(_, phrase, pcm, words, took_s, did):
                if clock is not None and known and not reply.playout.made:
                    clock.spent("tts", took_s, now)
                self.did.extend(did)
                reply.speech(phrase, pcm, words)
            case on.PhraseEnded(_, phrase):
                reply.end_phrase(phrase)
            case _:
                assert_never(event)
        return []

    def _text_ended(self, reply: Reply) -> list[Command]:
        out: list[Command] = [Tell(Said(reply.turn, reply.text, final=True))]
        if self.manner.keeps_items:
            grown = [CallGrew(reply.turn, call.item, id, call.name, "", final=True) for id, call in reply.calls.items()]
            out += [Tell(notice) for notice in grown]
        return out

    def take_calls(self) -> list[Item]:
        """Functions that the reply asked for, once all of them are known."""
        reply = self._reply
        if reply is None or not reply.text_ended or reply.calls_taken:
            return []
        reply.calls_taken = True
        return [Item(call.item, ToolCall(id, call.name, call.arguments)) for id, call in reply.calls.items()]

    def carry_on(self, clock: TurnClock | None, now: float, *, held: bool) -> tuple[list[Command], Step | None]:
        """Does what is due: speaks the next phrase, sends audio, notices the end."""
        out: list[Command] = []
        if self._prepared is not None and self._prepared.reply.silent:
            self._speak(self._prepared.reply, now, out)
        reply = self._reply
        if reply is None:
            return out, None
        self._speak(reply, now, out)
        reply.close_if_complete()
        step = self._sound(reply, clock, now, out)
        if reply.playout.all_sent and not reply.end_told:
            reply.end_told = True
            if reply.began:
                out.append(Tell(AudioDone(reply.turn, to_ms(reply.playout.sent, reply.playout.rate))))
            out += self._end(reply)
        if not held and step is None and reply.playout.heard_out(now):
            step = Step.HEARD if reply.began else Step.EMPTY
        return out, step

    def _end(self, reply: Reply) -> list[Command]:
        if not self.manner.keeps_items:
            return []
        if reply.failure is not None:
            return [Tell(ReplyEnded(reply.turn, "failed", *reply.failure))]
        return [Tell(ended(reply.turn, reply.finish))]

    def _speak(self, reply: Reply, now: float, out: list[Command]) -> None:
        speak = reply.next_phrase(now)
        if speak is not None:
            self._books.calls += 1
            out.append(speak)

    def _sound(self, reply: Reply, clock: TurnClock | None, now: float, out: list[Command]) -> Step | None:
        pcm = reply.playout.take(now)
        if not pcm:
            return None
        first = not reply.began
        if first:
            reply.began = True
            out.append(Tell(AudioStarted(reply.turn)))
        out.append(Play(pcm))
        if self.manner.shows_words and (marks := reply.playout.marks(len(pcm) // 2)):
            out.append(Tell(Voiced(reply.turn, marks)))
        if not first:
            return None
        if clock is not None:
            latency = clock.report(now)
            self._reports.append(latency)
            rules = self._config.budget
            report = TurnReport(
                reply.turn, latency, self._speculated, met(latency, rules), late_stages(latency, rules), tuple(self.did)
            )
            out.append(Tell(report))
        self.did = []
        return Step.BEGAN

    # A late one is covered

    def filler_at(self, clock: TurnClock | None) -> float | None:
        """When a word of patience is due."""
        wait_ms = self._config.budget.filler_after_ms
        reply = self._reply
        if clock is None or reply is None or not wait_ms or reply.text or reply.filled or not filler(self.manner.language):
            return None
        return clock.ended_at + wait_ms / 1000

    def fill(self, clock: TurnClock | None, now: float) -> list[Command]:
        due = self.filler_at(clock)
        if clock is not None and self._reply is not None and due is not None and now >= due:
            # Until now the model kept the caller waiting; from now on it is the voice.
            clock.spent("llm", now - clock.ended_at, now)
            self._reply.fill(filler(self.manner.language))
            self.did.append("llm: said a word of patience")
        return []

    # It stops

    def played(self, ms: int, now: float) -> None:
        if self._reply is not None:
            self._reply.playout.played(ms, now)

    def hold(self, now: float) -> list[Command]:
        reply = self._reply
        if reply is None:
            return []
        reply.playout.hold(now)
        reply.end_told = reply.playout.all_sent
        return [Tell(Held(reply.turn, reply.playout.heard_ms(now)))]

    def tell_again(self) -> list[Command]:
        """The words of the reply, for a client that may have missed them."""
        reply = self._reply
        if reply is None or not reply.text or self.manner.keeps_items:
            return []
        return [Tell(Said(reply.turn, reply.text, final=reply.text_ended))]

    def go_on(self, now: float) -> list[Command]:
        reply = self._reply
        if reply is None:
            return []
        reply.playout.go_on()
        return [Tell(WentOn(reply.turn, reply.playout.heard_ms(now)))]

    def drop(self, now: float, reason: str = "turn_detected") -> list[Command]:
        """Ends the reply, and the prepared one with it."""
        out = self.discard(now)
        reply, self._reply = self._reply, None
        self._not_before = 0.0
        self.did = []
        if reply is not None:
            out.append(Abandon(reply.work))
            if self.manner.keeps_items and not reply.end_told:
                out.append(Tell(ReplyEnded(reply.turn, "cancelled", reason, usage=reply.finish.usage)))
        return out

    def forget(self) -> None:
        """The reply has been heard to its end."""
        self._reply = None

    def fail(self, event: on.StageFailed, now: float) -> tuple[list[Command], bool | None]:
        """A stage failed. True: there is no reply any more; False: what there is will be heard; None: nobody needs to know."""
        if self._prepared is not None and self._prepared.reply.work == event.work:
            return self.discard(now), None
        reply = self._reply
        assert reply is not None
        reply.give_up(event.code, event.message)
        told: list[Command] = [] if self.manner.keeps_items else [Tell(Failed(event.code, event.message, event.fault))]
        if reply.began:
            return [Abandon(reply.work), *told], False
        if not reply.end_told:
            reply.end_told = True
            told += self._end(reply)
        return [*self.drop(now), *told], True

    def _find(self, work: Work) -> Reply | None:
        replies = (self._reply, None if self._prepared is None else self._prepared.reply)
        return next((reply for reply in replies if reply is not None and reply.work == work), None)
