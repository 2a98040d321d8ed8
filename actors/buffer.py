"""BufferActor: a shard of the conversations. It holds their audio and their brains, and does what the brains command.

Gateways send what callers said in ticks, and the answers bring what callers should get. Nothing here decides anything about a
conversation.
"""

import asyncio
import logging
import pickle
import time
import traceback
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from hmac import compare_digest
from typing import Any, assert_never

import numpy as np

from actors.errands import Errands
from actors.inbox import Moved, Opening, Rejoin, Said
from actors.judging import Detector, Judging
from actors.lateness import Lateness
from actors.line import Address, Line, Switchboard
from actors.loop_lag import LoopLag
from actors.outbox import ALL, Lag, NotHere, Outbox, Progress, Rejoined
from actors.stages import STAGES, FarStages, Stages
from actors.tally import Standing, Tally
from pipeline import events as on
from pipeline.commands import Abandon, Command, HangUp, Play, Speak, Tell, Think, Transcribe
from pipeline.config import Config
from pipeline.conversation import Conversation
from pipeline.ear import Ear
from pipeline.errors import Fault, ParleyError
from pipeline.figures import Report
from pipeline.flow import load_flow
from pipeline.journal import Snapshot
from pipeline.memento import Memento
from pipeline.notices import Failed
from pipeline.ports import Samples
from pipeline.replay import Replay
from pipeline.speculation import Books

log = logging.getLogger(__name__)

_LOOK_S = 0.5
_LOOKS_A_PROGRESS = 4
_LOADED_S = 0.08
"""How long audio may wait to be judged before replies are no longer prepared ahead."""
_BROKEN = Failed("conversation_broken", "this conversation broke and has ended; please call again", Fault.SERVER)


@dataclass(slots=True)
class _Caller:
    id: int
    outbox: Outbox
    conversation: Conversation
    ear: Ear
    errands: Errands
    opening: Opening
    replay: Replay | None = None
    """What is heard a second time, since it has moved here; None when all of that is."""
    events: int = 0
    """How many events of the caller were taken, accounts of what was played aside."""
    wake_at: float | None = None
    timer: asyncio.TimerHandle | None = None
    goodbye: asyncio.TimerHandle | None = None
    """Ends the conversation, unless the caller comes back before."""

    @property
    def needed_from(self) -> int:
        """Position before which nobody needs the caller's audio any more."""
        wanted = self.conversation.audio_needed_from
        return self.ear.needed_from if wanted is None else min(self.ear.needed_from, wanted)


