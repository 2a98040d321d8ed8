"""Functions that a flow calls by way of the client: the call that is made, and the result as words.

The flow decides that a function is called and with what; the client carries it out and gives a text, mostly JSON. Only a
number or a text can be spoken. What is nested, missing, empty or too long to listen to is of no use, nor is a JSON result
with an `error` in it.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import cast

from pipeline.flow_schema import PLACEHOLDER, RESULT, TEMPLATE, Call

LONGEST = 2_000
"""Characters of a result that are spoken at most; they take two minutes."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What the client carries out when it is asked to."""

    functions: frozenset[str] = frozenset()
    """Names of the functions."""
    call_id: str = ""
    """What a call made in this turn is known by; its result comes under the same."""


NOTHING = Offer()
"""No function at all."""


@dataclass(frozen=True, slots=True)
class FlowCall:
    """A function that an intent calls instead of giving its own answer."""

    intent: str
    slots: dict[str, str]
    function: str
    arguments: str
    """JSON."""


def flow_call(intent: str, call: Call, slots: Mapping[str, str]) -> FlowCall:
    """The call as it is made for these slots: a value goes by its name, which is the same in every language."""
    arguments = {
        name: PLACEHOLDER.sub(lambda match: slots[match.group(1)], value) if isinstance(value, str) else value
        for name, value in call.arguments.items()
    }
    return FlowCall(intent, dict(slots), call.function, json.dumps(arguments, ensure_ascii=False))


def with_result(sentence: str, output: str, wording: Callable[[str], str]) -> str | None:
    """The sentence with the result's values and the slots' wordings in it; None when the result is of no use."""
    result = _read(output)
    fields = _fields(result)
    if fields.get("error"):
        return None
    pieces: list[str] = []
    for number, piece in enumerate(TEMPLATE.split(sentence)):
        name, _, field = piece.partition(".")
        if not number % 2:
            pieces.append(piece)
        elif name != RESULT:
            pieces.append(wording(piece))
        else:
            words = _field(fields.get(field)) if field else _whole(result, output)
            if words is None:
                return None
            pieces.append(words)
    return "".join(pieces)


def _read(output: str) -> object:
    """The JSON that it holds, numbers with all of their digits; or the text itself."""
    try:
        return json.loads(output, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError):
        return output


def _fields(result: object) -> dict[str, object]:
    return cast(dict[str, object], result) if isinstance(result, dict) else {}


def _whole(result: object, output: str) -> str | None:
    return _words(result if isinstance(result, str) else output) if _is_plain(result) else None


def _field(value: object) -> str | None:
    return _words(str(value)) if _is_plain(value) else None


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float | Decimal) and not isinstance(value, bool)


def _words(text: str) -> str | None:
    # Half a character, which JSON can express, would fail later where the text is sent.
    text = text.strip().encode("utf-8", "replace").decode("utf-8")
    return text if text and len(text) <= LONGEST else None
