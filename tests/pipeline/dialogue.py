"""A conversation in a simulated world, on a clock that jumps from one thing that happens to the next.

The ear and the brain are the real ones, and are driven as their actor drives them. Around them are a caller whose microphone
holds words, coughs and silence, stages that answer after known delays, and a client that plays what it gets. A sample of the
reply is a millisecond, and no two replies sound alike, so it is known which part of which reply the caller heard, and when.

What must hold in every conversation is checked at each step: a turn has one reply at most, only the reply of the present turn
sounds, nothing sounds that was silenced, nothing of a reply is told or sent or remembered while the caller may still go on, a
reply that was held goes on where it stopped, and the history holds what was heard, to within a word.
"""

import heapq
import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any, assert_never

from pipeline import events as on
from pipeline.commands import Abandon, Command, HangUp, Play, Speak, Tell, Think, Transcribe
from pipeline.conversation import Conversation
from pipeline.ear import Ear
from pipeline.errors import Fault
from pipeline.flow import load_flow
from pipeline.history import CUT
from pipeline.loading import load_config
from pipeline.manner import Manner
from pipeline.notices import AudioStarted, CallerStopped, Failed, Heard, Held, Interrupted, Notice, Said, WentOn
from pipeline.phrasing import Phraser
from pipeline.ports import LISTENING_RATE, FlowStep, Message, Prompt, Transcript, Word
from pipeline.states import State
from pipeline.work import Work
from tests.pipeline.dialogue_world import (
    CHUNK_MS,
    FRAME,
    FRAME_S,
    HEDGED,
    RATE,
    SILENT_FRAME,
    WINDOW,
    Answer,
    Caller,
    Client,
    Logged,
    Reply,
    World,
    next_samples,
)


