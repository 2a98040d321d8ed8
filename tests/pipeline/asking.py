"""Conversations of clients that keep items, as tests lead them."""

from dataclasses import replace

from pipeline import events as on
from pipeline.commands import Tell
from pipeline.history import Item
from pipeline.manner import Manner
from pipeline.notices import ItemShown, Notice
from pipeline.ports import Wish
from tests.pipeline.talk import RATE, Talk

DETECTING = Manner("en", RATE, greets=False, keeps_items=True)
MANUAL = replace(DETECTING, detects=False)
UNANSWERED = replace(DETECTING, answers=False)
PATIENT = replace(DETECTING, interrupts=False)
WRITTEN = replace(MANUAL, wish=Wish(spoken=False))


def told(talk: Talk, *kinds: type[Notice]) -> list[Notice]:
    """What was told since this was last asked."""
    return [one.notice for one in talk.take() if isinstance(one, Tell) and (not kinds or isinstance(one.notice, kinds))]


def item(talk: Talk, id: str) -> Item:
    talk.do(on.ItemAsked(id, "look"))
    shown = talk.all(ItemShown)[-1].item
    assert shown.id == id
    return shown


def commits(talk: Talk, ms: int = 1_000) -> None:
    talk.wait(ms)
    talk.do(on.Committed("commit", talk.position))


def asks(talk: Talk, wish: Wish | None = None, *, aside: bool = False, entries: tuple | None = None, ref: str = "ask") -> None:
    talk.do(on.ReplyAsked(ref, wish or talk.brain.manner.wish, aside, entries))


def speaking(manner: Manner = DETECTING, ms: int = 1_000) -> Talk:
    """A reply of which so much was made is heard."""
    talk = Talk(manner=manner)
    if manner.detects and manner.answers:
        talk.says("Are you open?")
    else:
        commits(talk)
        talk.transcribed("Are you open?")
        asks(talk)
    talk.grows("We are open today.")
    talk.audio(ms)
    return talk
