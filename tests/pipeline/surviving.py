"""A conversation in the simulated world whose shard dies, and which goes on at another one.

Between the brain and its caller stands a journal, as in a gateway. A shard that dies takes its brain, its ear and all work of
the stages with it; after a while another one gets what the journal kept. A reply that was lost sounds the same when it is made
again, so that every sample that the caller hears is checked against it.
"""

import pickle
import zlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, cast, get_args

import numpy as np

from pipeline import events as on
from pipeline.conversation import Conversation
from pipeline.ear import Ear
from pipeline.history import CUT
from pipeline.journal import Journal, Return, Snapshot
from pipeline.manner import Manner
from pipeline.memento import Memento
from pipeline.notices import Heard, Notice
from pipeline.replay import Replay
from pipeline.speculation import Books
from pipeline.states import State
from pipeline.work import Work
from tests.pipeline.dialogue import Dialogue
from tests.pipeline.dialogue_world import FRAME, FRAME_S, RATE, SILENT_FRAME, WINDOW, Answer, Reply, World

_WINDOWS_A_FRAME = 4
_Make = Callable[[on.FromStage], on.FromStage]
_FROM_CALLER = tuple(kind for union in get_args(on.FromCaller) for kind in (get_args(union) or (union,)))


@dataclass(frozen=True, slots=True)
class _Made:
    """What a stage makes for one shard."""

    born: int
    make: _Make

    def __call__(self, event: on.FromStage) -> on.FromStage:
        return self.make(event)


class Nobody:
    """In place of a brain that is lost."""

    over = False
    state = State.THINKING
    books = Books()

    def deadline(self) -> None:
        return None

    def server_is_under_load(self, loaded: bool) -> None:
        pass


