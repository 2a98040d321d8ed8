"""What a call flow's YAML file may hold, and the checks that it makes sense.

Every sentence is given in each of the flow's languages: a flow that is half translated is refused when it is loaded, not
when somebody calls. `{slot}` in a sentence stands for what the caller gave; a value is spoken as its first wording.
"""

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Annotated, Any, Self

from pydantic import Field, FiniteFloat, StringConstraints, model_validator

from pipeline.engine_settings import Settings

Name = Annotated[str, StringConstraints(pattern="^[a-z][a-z0-9_]*$")]
Language = Annotated[str, StringConstraints(pattern="^[a-z]{2}$")]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
FunctionName = Annotated[str, StringConstraints(pattern="^[A-Za-z0-9_-]{1,64}$")]

PLACEHOLDER = re.compile(r"\{(\w+)\}")
TEMPLATE = re.compile(r"\{([^{}]*)\}")
"""Anything in braces, as in the texts of a call: slots, `{result}` and `{result.field}`."""
RESULT = "result"
_RESULT_PLACE = re.compile(rf"{RESULT}(\.\w+)?")


class Lines(Settings):
    """What is said outside of any intent, in one language."""

    greeting: str = ""
    """Said when a caller arrives; empty says nothing."""
    goodbye: Line
    """Said when the caller wants nothing more; it ends the call."""
    reprompt: Line
    """Said when the caller was not understood once."""
    fallback: Line
    """Said when the caller was not understood again, and nobody can be offered instead."""
    offer: str = ""
    """Asked instead of `fallback` when an intent hands over: whether the caller wants that."""
    what_else: Line
    """Said when something is dropped or turned down, to go on from there."""
    cultural_notes: str = ""
    """What a language model should know about manners in this language."""


class Slot(Settings):
    """Something that the caller must tell: one of a few values, or words of a certain form."""

    question: dict[Language, Line]
    """Asked when it is missing."""
    values: dict[Name, dict[Language, tuple[Line, ...]]] = {}
    """What is accepted, and its wordings; the first wording is the one that is spoken."""
    pattern: dict[Language, Line] = {}
    """Instead of values: a regular expression over the caller's words in lower case without accents or punctuation."""
    likely: dict[Language, tuple[Line, ...]] = {}
    """With a pattern: some answers, so that speech recognition has heard of them."""
    carriers: dict[Language, tuple[Line, ...]] = {}
    """Sentences in which it comes, such as `on {day}, please`; those of a pattern also find it within a longer sentence."""


class Case(Settings):
    """An answer of its own for certain values."""

    when: dict[Name, tuple[Name, ...]]
    """Slots, and the values of each for which this answer holds."""
    answer: dict[Language, Line]
    """Said instead of the intent's answer."""


class HandOver(Settings):
    """Giving the caller to somebody else."""

    text: dict[Language, Line]
    """Said before the caller is handed over."""
    target: Line
    """Whom to: a number, an address or a queue, as the telephone side knows it."""


class Call(Settings):
    """A function that the client carries out, such as a look-up or a booking, in place of the file's own answer."""

    function: FunctionName
    """Name of the function; it is called when the client offers one of this name."""
    arguments: dict[Line, Line | bool | int | FiniteFloat] = {}
    """What it is called with; `{slot}` stands for the name of the slot's value, or for the caller's words."""
    answer: dict[Language, Line]
    """Said when the result is there; `{result}` is all of it, `{result.when}` the field `when` of a JSON result."""
    failed: dict[Language, Line] = {}
    """Said when the result is of no use, and the call goes on; without it the file's own answer is said."""
    for_cases: bool = False
    """Whether it is called for values that have a case too, as soon as all slots are known; else the case is answered."""


class Intent(Settings):
    """Something that callers want."""

    examples: dict[Language, Annotated[tuple[Line, ...], Field(min_length=1)]]
    """Sentences with which callers say so; `{slot}` stands for any of its values."""
    slots: tuple[Name, ...] = ()
    """What must be known before it is answered, asked for in this order."""
    confirm: dict[Language, Line] = {}
    """Asked once all slots are known; after a no they are asked for again."""
    answer: dict[Language, Line] = {}
    """Said when all is known."""
    cases: tuple[Case, ...] = ()
    """Answers for certain values; the first that fits is said as soon as it fits, whatever else is missing."""
    call: Call | None = None
    """A function to be called instead of answering, once all is known and confirmed."""
    ends_call: bool = False
    """Whether the call ends after the answer."""
    hand_over: HandOver | None = None
    """Said after the answer, with the target in the state under `hand_over`."""


