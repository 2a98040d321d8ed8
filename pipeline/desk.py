"""What clients ask of the items that are remembered, and what they are told; who asks in vain is told why."""

from typing import assert_never

from pipeline import events as on
from pipeline.commands import Command, Tell
from pipeline.errors import ClientError
from pipeline.history import History
from pipeline.notices import ItemGone, ItemShortened, ItemShown, ItemTaken, Notice, Refused

Request = on.ItemGiven | on.ItemUnwanted | on.ItemAsked | on.ItemCut


def attend(history: History, event: Request) -> list[Command]:
    try:
        return [Tell(_done(history, event))]
    except ClientError as error:
        return [Tell(Refused(event.ref, error.code, error.message, error.param))]


def _done(history: History, event: Request) -> Notice:
    match event:
        case on.ItemGiven(item, after, _, pcm):
            return ItemTaken(item, history.give(item, after, known=not pcm))
        case on.ItemUnwanted(id):
            history.delete(id)
            return ItemGone(id)
        case on.ItemAsked(id):
            return ItemShown(history.show(id))
        case on.ItemCut(id, heard_ms):
            history.shorten(id, heard_ms)
            return ItemShortened(id, heard_ms)
        case _:
            assert_never(event)
