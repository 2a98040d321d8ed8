"""Conversations of a shard that move to another one."""

from collections.abc import Sequence
from dataclasses import replace

from actors.inbox import Opening
from actors.stages import LocalStages
from pipeline.events import FromCaller
from pipeline.journal import Return, Snapshot
from pipeline.manner import Manner
from pipeline.memento import NOTHING_TOLD
from pipeline.notices import AudioDone, Heard
from pipeline.ports import Samples
from pipeline.ticks import Tick
from tests.actors.shards import Gateway, StuckStages, config

SECRET = "what the caller was given"
HEARD = Heard(1, "what are your opening hours on saturday", True, "en", 1.0)
LONG = "tts.engines.sim.duration_ms=5000"


class HearsOnly(StuckStages):
    """Writes down, and never answers."""

    def __init__(self) -> None:
        super().__init__()
        self.transcribe = LocalStages(config()).transcribe


def kinds(gateway: Gateway, caller: int) -> list[type]:
    return [type(delivery) for delivery in gateway.told[caller]]


async def rests(gateway: Gateway, replies: int = 1) -> None:
    """A reply has been heard, and where the conversation stands was told."""
    await gateway.until(lambda: len(gateway.notices(1, AudioDone)) == replies)
    last = kinds(gateway, 1).count(Snapshot)
    await gateway.until(lambda: kinds(gateway, 1).count(Snapshot) > last)


def goes_on(
    snapshot: Snapshot, upto: int = 0, events: Sequence[tuple[int, FromCaller]] = (), caller: int = 1, generation: int = 2
) -> Opening:
    """What a gateway asks another shard that has told nobody anything since."""
    told = replace(NOTHING_TOLD, again=(snapshot.position, upto))
    returns = Return(snapshot.memento, snapshot.position, told, snapshot.events, tuple(events), snapshot.speaking)
    return Opening(caller, "clinic", Manner("en", 24_000, greets=False), SECRET, returns, generation)


def move(
    gateway: Gateway, snapshot: Snapshot, said: Samples, events: Sequence[tuple[int, FromCaller]] = (), generation: int = 2
) -> None:
    audio = Tick.pack([(1, said[snapshot.position :].tobytes())])
    gateway.send_raw([goes_on(snapshot, len(said), events, generation=generation)], audio, [])