class Surviving(Dialogue):
    def __init__(self, world: World, overrides: dict[str, str], deaths: Collection[int] = (), outage_s: float = 0.0) -> None:
        """The shard dies after each of the events in `deaths`, as they are counted."""
        self.journal = Journal(RATE)
        self.deaths = deaths
        self.outage_s = outage_s
        self.events = 0
        """How many of the caller's events the shard has taken."""
        self.given = 0
        """How many events of any kind a shard was given."""
        self.born = 0
        """How many shards there were before this one."""
        self.down = False
        """Whether there is none."""
        self._replay: Replay | None = None
        self._depth = 0
        self._lost: Reply | None = None
        """The reply that sounded when the shard died, and goes on."""
        super().__init__(world, overrides)

    def give(self, event: on.Event) -> None:
        if isinstance(event, _FROM_CALLER) and not isinstance(event, on.Opened | on.Played):
            self.journal.event(cast(on.FromCaller, event))
            if self.down:
                return
            if self._replay is not None:
                self._replay.put(cast(on.FromCaller, event))
                self._go_through()
                return
            self.events += 1
        if not self.down:
            self._take(event)

    def _go_through(self) -> None:
        """Gives what the caller did before the death, and whose time has come."""
        while self._replay is not None:
            event = self._replay.next()
            if event is not None:
                self.events += 1
                self._take(event)
            elif self._replay.over:
                self._replay = None
            else:
                return

    @property
    def busy(self) -> bool:
        return self.down or self._replay is not None or super().busy

    def _take(self, event: on.Event) -> None:
        """As the shard takes it."""
        if self.brain.over:
            return
        self._depth += 1
        super().give(event)
        self._depth -= 1
        if self._depth or self.brain.over:
            return
        self._tell_place()
        self.given += 1
        if self.given in self.deaths:
            self._die()

    def _tell_place(self) -> None:
        memento = self.brain.memento()
        if memento is not None:
            wanted = self.brain.audio_needed_from
            position = self.ear.needed_from if wanted is None else min(self.ear.needed_from, wanted)
            reply = None if memento.reply is None else memento.reply.turn
            again = self._replay is not None
            self.journal.keep(Snapshot(pickle.dumps(memento), position, self.events, reply, self.ear.speaking, again))

    # Death and birth

    def _die(self) -> None:
        self.born += 1
        self.under_way.clear()
        self.replies.clear()
        self.down, self.brain, self._replay = True, cast(Any, Nobody()), None
        self.at(self.now + self.outage_s, self._be_born)

    def _be_born(self) -> None:
        returns, audio = self.journal.go_back()
        memento: Memento | None = None if returns.memento is None else pickle.loads(returns.memento)
        manner = Manner(self.world.lang, RATE, greets=self.config.conversation.greeting) if memento is None else memento.manner
        self.down = False
        self.brain = Conversation(self.config, "clinic", self.flow, manner)
        self.ear = Ear(self.config)
        self.ear.adjust(manner)
        self.ear.begin_at(returns.position, speaking=returns.speaking)
        self.events, self._replay = returns.taken, Replay(self.ear, returns)
        self._judged = returns.position
        if memento is None:
            self._take(on.Opened())
        else:
            self._restore(memento, returns)
        if self.down:
            return
        self._remembered = self.history()
        dropped = self.ear.hear(np.frombuffer(audio, np.int16), self.now)
        if dropped is not None:
            self._take(dropped)
        self._go_through()

    def _restore(self, memento: Memento, returns: Return) -> None:
        commands = self.brain.restore(memento, returns.told, self.now)
        self._lost = self._sounding if self.brain.state is State.SPEAKING else None
        for command in commands:
            self._obey(command)

    # The caller, the stages and the client, who outlive it

    def _frame(self) -> None:
        self._received += FRAME
        self.journal.audio(SILENT_FRAME.tobytes())
        if not self.down:
            dropped = self.ear.hear(SILENT_FRAME, self.now)
            if dropped is not None:
                self._take(dropped)
            self._judge()
        self.client.account(self.now)
        self.at(self.now + FRAME_S, self._frame)

    def _judge(self) -> None:
        for _ in range(_WINDOWS_A_FRAME):
            if self.down or self.ear.next_window() is None:
                return
            middle = (self._judged + WINDOW / 2) / 16_000
            self._judged += WINDOW
            event = self.ear.judge(0.9 if self.caller.sounds_at(middle) else 0.05, piece_under_way=self.brain.piece_under_way)
            if event is not None:
                self._take(event)
            self._go_through()
            if not self.down:
                self.ear.hold_from(self.brain.audio_needed_from)

    def _new_reply(self, work: Work, *, prepared: bool) -> Reply:
        voice = work.attempt if work.turn == 0 else zlib.crc32(repr((work.turn, self.prompts[-1].messages)).encode()) % 65_521
        reply = Reply(work, prepared, voice)
        lost = self._lost
        if lost is not None and lost.work.turn == work.turn:
            # To the caller it is the same.
            reply.voice, reply.heard = lost.voice, lost.heard
            self._sounding = self.sounded[-1] = reply
            self._lost = None
        return reply

    def _start(
        self, work: Work, answer: Answer, results: list[tuple[float, on.FromStage]], made: _Make = lambda event: event
    ) -> None:
        super()._start(work, answer, results, _Made(self.born, made))

    def _deliver(self, work: Work, event: on.FromStage, made: _Make, last: bool) -> None:
        assert isinstance(made, _Made)
        if made.born == self.born and not self.down:
            super()._deliver(work, event, made, last)

    def _tell(self, notice: Notice) -> None:
        if self.journal.news(notice) is not None:
            if self.born and isinstance(notice, Heard) and notice.final:
                # Audio that is heard again comes faster than words of it are known, so the turn may end earlier.
                self._partials.pop(notice.turn, None)
            super()._tell(notice)

    def _play(self, pcm: bytes) -> None:
        news = self.journal.news(pcm)
        if isinstance(news, bytes):
            super()._play(news)

    # What always holds

    def _check_history(self) -> None:
        """What was sent before the shard died counts as heard, and where its words lie is a guess."""
        if not self.born:
            super()._check_history()
            return
        history = self.history()
        new = history[-1] if len(history) > len(self._remembered) and history[-1].role == "assistant" else None
        self._remembered = history
        if new is not None and self.sounded:
            kept = new.text.removesuffix(CUT).split()
            said = self.sounded[-1]
            words = [word for index, (word, _) in enumerate(said.words) if index not in said.fillers]
            assert kept == words[: len(kept)] or words == kept[: len(words)]
