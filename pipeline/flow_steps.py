"""One turn of a call flow: where the conversation stands and what was said, to what is answered and where it stands then.

Whoever is asked something may answer it, correct what they said before, ask something else (it is answered, and the question
comes again), or drop it. Who is not understood is asked again; the second time in a row somebody else is offered.

An answer may be a function's to give, if the client offers that function. It is called once for each answer: what is wanted
again is said again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from pipeline.flow_calls import FlowCall, Offer, flow_call, with_result
from pipeline.flow_grammar import Grammar
from pipeline.flow_matching import SURE, Heard, Matcher
from pipeline.flow_place import Asks, Awaited, Place, missing_slots, read_awaited, read_place
from pipeline.flow_schema import PLACEHOLDER, Case, FlowFile, Intent
from pipeline.flow_slots import SlotReader
from pipeline.flow_words import says_yes, small_words

_MISSES = 2
"""Turns in a row that are not understood until somebody else is offered."""


@dataclass(frozen=True, slots=True)
class FlowAnswer:
    """What is said, and where the flow stands after it."""

    text: str
    state: dict[str, Any]
    ends_call: bool
    intent: str | None
    """What the caller wanted, or None when it was not understood or belongs to no intent."""
    call: FlowCall | None = None
    """What the client is asked to do before anything is said; the text is empty then."""


class Command(StrEnum):
    """What callers may say in any flow; no intent can have such a name."""

    HELLO = "?hello"
    GOODBYE = "?goodbye"
    NOTHING_ELSE = "?nothing_else"
    DROP = "?drop"
    REPEAT = "?repeat"


class Talk:
    """A flow in one of its languages, ready to be spoken; it never changes."""

    def __init__(self, file: FlowFile, language: str) -> None:
        self.file = file
        self.language = language
        self.lines = file.lines[language]
        self.small = small_words(language)
        self.slots = SlotReader(file.slots, language, self.small)
        sentences = {name: intent.examples[language] for name, intent in file.intents.items()}
        fills = {name: intent.slots for name, intent in file.intents.items()}
        commands: dict[str, tuple[str, ...]] = {
            Command.HELLO: self.small.hello,
            Command.GOODBYE: self.small.goodbye,
            Command.NOTHING_ELSE: self.small.nothing_else,
            Command.DROP: self.small.drop,
            Command.REPEAT: self.small.repeat,
        }
        self.matcher = Matcher(sentences, commands, fills, self.slots, self.small)
        self.hands_over = next((name for name, intent in file.intents.items() if intent.hand_over), None)
        grammar = Grammar(file, language)
        self._expected = {(Asks.NOTHING, ""): grammar.idle(None), (Asks.OFFER, ""): grammar.offer()}
        self._expected |= {(Asks.SLOT, slot): grammar.slot(slot) for slot in file.slots}
        for name in file.intents:
            self._expected[Asks.NOTHING, name] = grammar.idle(name)
            self._expected[Asks.CONFIRMATION, name] = grammar.confirmation(name)

    def expected(self, state: Mapping[str, Any]) -> tuple[str, ...]:
        place = read_place(state, self.file)
        match place.asks:
            case Asks.SLOT:
                return self._expected[place.asks, self.missing(place)[0]]
            case Asks.OFFER:
                return self._expected[place.asks, ""]
            case Asks.NOTHING | Asks.CONFIRMATION:
                return self._expected[place.asks, place.intent or ""]

    def step(self, text: str, state: Mapping[str, Any], accept: float, offer: Offer) -> FlowAnswer:
        answer = self._reply(text, state, accept)
        if answer.call is None or answer.call.function not in offer.functions:
            return replace(answer, call=None)
        place = read_place(answer.state, self.file)
        if place.asks is Asks.NOTHING:
            # Nothing was said yet that could be said again, and the file's own answer may turn out untrue.
            place = replace(place, said=self.lines.what_else)
        awaited = Awaited(offer.call_id, answer.call.intent, answer.call.slots)
        return replace(answer, text="", state=place.state() | awaited.state(), ends_call=False)

    def result(self, call_id: str, output: str, state: Mapping[str, Any]) -> FlowAnswer | None:
        awaited = read_awaited(state, self.file)
        if awaited is None or awaited.call_id != call_id:
            return None
        return self._then_asks(self._with_result(awaited, output), read_place(state, self.file))

    def unprompted(self, state: Mapping[str, Any], first: bool) -> FlowAnswer:
        place, awaited = read_place(state, self.file), read_awaited(state, self.file)
        text = self.lines.reprompt
        if first and self.lines.greeting:
            text = self.lines.greeting
        elif place.asks is Asks.OFFER:
            text = self.lines.offer or text
        elif place.asks is not Asks.NOTHING:
            text = f"{text} {self._again(place).text}"
        return FlowAnswer(text, place.state() | (awaited.state() if awaited else {}), False, None)

    def _reply(self, text: str, state: Mapping[str, Any], accept: float) -> FlowAnswer:
        """The file's own answer, with the call that could be made in its place."""
        place = read_place(state, self.file)
        heard = self.matcher.hear(text)
        intent, score = self.matcher.best(heard)
        if score < accept:
            intent = None
        match place.asks:
            case Asks.NOTHING:
                return self._open(place, heard, intent)
            case Asks.SLOT | Asks.CONFIRMATION:
                return self._asked(place, heard, intent, score >= SURE)
            case Asks.OFFER:
                return self._offered(place, heard, intent)

    def missing(self, place: Place) -> list[str]:
        return missing_slots(self.file.intents[place.intent] if place.intent else None, place.slots)

    def _open(self, place: Place, heard: Heard, intent: str | None) -> FlowAnswer:
        """Nothing was asked: the caller says what they want."""
        words = heard.words
        if intent == Command.NOTHING_ELSE and len(words) == 1 and place.intent is None:
            return self._what_else()
        if intent is not None:
            return self._wanted(place, heard, intent)
        if place.intent and self.matcher.says_only_slots(heard):
            given = self._given(self.file.intents[place.intent], heard, None)
            if given:
                return self._go_on(place.intent, place.slots | given)
        answers = self.small.yes | self.small.no | self.small.negators | self.small.light
        if says_yes(words, self.small) is not None and answers.issuperset(words):
            return self._what_else()
        return self._missed(place)

    def _wanted(self, place: Place, heard: Heard, intent: str) -> FlowAnswer:
        match intent:
            case Command.GOODBYE | Command.NOTHING_ELSE:
                return FlowAnswer(self.lines.goodbye, Place().state(), True, None)
            case Command.DROP | Command.HELLO:
                return self._what_else()
            case Command.REPEAT:
                return self._again(place)
            case _:
                return self._go_on(intent, self._given(self.file.intents[intent], heard, None))

    def _aside(self, place: Place, heard: Heard, intent: str) -> FlowAnswer:
        """The caller was asked something and speaks of something else. What can be answered at once is, and we ask again."""
        if intent == Command.NOTHING_ELSE:
            return self._what_else()
        if intent == Command.HELLO:
            return self._again(place)
        answer = self._wanted(place, heard, intent)
        return self._then_asks(answer, place) if intent in self.file.intents else answer

    def _then_asks(self, answer: FlowAnswer, place: Place) -> FlowAnswer:
        """The answer, and after it the question that was open before, unless the answer leads elsewhere."""
        settled = answer.state["asks"] == Asks.NOTHING and not answer.ends_call and "hand_over" not in answer.state
        if not settled or place.asks not in (Asks.SLOT, Asks.CONFIRMATION):
            return answer
        question = self._again(place)
        return replace(answer, text=f"{answer.text} {question.text}", state=question.state)

    def _asked(self, place: Place, heard: Heard, intent: str | None, surely: bool) -> FlowAnswer:
        """The caller answers the question for a slot, or for all of them, unless they speak of something else."""
        assert place.intent is not None
        only_no = intent == Command.NOTHING_ELSE and place.asks is Asks.CONFIRMATION
        aside = None if only_no or intent == place.intent else intent
        if aside and surely:
            return self._aside(place, heard, aside)
        asked = self.missing(place)[0] if place.asks is Asks.SLOT else None
        given = self._given(self.file.intents[place.intent], heard, asked)
        if any(place.slots.get(slot) != value for slot, value in given.items()):
            return self._go_on(place.intent, place.slots | given)
        if place.asks is Asks.CONFIRMATION:
            match says_yes(heard.words, self.small):
                case True:
                    return self._answered(place.intent, place.slots)
                case False:
                    return self._go_on(place.intent, {})
                case None:
                    pass
        if aside:
            return self._aside(place, heard, aside)
        return self._again(place) if given or intent == place.intent else self._missed(place)

    def _offered(self, place: Place, heard: Heard, intent: str | None) -> FlowAnswer:
        """The caller was offered somebody else to speak to."""
        assents = says_yes(heard.words, self.small)
        if assents and self.hands_over:
            return self._answered(self.hands_over, {})
        if intent not in (None, place.intent, Command.NOTHING_ELSE):
            return self._wanted(place, heard, intent)
        if place.intent and (intent == place.intent or self._given(self.file.intents[place.intent], heard, None)):
            asked = (self.missing(place) or [None])[0]
            return self._go_on(place.intent, place.slots | self._given(self.file.intents[place.intent], heard, asked))
        if assents is False:
            return self._go_on(place.intent, place.slots) if place.intent else self._what_else()
        return self._missed(place)

    def _given(self, intent: Intent, heard: Heard, asked: str | None) -> dict[str, str]:
        """Values for this intent's slots; of several for one slot the last, since people correct themselves."""
        values: dict[str, str] = {}
        taken: set[int] = set()
        only_values = self.matcher.says_only_slots(heard)
        for slot in filter(self.slots.is_free, intent.slots):
            mention = self.slots.free_words(slot, heard.tokens, heard.text, slot == asked and not only_values)
            if mention:
                values[slot] = mention.value
                taken.update(range(mention.start, mention.end))
        spans: dict[int, dict[str, str]] = {}
        for mention in heard.mentions:
            if mention.slot in intent.slots and mention.start not in taken:
                spans.setdefault(mention.start, {})[mention.slot] = mention.value
        for said in spans.values():
            slot = asked if asked in said else next((slot for slot in said if slot not in values), next(iter(said)))
            values[slot] = said[slot]
        return values

    def _go_on(self, intent: str, slots: dict[str, str]) -> FlowAnswer:
        """Asks for what is missing, then whether all is right, then answers."""
        wanted = self.file.intents[intent]
        case = self._case(wanted, slots)
        missing = missing_slots(wanted, slots)
        if case is None and missing:
            place = Place(intent, slots, Asks.SLOT)
            return FlowAnswer(self.file.slots[missing[0]].question[self.language], place.state(), False, intent)
        if case is None and wanted.confirm:
            place = Place(intent, slots, Asks.CONFIRMATION)
            return FlowAnswer(self._filled(wanted.confirm[self.language], slots), place.state(), False, intent)
        return self._answered(intent, slots)

    def _answered(self, name: str, slots: dict[str, str]) -> FlowAnswer:
        intent = self.file.intents[name]
        case = self._case(intent, slots)
        answer = (case.answer if case else intent.answer).get(self.language, "")
        call = intent.call if case is None or (intent.call and intent.call.for_cases) else None
        may_call = call and not missing_slots(intent, slots)
        return replace(
            self._concluded(Place(name, slots), self._filled(answer, slots)),
            call=flow_call(name, call, slots) if call and may_call else None,
        )

    def _with_result(self, awaited: Awaited, output: str) -> FlowAnswer:
        name, slots = awaited.intent, awaited.slots
        call = self.file.intents[name].call
        assert call is not None
        text = with_result(call.answer[self.language], output, lambda slot: self._wording(slot, slots))
        if text is not None:
            return self._concluded(Place(name, slots, said=text), text)
        if call.failed:
            text = self._filled(call.failed[self.language], slots)
            return FlowAnswer(text, Place(name, slots, said=text).state(), False, name)
        return replace(self._answered(name, slots), call=None)

    def _concluded(self, place: Place, text: str) -> FlowAnswer:
        """The text, and what comes after it in the intent of this place."""
        assert place.intent is not None
        intent, state = self.file.intents[place.intent], place.state()
        if intent.hand_over:
            text = f"{text} {self._filled(intent.hand_over.text[self.language], place.slots)}".strip()
            state["hand_over"] = intent.hand_over.target
        return FlowAnswer(text, state, intent.ends_call, place.intent)

    def _case(self, intent: Intent, slots: Mapping[str, str]) -> Case | None:
        fitting = (case for case in intent.cases if all(slots.get(slot) in values for slot, values in case.when.items()))
        return next(fitting, None)

    def _again(self, place: Place) -> FlowAnswer:
        """The last question or answer once more."""
        if place.intent is None:
            return FlowAnswer(self.lines.greeting or self.lines.what_else, place.state(), False, None)
        if place.asks is Asks.NOTHING:
            if place.said:
                return FlowAnswer(place.said, place.state(), False, place.intent)
            return replace(self._answered(place.intent, place.slots), call=None)
        return self._go_on(place.intent, place.slots)

    def _what_else(self) -> FlowAnswer:
        return FlowAnswer(self.lines.what_else, Place().state(), False, None)

    def _missed(self, place: Place) -> FlowAnswer:
        missed = replace(place, misses=place.misses + 1)
        if missed.misses >= _MISSES and self.hands_over and self.lines.offer:
            offering = replace(missed, asks=Asks.OFFER)
            if place.asks is Asks.NOTHING:
                offering = replace(offering, intent=None, slots={}, said="")
            return FlowAnswer(self.lines.offer, offering.state(), False, None)
        text = self.lines.fallback if missed.misses >= _MISSES else self.lines.reprompt
        if place.asks in (Asks.SLOT, Asks.CONFIRMATION):
            text = f"{text} {self._again(place).text}"
        return FlowAnswer(text, missed.state(), False, None)

    def _filled(self, sentence: str, slots: Mapping[str, str]) -> str:
        return PLACEHOLDER.sub(lambda match: self._wording(match.group(1), slots), sentence)

    def _wording(self, slot: str, slots: Mapping[str, str]) -> str:
        value = slots.get(slot, "")
        known = self.file.slots[slot].values
        return known[value][self.language][0] if value in known else value