class FlowFile(Settings):
    """A call flow, as it is written down."""

    name: Line
    """Name of the place that is called, as people know it."""
    description: Line
    """What this place is, in a sentence or two, for a language model."""
    persona: str = ""
    """Who answers, and in which manner, for a language model."""
    languages: Annotated[tuple[Language, ...], Field(min_length=1)]
    """Languages of this flow; the first stands in for any other."""
    lines: dict[Language, Lines]
    """What is said outside of any intent."""
    facts: tuple[Line, ...] = ()
    """What a language model may state beside the answers."""
    slots: dict[Name, Slot] = {}
    """What callers may be asked for."""
    intents: Annotated[dict[Name, Intent], Field(min_length=1)]
    """What callers may want."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        for field, problem in _problems(self):
            raise ValueError(f"{field}: {problem}")
        return self


def _problems(flow: FlowFile) -> Iterator[tuple[str, str]]:
    yield from _languages(flow, "lines", flow.lines)
    for name, slot in flow.slots.items():
        yield from _slot_problems(flow, f"slots.{name}", name, slot)
    for name, intent in flow.intents.items():
        yield from _intent_problems(flow, f"intents.{name}", intent)


def _slot_problems(flow: FlowFile, field: str, name: str, slot: Slot) -> Iterator[tuple[str, str]]:
    yield from _languages(flow, f"{field}.question", slot.question)
    if bool(slot.values) == bool(slot.pattern):
        yield field, "needs either values or a pattern"
    for value, wordings in slot.values.items():
        yield from _languages(flow, f"{field}.values.{value}", wordings)
        if not all(wordings.values()):
            yield f"{field}.values.{value}", "a language has no wording"
    if slot.pattern:
        yield from _languages(flow, f"{field}.pattern", slot.pattern)
    for language, pattern in slot.pattern.items():
        try:
            re.compile(pattern)
        except re.error as error:
            yield f"{field}.pattern.{language}", f"is not a regular expression: {error}"
    for language, carriers in slot.carriers.items():
        for carrier in carriers:
            if PLACEHOLDER.findall(carrier) != [name]:
                yield f"{field}.carriers.{language}", f"'{carrier}' must hold {{{name}}} once"


def _intent_problems(flow: FlowFile, field: str, intent: Intent) -> Iterator[tuple[str, str]]:
    for slot in intent.slots:
        if slot not in flow.slots:
            yield f"{field}.slots", f"there is no slot {slot}"
    if not (intent.answer or intent.cases or intent.hand_over):
        yield field, "needs an answer, cases or a hand_over"
    if not (intent.answer or intent.hand_over) and not _cases_cover(flow, intent):
        yield f"{field}.cases", "leave values without an answer"
    yield from _languages(flow, f"{field}.examples", intent.examples)
    for language, examples in intent.examples.items():
        yield from _placeholders(f"{field}.examples.{language}", examples, intent.slots)
    sentences: list[tuple[str, Mapping[str, str]]] = [("confirm", intent.confirm), ("answer", intent.answer)]
    if intent.hand_over:
        sentences.append(("hand_over.text", intent.hand_over.text))
    for part, texts in sentences:
        if texts:
            yield from _languages(flow, f"{field}.{part}", texts)
            yield from _placeholders(f"{field}.{part}", texts.values(), intent.slots)
    for number, case in enumerate(intent.cases):
        yield from _languages(flow, f"{field}.cases.{number}.answer", case.answer)
        yield from _placeholders(f"{field}.cases.{number}.answer", case.answer.values(), case.when)
        for slot, values in case.when.items():
            unknown = [value for value in values if slot not in intent.slots or value not in flow.slots[slot].values]
            if unknown:
                yield f"{field}.cases.{number}.when", f"there is no {slot} {', '.join(unknown)} in this intent"
    if intent.call:
        yield from _call_problems(flow, f"{field}.call", intent, intent.call)


def _call_problems(flow: FlowFile, field: str, intent: Intent, call: Call) -> Iterator[tuple[str, str]]:
    if RESULT in intent.slots:
        yield field, f"a slot that is named {RESULT} cannot be told from the function's result"
    if call.for_cases and intent.confirm:
        yield f"{field}.for_cases", "cannot be with a confirm: a case is answered before anything is confirmed"
    for name, value in call.arguments.items():
        texts = (value,) if isinstance(value, str) else ()
        yield from _placeholders(f"{field}.arguments.{name}", texts, intent.slots, TEMPLATE)
    yield from _languages(flow, f"{field}.answer", call.answer)
    for text in call.answer.values():
        places = TEMPLATE.findall(text)
        unknown = [place for place in places if place not in intent.slots and not _RESULT_PLACE.fullmatch(place)]
        if unknown:
            yield f"{field}.answer", f"{{{unknown[0]}}} is neither a slot here nor {{{RESULT}}} or {{{RESULT}.field}}"
    if call.failed:
        yield from _languages(flow, f"{field}.failed", call.failed)
        yield from _placeholders(f"{field}.failed", call.failed.values(), intent.slots, TEMPLATE)


def _cases_cover(flow: FlowFile, intent: Intent) -> bool:
    """Whether cases that look at one slot alone name all of its values."""
    for slot in intent.slots:
        named = {value for case in intent.cases if set(case.when) == {slot} for value in case.when[slot]}
        if slot in flow.slots and flow.slots[slot].values and named >= set(flow.slots[slot].values):
            return True
    return False


def _languages(flow: FlowFile, field: str, texts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    missing = [language for language in flow.languages if language not in texts]
    if missing:
        yield field, f"lacks {', '.join(missing)}"
    strange = [language for language in texts if language not in flow.languages]
    if strange:
        yield field, f"{', '.join(strange)} is not among the flow's languages"


def _placeholders(
    field: str, texts: Iterable[str], slots: Container[str], places: re.Pattern[str] = PLACEHOLDER
) -> Iterator[tuple[str, str]]:
    for text in texts:
        unknown = [slot for slot in places.findall(text) if slot not in slots]
        if unknown:
            yield field, f"{{{unknown[0]}}} is not a slot here"
