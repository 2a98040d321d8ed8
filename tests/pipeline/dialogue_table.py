"""Conversations as readable text: what is heard when, and what must come of it.

A scenario is a title that begins a line, and indented lines below it. A line that begins with `#` is a comment.

    A cough over the reply holds it, and the reply goes on
      with asr=80 conversation.speculation=off
      0       says "what are your opening hours"
      reply+1 coughs 200
      => held x1; resumed x1; interrupted x0; whole

`with` sets the surroundings (fields of `World`) or the configuration (names with a dot). `model "hours" -> "From nine."` says
what is answered to words that hold the first text; `model "From nine."` is the answer to anything. `until 30` lets time pass.

What happens begins with its time in seconds: since the beginning (`1.5`), since the end of what happened last (`+0.2`), or
since the next time that something is told or asked (`reply+1`, names below). It is one of

    says "I need [0.6] an appointment"     with pauses in seconds
    coughs 200 / clicks                    sound without words, in milliseconds / for one window
    types "stop" / presses 1 2 # / stops / hangs up / load on / load off

What must come of it, several with `;` between:

    held x1                                how often
    held 90..200 after sound               milliseconds between the last of both; also `sound` and `silence` of the caller
    heard "a", "b"                         texts, all of them: heard, partial, said, did, cut (what was heard of
                                           interrupted replies), hears (each reply, as the caller heard it)
    whole                                  each sample of the last reply was heard, in order and once
    history / prompt caller "a", us "b"    the messages that are remembered / that the model was given last; no messages: `none`
    asks asr 2, llm 1, tts 1               requests to the stages
    asked llm 1, tts 1 before stopped      the same, until something is told
    books started 1, used 1, discarded 0   of speculation
    total 300..400 / late llm / met target / speculated / not speculated          of the last report
    tells began, stopped, heard            all that is told, in order, of these kinds: began stopped heard reply done held
                                           resumed interrupted report failed
    before stopped began                   what is told before something else is, in order
    replies to 1, 3                        the turns whose replies sounded
    fails provider_timeout                 codes of what failed, all of them; `fails none`
    state listening / over / open
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from pipeline import events as on
from pipeline import notices
from pipeline.commands import HangUp, Speak, Think, Transcribe
from pipeline.notices import AudioStarted, Failed, Heard, Interrupted, Notice, Said, TurnReport
from pipeline.ports import Message
from tests.pipeline.dialogue import Dialogue, run_out
from tests.pipeline.dialogue_world import World, answers

NAMES: dict[str, type[Any]] = {
    "began": notices.CallerBegan,
    "stopped": notices.CallerStopped,
    "heard": notices.Heard,
    "said": notices.Said,
    "reply": notices.AudioStarted,
    "done": notices.AudioDone,
    "held": notices.Held,
    "resumed": notices.WentOn,
    "interrupted": notices.Interrupted,
    "report": notices.TurnReport,
    "failed": notices.Failed,
    "asr": Transcribe,
    "llm": Think,
    "tts": Speak,
    "paused": on.SpeechPaused,
    "went-on": on.SpeechResumed,
    "hangup": HangUp,
}
_TOLD = {kind: name for name, kind in NAMES.items() if kind in Notice.__args__ and name != "said"}
_STAGES = ("asr", "llm", "tts")
_STRINGS = re.compile(r'"([^"]*)"')
_WORDLESS_CLICK_S = 0.03


class TableError(Exception):
    """A scenario that cannot be read."""


@dataclass(frozen=True, slots=True)
class Action:
    after: str
    """A name, `last` for the end of what happened before, or empty for the beginning."""
    seconds: float
    does: str
    rest: str


@dataclass(slots=True)
class Scenario:
    title: str
    where: str
    world: World = field(default_factory=World)
    overrides: dict[str, str] = field(default_factory=lambda: {})
    actions: list[Action] = field(default_factory=lambda: [])
    expected: list[tuple[str, Callable[["Played"], None]]] = field(default_factory=lambda: [])
    until: float = 0.0


# Reading


def read(path: Path) -> list[Scenario]:
    scenarios: list[Scenario] = []
    for number, raw in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        line = raw.rstrip()
        if not line or line.startswith("#"):
            continue
        if not line.startswith(" "):
            scenarios.append(Scenario(line, f"{path.name}:{number}"))
            continue
        try:
            _read_line(scenarios[-1], line.strip())
        except (TableError, ValueError, IndexError) as error:
            raise TableError(f"{path.name}:{number}: {error}: {line.strip()}") from None
    for scenario in scenarios:
        if not scenario.expected:
            raise TableError(f"{scenario.where}: nothing is expected")
    return scenarios


def _read_line(scenario: Scenario, line: str) -> None:
    first, _, rest = line.partition(" ")
    rest = rest.strip()
    match first:
        case "=>":
            for one in _split(rest, ";"):
                scenario.expected.append((one, expectation(one)))
        case "with":
            for setting in rest.split():
                _set(scenario, *setting.split("=", 1))
        case "model":
            found = re.fullmatch(r'(?:"([^"]+)" -> )?"([^"]*)"( ends)?', rest)
            if found is None:
                raise TableError("a model says what?")
            if set(scenario.world.replies) == {""}:
                scenario.world.replies = {}
            scenario.world.replies[(found[1] or "").lower()] = found[2]
            scenario.world.ends = bool(found[3])
        case "until":
            scenario.until = float(rest)
        case _:
            found = re.fullmatch(r"(?:([a-z-]*)\+)?(\d+(?:\.\d+)?)", first)
            if found is None or found[1] not in (None, "", *NAMES):
                raise TableError("no such time")
            after = "" if found[1] is None else found[1] or "last"
            does, _, rest = rest.partition(" ")
            _check_action(does, rest.strip())
            scenario.actions.append(Action(after, float(found[2]), does, rest.strip()))


def _set(scenario: Scenario, name: str, value: str) -> None:
    if "." in name:
        scenario.overrides[name] = value
    elif name in _STAGES:
        setattr(scenario.world, name, answers(value))
    elif name in ("words", "stubborn"):
        setattr(scenario.world, name, {"on": True, "off": False}[value])
    elif name == "lang":
        scenario.world.lang = value
    elif name in {one.name for one in fields(World)} - {"replies", "ends"}:
        setattr(scenario.world, name, float(value))
    else:
        raise TableError(f"no such setting as {name}")


def _check_action(does: str, rest: str) -> None:
    patterns = {
        "says": r'"[^"]+"',
        "types": r'"[^"]+"',
        "coughs": r"\d+",
        "clicks": "",
        "presses": r"[0-9*#]( [0-9*#])*",
        "stops": "",
        "hangs": "up",
        "load": "on|off",
    }
    if does not in patterns or not re.fullmatch(patterns[does], rest):
        raise TableError("no such thing can happen")


def _split(text: str, mark: str) -> list[str]:
    """Parts of a text, where what stands in quotes is left alone."""
    parts = re.findall(rf'(?:[^"{mark}]|"[^"]*")+', text)
    return [part.strip() for part in parts if part.strip()]


# Playing


class Played:
    """A scenario on its way, and what came of it."""

    def __init__(self, scenario: Scenario, begin: Callable[[World, dict[str, str]], Dialogue] = Dialogue) -> None:
        self.dialogue = begin(scenario.world, scenario.overrides)
        self._actions = iter(scenario.actions)
        self._waiting: Action | None = None
        self._end = 0.0
        self.history: tuple[Message, ...] = ()
        self.dialogue.listener = self._logged
        self._next()
        run_out(self.dialogue, 0.0, 1.0)
        while (self._waiting is not None or self._pending) and self.dialogue.now < 90 and not self.dialogue.brain.over:
            self.dialogue.run(self.dialogue.now + 0.5)
        self.left_undone = self._waiting
        run_out(self.dialogue, max(scenario.until, self._end + 2.5), 120.0)
        self.state = self.dialogue.brain.state.name.lower()
        self.over = self.dialogue.brain.over
        self.history = self.dialogue.history()
        self.dialogue.hang_up()

    _pending = 0

    def _next(self) -> None:
        action = next(self._actions, None)
        if action is None or action.after in ("", "last"):
            self._waiting = None
            if action is not None:
                self._schedule(action, action.seconds + (self._end if action.after else 0.0))
        else:
            self._waiting = action

    def _logged(self, kind: type) -> None:
        action = self._waiting
        if action is not None and NAMES[action.after] is kind:
            self._waiting = None
            self._schedule(action, self.dialogue.now + action.seconds)

    def _schedule(self, action: Action, time: float) -> None:
        self._pending += 1

        def do() -> None:
            self._pending -= 1
            self._end = self._do(action)
            self._next()

        self.dialogue.at(time, do)

    def _do(self, action: Action) -> float:
        """Gives when it ends."""
        dialogue, now = self.dialogue, self.dialogue.now
        match action.does:
            case "says":
                parts = re.findall(r"\[[\d.]+\]|[^\[\]]+", action.rest.strip('"'))
                return dialogue.caller.says([float(part[1:-1]) if part[0] == "[" else part for part in parts], now)
            case "coughs":
                return dialogue.caller.makes_noise(int(action.rest) / 1000, now)
            case "clicks":
                # All of one window, wherever the windows lie.
                window = 512 / 16_000
                begin = (now // window + 1) * window
                return dialogue.caller.makes_noise(window, begin)
            case "types":
                dialogue.give(on.Typed(action.rest.strip('"')))
            case "presses":
                for key in action.rest.split():
                    dialogue.give(on.KeyPressed(key))
            case "stops":
                dialogue.give(on.StopAsked())
            case "hangs":
                dialogue.give(on.HungUp())
            case "load":
                dialogue.brain.server_is_under_load(action.rest == "on")
            case _:
                raise AssertionError(action.does)
        return now

    def all(self, kind: type[Any]) -> list[Any]:
        return [logged.what for logged in self.dialogue.log if isinstance(logged.what, kind)]

    def times(self, name: str) -> list[float]:
        if name == "sound":
            return [begin for begin, _ in self.dialogue.caller.sounds]
        if name == "silence":
            return [end for _, end in self.dialogue.caller.sounds]
        kind = NAMES[name]
        return [logged.at for logged in self.dialogue.log if isinstance(logged.what, kind)]

    def report(self) -> TurnReport:
        reports = self.all(TurnReport)
        assert reports, "nothing was reported"
        return reports[-1]

    def told(self) -> Iterator[str]:
        for logged in self.dialogue.log:
            what = logged.what
            if type(what) in _TOLD and not (isinstance(what, Heard) and not what.final):
                yield _TOLD[type(what)]


def play(scenario: Scenario) -> Played:
    played = Played(scenario)
    assert played.left_undone is None, f"it never came to: {played.left_undone}"
    return played


# What must come of it

_LISTS: dict[str, Callable[[Played], list[str]]] = {
    "heard": lambda played: [one.text for one in played.all(Heard) if one.final],
    "partial": lambda played: [one.text for one in played.all(Heard) if not one.final],
    "said": lambda played: [one.text for one in played.all(Said) if one.final],
    "cut": lambda played: [one.heard_text for one in played.all(Interrupted)],
    "hears": lambda played: [" ".join(reply.heard_words()) for reply in played.dialogue.sounded],
    "did": lambda played: list(played.report().did),
}


def expectation(text: str) -> Callable[[Played], None]:
    for pattern, make in _EXPECTATIONS:
        found = re.fullmatch(pattern, text)
        if found is not None:
            return make(*found.groups())
    raise TableError(f"unknown expectation {text!r}")


def _equal(actual: Callable[[Played], Any], expected: Any) -> Callable[[Played], None]:
    def check(played: Played) -> None:
        found = actual(played)
        assert found == expected, f"it was {found}"

    return check


def _within(actual: Callable[[Played], float], low: str, high: str) -> Callable[[Played], None]:
    def check(played: Played) -> None:
        found = round(actual(played), 3)
        assert float(low) <= found <= float(high), f"it was {found}"

    return check


def _count(name: str, times: str) -> Callable[[Played], None]:
    return _equal(lambda played: len(played.times(_known(name))), int(times))


def _after(name: str, low: str, high: str, other: str) -> Callable[[Played], None]:
    _known(name), _known(other)

    def gap(played: Played) -> float:
        assert played.times(name), f"no {name}"
        at = played.times(name)[-1]
        return 1000 * (at - max(time for time in played.times(other) if time <= at))

    return _within(gap, low, high)


def _texts(kind: str, texts: str) -> Callable[[Played], None]:
    expected = [] if texts == "none" else _STRINGS.findall(texts)
    return _equal(_LISTS[kind], expected)


def _messages(kind: str, texts: str) -> Callable[[Played], None]:
    roles = {"caller": "user", "us": "assistant"}
    expected: list[Message] = []
    if texts != "none":
        for part in _split(texts, ","):
            who, _, said = part.partition(" ")
            if who not in roles or not _STRINGS.fullmatch(said):
                raise TableError("whose words?")
            expected.append(Message(roles[who], said.strip('"')))  # pyright: ignore[reportArgumentType]
    if kind == "history":
        return _equal(lambda played: list(played.history), expected)
    return _equal(lambda played: list(played.dialogue.prompts[-1].messages), expected)


def _numbers(actual: Callable[[Played, str], int], known: tuple[str, ...]) -> Callable[[str], Callable[[Played], None]]:
    def make(text: str) -> Callable[[Played], None]:
        expected = {name: int(number) for name, number in (part.split() for part in _split(text, ","))}
        if not expected.keys() <= set(known):
            raise TableError(f"one of {', '.join(known)}")
        return _equal(lambda played: {name: actual(played, name) for name in expected}, expected)

    return make


def _asked_before(text: str, what: str) -> Callable[[Played], None]:
    def asked(played: Played, stage: str) -> int:
        end = played.times(_known(what))[-1]
        return sum(time < end for time in played.times(stage))

    return _numbers(asked, _STAGES)(text)


def _tells(text: str) -> Callable[[Played], None]:
    expected = [_known(name) for name in _split(text, ",")]
    return _equal(lambda played: [name for name in played.told() if name in expected], expected)


def _before(what: str, text: str) -> Callable[[Played], None]:
    _known(what)
    expected = [_known(name) for name in _split(text, ",")]

    def told(played: Played) -> list[str]:
        names = list(played.told())
        return names[: names.index(what)]

    return _equal(told, expected)


def _whole(number: str | None) -> Callable[[Played], None]:
    def check(played: Played) -> None:
        reply = played.dialogue.sounded[int(number) - 1 if number else -1]
        assert reply.heard_whole(), f"heard were {reply.heard} of {len(reply.made) // 2}"

    return check


def _known(name: str) -> str:
    if name not in NAMES and name not in ("sound", "silence"):
        raise TableError(f"no such thing as {name}")
    return name


def _names(text: str) -> list[str]:
    return [] if text == "none" else _split(text, ",")


_LIST = r'none|"[^"]*"(?:, "[^"]*")*'
_EXPECTATIONS: list[tuple[str, Callable[..., Callable[[Played], None]]]] = [
    (r"([a-z-]+) x(\d+)", _count),
    (r"([a-z-]+) (-?\d+)\.\.(\d+) after ([a-z-]+)", _after),
    (rf"(heard|partial|said|cut|hears|did) ({_LIST})", _texts),
    (r"whole(?:#(\d))?", _whole),
    (r'(history|prompt) (none|(?:caller|us) "[^"]*"(?:, (?:caller|us) "[^"]*")*)', _messages),
    (r"asks (.+)", _numbers(lambda played, name: played.dialogue.asked[name], _STAGES)),
    (r"asked (.+) before ([a-z-]+)", _asked_before),
    (
        r"books (.+)",
        _numbers(
            lambda played, name: getattr(played.dialogue.brain.books, name),
            ("started", "used", "discarded", "calls", "wasted_calls"),
        ),
    ),
    (r"wasted (\d+)\.\.(\d+)", lambda low, high: _within(lambda p: 1000 * p.dialogue.brain.books.wasted_s, low, high)),
    (r"(total|endpoint|asr|llm|tts) (\d+)\.\.(\d+)", lambda part, *ends: _within(_latency(part), *ends)),
    (r"late (none|[a-z, ]+)", lambda text: _equal(lambda played: list(played.report().late), _names(text))),
    (r"met (target|ceiling|neither)", lambda met: _equal(lambda played: played.report().met, met)),
    (r"(not )?speculated", lambda no: _equal(lambda played: played.report().speculated, no is None)),
    (r"tells ([a-z, -]+)", _tells),
    (r"before ([a-z-]+) ([a-z, ]+)", _before),
    (
        r"replies to ([\d, ]+|none)",
        lambda text: _equal(lambda played: [str(one.turn) for one in played.all(AudioStarted)], _names(text)),
    ),
    (r"fails ([a-z_, ]+)", lambda text: _equal(lambda played: [one.code for one in played.all(Failed)], _names(text))),
    (r"state ([a-z]+)", lambda state: _equal(lambda played: played.state, state)),
    (r"(over|open)", lambda over: _equal(lambda played: played.over, over == "over")),
]


def _latency(part: str) -> Callable[[Played], float]:
    return lambda played: getattr(played.report().latency, f"{part}_ms")