class Dialogue:
    """One conversation, and everything around it."""

    def __init__(self, world: World, overrides: Mapping[str, str] | None = None) -> None:
        settings = {"conversation.greeting": "off", **(overrides or {})}
        self.world = world
        self.config = load_config(None, [f"{key}={value}" for key, value in settings.items()], {})
        self.flow = load_flow(self.config.flows_dir, "clinic")
        manner = Manner(world.lang, RATE, greets=self.config.conversation.greeting)
        self.brain = Conversation(self.config, "clinic", self.flow, manner)
        self.ear = Ear(self.config)
        self.caller = Caller(world.word)
        self.client = Client(world.delay / 1000)
        self.now = 0.0
        self.log: list[Logged] = []
        self.listener: Callable[[str | type], None] = lambda name: None
        """Is told the type of all that is logged."""
        self.under_way: dict[Work, int] = {}
        """Requests that were neither answered nor abandoned."""
        self.asked = {"asr": 0, "llm": 0, "tts": 0}
        self.prompts: list[Prompt] = []
        self.replies: dict[Work, Reply] = {}
        self.sounded: list[Reply] = []
        """Replies that began to sound, in order."""
        self._sounding: Reply | None = None
        self._sent = 0
        """Position of the next sample that belongs to the reply that sounds."""
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._received = 0
        self._judged = 0
        self._spins = 0
        self._answered_turns: set[int] = set()
        self._partials: dict[int, str] = {}
        """What was given out last of the words of each turn."""
        self._remembered: tuple[Message, ...] = ()
        self.most_held_ms = 0
        self.at(0.0, lambda: self.give(on.Opened()))
        self.at(FRAME_S, self._frame)
        if world.reports:
            self.at(world.reports / 1000, self._report)

    # The clock

    def at(self, time: float, do: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (max(time, self.now), next(self._order), do))

    def run(self, until: float) -> None:
        while not self.brain.over:
            wake_at = self.brain.deadline()
            due = self._agenda[0][0] if wake_at is None else min(self._agenda[0][0], wake_at)
            if due > until:
                break
            if due > self.now:
                self._spins = 0
            self._spins += 1
            assert self._spins < 200, f"it wakes without end at {self.now:.3f} s in {self.brain.state.name}"
            self.now = max(self.now, due)
            if wake_at is not None and wake_at <= self._agenda[0][0]:
                self.give(on.TimePassed())
            else:
                heapq.heappop(self._agenda)[2]()
        self.now = max(self.now, until)
        self.client.account(self.now)

    @property
    def busy(self) -> bool:
        """Whether anything goes on that is not simply quiet."""
        return bool(self.under_way) or self.client.has_more or self.brain.state is not State.LISTENING

    def hang_up(self) -> None:
        """The end of every conversation; nothing may be left of it."""
        if not self.brain.over:
            self.give(on.HungUp())
        assert self.brain.over
        assert self.brain.deadline() is None
        assert not self.under_way, f"still under way: {self.under_way}"
        for event in (on.Typed("hello?"), on.TimePassed(), on.SpeechBegan(0), on.KeyPressed("1")):
            assert self.brain.handle(event, self.now + 1) == []

    # The brain, as its actor treats it

    def give(self, event: on.Event) -> None:
        if self.brain.over:
            return
        before = self.brain.state
        self._note(event)
        commands = self.brain.handle(event, self.now)
        for command in commands:
            self._obey(command)
        self._check(event, before, commands)
        if self.brain.over:
            self.client.stop(self.now)
            return
        self.brain.take_reports()
        ended = self.ear.need_silence(self.brain.silence_ms)
        if ended is not None:
            self.give(ended)

    def _frame(self) -> None:
        self._received += FRAME
        dropped = self.ear.hear(SILENT_FRAME, self.now)
        if dropped is not None:
            self.give(dropped)
        while self.ear.next_window() is not None:
            middle = (self._judged + WINDOW / 2) / LISTENING_RATE
            self._judged += WINDOW
            probability = 0.9 if self.caller.sounds_at(middle) else 0.05
            event = self.ear.judge(probability, piece_under_way=self.brain.piece_under_way)
            if event is not None:
                self.give(event)
            self.ear.hold_from(self.brain.audio_needed_from)
        self.most_held_ms = max(self.most_held_ms, self.ear.held_ms)
        self.client.account(self.now)
        self.at(self.now + FRAME_S, self._frame)

    def _obey(self, command: Command) -> None:
        self._note(command)
        match command:
            case Tell(notice):
                self._tell(notice)
            case Play(pcm):
                self._play(pcm)
            case Transcribe():
                self._transcribe(command)
            case Think():
                self._think(command)
            case Speak():
                self._speak(command)
            case Abandon(work):
                self.under_way.pop(work, None)
            case HangUp():
                self.under_way.clear()
            case _:
                assert_never(command)

    def _note(self, what: on.Event | Command | Notice) -> None:
        self.log.append(Logged(self.now, what))
        self.listener(type(what))

    # The stages

    def _transcribe(self, command: Transcribe) -> None:
        stop = min(command.stop, self._received)
        start = stop - len(self.ear.cut(command.start, command.stop))
        assert start == command.start or "audio_dropped" in self.failures(), "audio was let go too early"
        text = self.caller.words(start / LISTENING_RATE, stop / LISTENING_RATE)
        answer = self._answer("asr", self.world.asr)
        transcript = Transcript(text, command.language, 1.0)
        took_s = answer.ms / 1000
        did = (HEDGED,) if answer.hedged else ()
        self._start(command.work, answer, [(took_s, on.Transcribed(command.work, transcript, took_s, did))])

    def _think(self, command: Think) -> None:
        self.prompts.append(command.prompt)
        self.replies[command.work] = self._new_reply(command.work, prepared=self.brain.state is State.HEARING)
        answer = self._answer("llm", self.world.llm)
        said = command.prompt.messages[-1].text.lower()
        text = next(reply for key, reply in self.world.replies.items() if key in said)
        phraser = Phraser(command.prompt.language)
        results: list[tuple[float, on.FromStage]] = []
        after_s = answer.ms / 1000
        did = (HEDGED,) if answer.hedged else ()
        for phrase in [*phraser.push(text), *phraser.flush()]:
            results.append((after_s, on.ReplyGrew(command.work, phrase, after_s, did)))
            after_s, did = after_s + 0.04, ()
        step = FlowStep({"turns": len(command.prompt.messages)}, ends_call=self.world.ends)
        self._start(command.work, answer, [*results, (after_s, on.ReplyEnded(command.work, step))])

    def _speak(self, command: Speak) -> None:
        reply = self.replies.get(command.work) or self._new_reply(command.work, prepared=False)
        self.replies[command.work] = reply
        filler = command.work.turn != 0 and command.phrase.text not in " ".join(self.world.replies.values())
        answer = self._answer("tts", self.world.tts)
        words: list[Word] = []
        at = 0.0
        for text in command.phrase.text.split():
            length = 0.06 + 0.05 * len(text)
            words.append(Word(text, at, at + length))
            at += length
        total = round(1000 * at)
        results: list[tuple[float, on.FromStage]] = []
        after_s = answer.ms / 1000
        for begin in range(0, total, CHUNK_MS):
            end = min(begin + CHUNK_MS, total)
            inside = tuple(word for word in words if begin <= 1000 * word.start_s < end)
            did = (HEDGED,) if answer.hedged and not begin else ()
            made = on.SpeechMade(
                command.work, command.index, bytes(2 * (end - begin)), inside if self.world.words else (), after_s, did
            )
            results.append((after_s, made))
            after_s += (end - begin) / 4000
        phrase_start: list[int] = []

        def sounds(event: on.FromStage) -> on.FromStage:
            if not isinstance(event, on.SpeechMade):
                return event
            if not phrase_start:
                phrase_start.append(len(reply.made) // 2)
                if filler:
                    reply.fillers.update(range(len(reply.words), len(reply.words) + len(words)))
                reply.words.extend((word.text, phrase_start[0] + 500 * (word.start_s + word.end_s)) for word in words)
            pcm = next_samples(reply, len(event.pcm) // 2)
            reply.made += pcm
            return on.SpeechMade(event.work, event.phrase, pcm, event.words, event.took_s, event.did)

        self._start(command.work, answer, [*results, (after_s, on.PhraseEnded(command.work, command.index))], sounds)

    def _new_reply(self, work: Work, *, prepared: bool) -> Reply:
        return Reply(work, prepared, work.attempt)

    def _answer(self, stage: str, script: tuple[Answer, ...]) -> Answer:
        self.asked[stage] += 1
        return script[min(self.asked[stage], len(script)) - 1]

    def _start(
        self,
        work: Work,
        answer: Answer,
        results: list[tuple[float, on.FromStage]],
        made: Callable[[on.FromStage], on.FromStage] = lambda event: event,
    ) -> None:
        if answer.fails:
            failure = on.StageFailed(work, "provider_timeout", "it did not answer in time", Fault.PROVIDER)
            results = [(answer.ms / 1000, failure)]
        self.under_way[work] = self.under_way.get(work, 0) + 1
        last = len(results) - 1
        for number, (after_s, event) in enumerate(results):
            self.at(self.now + after_s, lambda event=event, last=number == last: self._deliver(work, event, made, last))

    def _deliver(self, work: Work, event: on.FromStage, made: Callable[[on.FromStage], on.FromStage], last: bool) -> None:
        if work in self.under_way:
            if last:
                self.under_way[work] -= 1
                if not self.under_way[work]:
                    del self.under_way[work]
        elif not self.world.stubborn:
            return
        self.give(made(event))

    # The client

    def _tell(self, notice: Notice) -> None:
        self._note(notice)
        match notice:
            case Heard(turn, text, final):
                before = self._partials.get(turn, "") if not self.failures() else ""
                assert text.startswith(before), f"{before!r} was given out, and now it is {text!r}"
                assert final or text != before, f"{text!r} was given out already"
                self._partials[turn] = text
            case AudioStarted(turn):
                assert turn == 0 or turn not in self._answered_turns, f"turn {turn} has a second reply"
                self._answered_turns.add(turn)
                self.client.account(self.now)
                self.client.begin()
                self._sounding, self._sent = None, 0
            case Held(_, heard_ms):
                self.client.stop(self.now)
                self._sent = heard_ms
                if self.world.reports:
                    self.at(self.now, self._report_now)
            case WentOn(_, at_ms):
                self._sent = at_ms
            case Interrupted():
                self.client.stop(self.now)
                self._sounding = None
                self._sent = -1
            case _:
                pass

    def _play(self, pcm: bytes) -> None:
        assert self._sent >= 0, "audio after an interruption"
        if self._sounding is None:
            turns = [turn.what.turn for turn in self.log if isinstance(turn.what, AudioStarted)]
            fitting = [one for one in self.replies.values() if one.work.turn == turns[-1] and one.made.startswith(pcm)]
            assert fitting, f"audio of no reply to turn {turns[-1]}"
            assert len({one.voice for one in fitting}) == 1
            self._sounding = fitting[-1]
            self.sounded.append(self._sounding)
        start, end = 2 * self._sent, 2 * self._sent + len(pcm)
        assert self._sounding.made[start:end] == pcm, f"at {self.now:.3f} s audio is lost, repeated or from another reply"
        self.client.take(self._sounding, self._sent, len(pcm) // 2, self.now)
        self._sent += len(pcm) // 2

    def _report(self) -> None:
        self._report_now()
        self.at(self.now + self.world.reports / 1000, self._report)

    def _report_now(self) -> None:
        if self._sounding is not None:
            self.give(on.Played(self.client.played(self.now)))

    # What always holds

    def history(self) -> tuple[Message, ...]:
        return self.brain._floor.history.entries()

    def _check(self, event: on.Event, before: State, commands: list[Command]) -> None:
        state = self.brain.state
        assert (self.brain.deadline() is None) or not self.brain.over
        if state is State.HELD or (before is State.HELD and state is State.HEARING):
            assert not any(isinstance(command, Play) for command in commands), "a held reply sounds"
        if before is State.HEARING and state is State.HEARING:
            told = [command.notice for command in commands if isinstance(command, Tell)]
            assert not any(isinstance(command, Play) for command in commands), "it sounds before its release"
            assert not any(isinstance(notice, Said | AudioStarted | CallerStopped) for notice in told), (
                "told before its release"
            )
            assert self.history() == self._remembered, "remembered before its release"
        for think in commands:
            if isinstance(think, Think):
                assert think.prompt.messages[-1].role == "user"
                assert think.work.turn not in self._answered_turns, "an answered turn is thought about again"
        self._check_history()

    def _check_history(self) -> None:
        history = self.history()
        grew = len(history) > len(self._remembered)
        new = history[-1] if grew and history[-1].role == "assistant" else None
        self._remembered = history
        if new is None or not self.sounded:
            return
        self.client.account(self.now)
        heard = self.sounded[-1].heard_words(fillers=False)
        kept = new.text.removesuffix(CUT).split()
        # A client that plays late and has not said so is behind our books, and misses a little at each hold.
        holds = len(times(self, Held))
        unknown = 0 if self._has_reported() else math.ceil(self.world.delay / 100) * (1 + holds)
        assert abs(len(kept) - len(heard)) <= 1 + unknown, f"the history has {kept}, and heard was {heard}"
        words = [word for index, (word, _) in enumerate(self.sounded[-1].words) if index not in self.sounded[-1].fillers]
        assert kept == words[: len(kept)]

    def _has_reported(self) -> bool:
        """Whether the client has said how much of the newest reply it has played."""
        began = times(self, AudioStarted)[-1]
        return any(one.at >= began and isinstance(one.what, on.Played) and one.what.ms for one in self.log)

    def failures(self) -> list[str]:
        return [logged.what.code for logged in self.log if isinstance(logged.what, Failed)]


def run_out(dialogue: Dialogue, at_least: float, at_most: float) -> None:
    """Lets time pass until nothing goes on any more."""
    dialogue.run(at_least)
    while dialogue.busy and not dialogue.brain.over and dialogue.now < at_most:
        dialogue.run(dialogue.now + 0.5)


def times(dialogue: Dialogue, kind: type[Any]) -> list[float]:
    return [logged.at for logged in dialogue.log if isinstance(logged.what, kind)]