class BufferActor:
    def __init__(self, config: Config, stages: Stages, detector: Detector) -> None:
        self._config = config
        self._stages = stages
        self._callers: dict[int, _Caller] = {}
        self._outboxes: dict[Line, Outbox] = {}
        self._configs: dict[Line, Config] = {}
        """With which settings conversations begin that come over it; gateways may have been deployed later than this shard."""
        self._switchboard = Switchboard(self.take, self._lost)
        self._books = Books()
        """Of conversations that are over."""
        self._tally = Tally(config)
        self._lateness = Lateness()
        self._judging = Judging(detector, config.vad.tick_ms, self._lateness, self._judged)
        self._loop_lag = LoopLag()
        self._opened = self._answered = self._failures = 0
        self._background: list[asyncio.Task[None]] = []

    # What gateways call

    async def address(self) -> Address:
        """Where gateways call."""
        self._start()
        return await self._switchboard.address()

    async def crew(self) -> Address:
        """Where replicas of the stages call in, if they work elsewhere."""
        assert isinstance(self._stages, FarStages)
        return await self._stages.address()

    def take(self, line: Line, message: Said | Report | Config) -> None:
        """Takes what a gateway's callers said, its settings, or how another process stands."""
        if isinstance(message, Report):
            self._tally.report(message)
            return
        if isinstance(message, Config):
            # Windows are what the VAD actors were made for.
            self._configs[line] = message.model_copy(update={"vad": self._config.vad})
            return
        openings, audio, events = message
        outbox = self._outboxes.get(line)
        if outbox is None:
            outbox = self._outboxes[line] = Outbox(line)
        now = time.monotonic()
        for opening in openings:
            with self._at_cost_of(opening.id, outbox):
                match opening:
                    case Opening():
                        self._open(opening, outbox, self._configs.get(line, self._config), now)
                    case Rejoin():
                        self._rejoin(opening, outbox, now)
                    case Moved():
                        self._end_copy(opening)
        for conversation, samples in audio.unpack():
            self._hear(conversation, samples, outbox, now)
        for opening in openings:
            # What it is to hear again is there now.
            if opening.id in self._callers:
                self._go_through(self._callers[opening.id], now)
        for conversation, event in events:
            caller = self._callers.get(conversation)
            if caller is not None and caller.outbox is outbox:
                self._attend(caller, event, now)

    def _lost(self, line: Line) -> None:
        """A gateway is gone; its callers may come back through another one."""
        self._configs.pop(line, None)
        outbox = self._outboxes.pop(line, None)
        for caller in [caller for caller in self._callers.values() if caller.outbox is outbox]:
            self._give(caller, on.WentAway(), time.monotonic())

    async def status(self) -> dict[str, Any]:
        return {
            "conversations": len(self._callers),
            "opened": self._opened,
            "answered": self._answered,
            "failures": self._failures,
            "queued_windows": sum(caller.ear.windows_ready() for caller in self._callers.values()),
            "work": sum(caller.errands.under_way for caller in self._callers.values()),
            "at_stage": {stage: sum(caller.errands.at_stage[stage] for caller in self._callers.values()) for stage in STAGES},
            "held_ms": sum(caller.ear.held_ms for caller in self._callers.values()),
            "lag_ms": round(1000 * self._judging.lag_s, 1),
            "late_ms": round(self._lateness.ms(time.monotonic()), 1),
            "loop_lag_ms": round(self._loop_lag.ms, 1),
            "speculation": asdict(self._all_books()),
        }

    async def standing(self, after: float) -> Standing:
        """How it goes, for whoever watches, with the turns that were answered after a time."""
        replicas = self._stages.reports() if isinstance(self._stages, FarStages) else []
        return self._tally.standing(await self.status(), self._all_books(), after, replicas)

    def _all_books(self) -> Books:
        books = Books()
        books.add(self._books)
        for caller in self._callers.values():
            books.add(caller.conversation.books)
        return books

    # Conversations

    def _hear(self, conversation: int, samples: Samples, outbox: Outbox, now: float) -> None:
        caller = self._callers.get(conversation)
        if caller is None or caller.outbox is not outbox:
            # It ended, or this shard was born after it: who still sends has not heard of that.
            outbox.put(conversation, None)
            return
        dropped = caller.ear.hear(samples, now)
        if dropped is not None:
            self._tally.dropped(dropped.ms)
            self._give(caller, dropped, now)
        if caller.ear.windows_ready():
            self._judging.hear(caller)
        elif not caller.conversation.manner.detects:
            caller.ear.hold_from(caller.conversation.audio_needed_from)

    def _open(self, opening: Opening, outbox: Outbox, config: Config, now: float) -> None:
        before = self._callers.get(opening.id)
        if before is not None:
            # Its gateway took this shard for dead, and brings it back as it knows it.
            self._close(before)
        try:
            flow = load_flow(config.flows_dir, opening.flow)
        except ParleyError as error:
            # The gateway has read this flow a moment ago; it must not cost the callers whose news came along.
            log.warning("conversation %x cannot begin: %s", opening.id, error)
            outbox.put(opening.id, Failed(error.code, error.message, error.fault))
            outbox.put(opening.id, None)
            return
        name = f"{opening.id:x}"
        returns = opening.returns
        memento: Memento | None = None if returns is None or returns.memento is None else pickle.loads(returns.memento)
        manner = opening.manner if memento is None else memento.manner
        conversation = Conversation(config, opening.flow, flow, manner, name=name)
        errands = Errands(name, self._stages, lambda event: self._deliver(opening.id, event))
        caller = _Caller(opening.id, outbox, conversation, Ear(config), errands, opening)
        caller.ear.adjust(manner)
        self._callers[opening.id] = caller
        self._opened += 1
        if returns is not None:
            caller.events, caller.replay = returns.taken, Replay(caller.ear, returns)
            caller.ear.begin_at(returns.position, speaking=returns.speaking)
        if memento is None or returns is None:
            self._give(caller, on.Opened(), now)
        else:
            self._obey_all(caller, caller.conversation.restore(memento, returns.told, now))

    def _attend(self, caller: _Caller, event: on.FromCaller, now: float) -> None:
        """Something that the caller does now."""
        if isinstance(event, on.Played):
            self._give(caller, event, now)
        elif caller.replay is None:
            caller.events += 1
            self._give(caller, event, now)
        else:
            caller.replay.put(event)
            self._go_through(caller, now)

    def _go_through(self, caller: _Caller, now: float) -> None:
        """Gives what the caller did before, and whose time has come."""
        while caller.replay is not None and self._callers.get(caller.id) is caller:
            event = caller.replay.next()
            if event is not None:
                caller.events += 1
                self._give(caller, event, now)
            elif caller.replay.over:
                caller.replay = None
            else:
                return

    def _tell_place(self, caller: _Caller) -> None:
        """Tells the gateway where the conversation stands, if that has changed and can be told."""
        memento = caller.conversation.memento()
        if memento is None:
            return
        reply = None if memento.reply is None else memento.reply.turn
        place = (caller.needed_from, caller.events, reply, caller.ear.speaking, caller.replay is not None)
        caller.outbox.put(caller.id, Snapshot(pickle.dumps(memento, protocol=5), *place))

    def _rejoin(self, rejoin: Rejoin, outbox: Outbox, now: float) -> None:
        caller = self._callers.get(rejoin.id)
        if caller is not None and _knows(rejoin.secret, caller.opening.secret):
            if caller.goodbye is None:
                self._miss(caller, outbox, now)
            if self._callers.get(rejoin.id) is caller:
                self._take_back(caller, outbox, now)
                return
        outbox.put(rejoin.id, NotHere())

    def _end_copy(self, moved: Moved) -> None:
        """Unless the caller has come back to it, through another gateway."""
        caller = self._callers.get(moved.id)
        if caller is not None and caller.goodbye is not None and caller.opening.generation < moved.generation:
            self._close(caller)

    def _miss(self, caller: _Caller, outbox: Outbox, now: float) -> None:
        """A caller comes back whose old connection is dead, though nobody has noticed."""
        old, caller.outbox = caller.outbox, Outbox(None)
        self._give(caller, on.WentAway(), now)
        if old is not outbox:
            old.put(caller.id, None)

    def _take_back(self, caller: _Caller, outbox: Outbox, now: float) -> None:
        missed, caller.outbox = caller.outbox.missed(), outbox
        if caller.goodbye is not None:
            caller.goodbye.cancel()
            caller.goodbye = None
        opening = caller.opening
        events = caller.events if caller.replay is None else caller.events + caller.replay.waiting
        place = (caller.conversation.manner, opening.flow, caller.ear.received, events, opening.generation)
        outbox.put(caller.id, Rejoined(*place))
        for notice in missed:
            outbox.put(caller.id, notice)
        self._give(caller, on.CameBack(), now)

    def _close(self, caller: _Caller) -> None:
        caller.errands.abandon_all()
        self._books.add(caller.conversation.books)
        self._tally.ended(caller.id)
        for timer in (caller.timer, caller.goodbye):
            if timer is not None:
                timer.cancel()
        self._callers.pop(caller.id, None)
        self._judging.forget(caller)
        caller.outbox.put(caller.id, None)

    def _give(self, caller: _Caller, event: on.Event, now: float) -> None:
        if self._callers.get(caller.id) is not caller:
            return
        with self._at_cost_of(caller.id, caller.outbox):
            caller.conversation.server_is_under_load(self._judging.lag_s > _LOADED_S)
            if not self._obey_all(caller, caller.conversation.handle(event, now)):
                return
            if isinstance(event, on.Adjusted):
                caller.ear.adjust(event.manner)
            if isinstance(event, on.WentAway):
                self._wait_for(caller)
            ended = caller.ear.need_silence(caller.conversation.silence_ms)
            if ended is not None:
                self._give(caller, ended, now)
                return
            self._tell_place(caller)

    def _obey_all(self, caller: _Caller, commands: list[Command]) -> bool:
        """Whether the conversation goes on."""
        for command in commands:
            self._obey(caller, command)
        if caller.conversation.over:
            self._close(caller)
            return False
        reports = caller.conversation.take_reports()
        self._answered += len(reports)
        for report in reports:
            self._lateness.answered(report.overhead_ms, time.monotonic())
        self._set_timer(caller)
        return True

    @contextmanager
    def _at_cost_of(self, conversation: int, outbox: Outbox) -> Generator[None, None, None]:
        """A mistake of ours costs the conversation that it happened to, and no other."""
        try:
            yield
        except Exception as error:
            self._broke(conversation, outbox, error)

    def _broke(self, conversation: int, outbox: Outbox, error: Exception) -> None:
        # The text of an error may hold what somebody said.
        trace = "".join(traceback.format_tb(error.__traceback__))
        log.error("conversation %x broke (%s)\n%s", conversation, type(error).__name__, trace)
        self._failures += 1
        outbox.put(conversation, _BROKEN)
        caller = self._callers.get(conversation)
        if caller is None:
            outbox.put(conversation, None)
        else:
            self._close(caller)

    def _wait_for(self, caller: _Caller) -> None:
        """A caller who went away may come back for a while."""
        self._tally.went_away(caller.id)
        caller.outbox = Outbox(None)
        patience_s = self._config.server.resume_s if caller.opening.secret else 0
        caller.goodbye = asyncio.get_running_loop().call_later(
            patience_s, lambda: self._give(caller, on.HungUp(), time.monotonic())
        )

    def _deliver(self, conversation: int, event: on.Event) -> None:
        """A stage's result for a conversation that may be over."""
        caller = self._callers.get(conversation)
        if caller is not None:
            self._give(caller, event, time.monotonic())

    def _set_timer(self, caller: _Caller) -> None:
        wake_at = caller.conversation.deadline()
        if wake_at == caller.wake_at:
            return
        if caller.timer is not None:
            caller.timer.cancel()
        caller.wake_at = wake_at
        if wake_at is not None:
            delay = max(wake_at - time.monotonic(), 0)
            caller.timer = asyncio.get_running_loop().call_later(delay, self._wake, caller)

    def _wake(self, caller: _Caller) -> None:
        caller.wake_at = caller.timer = None
        self._give(caller, on.TimePassed(), time.monotonic())

    def _obey(self, caller: _Caller, command: Command) -> None:
        match command:
            case Tell(notice):
                if isinstance(notice, Failed):
                    self._failures += 1
                self._tally.told(caller.id, notice)
                caller.outbox.put(caller.id, notice)
            case Play(pcm):
                caller.outbox.put(caller.id, pcm)
            case Transcribe():
                # The audio is taken now: it may be gone when the work begins.
                given = command.pcm
                samples = caller.ear.cut(command.start, command.stop) if given is None else np.frombuffer(given, np.int16)
                caller.errands.transcribe(command, samples)
            case Think() | Speak():
                caller.errands.run(command)
            case Abandon(work):
                caller.errands.abandon(work)
            case HangUp():
                pass  # The conversation is over, which `_give` sees.
            case _:
                assert_never(command)

    def _judged(self, caller: _Caller, probability: float, now: float) -> None:
        """How likely the caller's oldest window holds speech: thousands a second, of which few say anything new."""
        if self._callers.get(caller.id) is not caller:
            return
        try:
            ear = caller.ear
            event = ear.judge(probability, piece_under_way=ear.speaking and caller.conversation.piece_under_way)
            if event is not None:
                self._give(caller, event, now)
            if caller.replay is not None:
                self._go_through(caller, now)
        except Exception as error:
            self._broke(caller.id, caller.outbox, error)

    # Housekeeping

    def _start(self) -> None:
        if not self._background:
            self._loop_lag.start()
            with suppress(ParleyError):
                # Read before somebody waits for it; what is wrong with it is said to who does.
                load_flow(self._config.flows_dir, self._config.conversation.flow)
            self._background = [asyncio.create_task(task) for task in (self._judging.judge_forever(), self._keep_house())]

    async def _keep_house(self) -> None:
        """Now and then gateways hear how it is going, and audio that nobody needs any more is let go."""
        looks = 0
        while True:
            await asyncio.sleep(_LOOK_S)
            self._judging.calm_down()
            lag = Lag(self._lateness.ms(time.monotonic()))
            for outbox in self._outboxes.values():
                outbox.put(ALL, lag)
            looks += 1
            self._let_go(told=looks % _LOOKS_A_PROGRESS == 0)

    def _let_go(self, *, told: bool) -> None:
        """A caller who says nothing for long needs no journal of that, which their gateway is told now and then."""
        for caller in self._callers.values():
            caller.ear.hold_from(caller.conversation.audio_needed_from)
            if told and caller.conversation.unchanged and not caller.ear.speaking and caller.replay is None:
                caller.outbox.put(caller.id, Progress(caller.needed_from, caller.events))


def _knows(shown: str, secret: str) -> bool:
    """Whoever has none cannot be come back to."""
    return bool(secret) and compare_digest(shown.encode(errors="replace"), secret.encode())
