"""Any timing of anything: callers do as they please in a world that answers fast, slowly, late or never.

What holds at each moment is checked by `Dialogue` itself; here it is checked that every conversation comes to rest, that
nothing is left of it when it has ended, and that nothing of a reply was lost or repeated on its way to the ear.
"""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline import events as on
from pipeline.commands import HangUp
from pipeline.notices import AudioStarted, CallerBegan, Failed, Interrupted, TurnReport
from tests.pipeline.dialogue import Dialogue, run_out
from tests.pipeline.dialogue_world import World, answers

WORDS = st.sampled_from(["yes", "mhm", "okay", "stop", "and", "um", "no i meant sunday", "what are your opening hours", "on"])
PAUSES = st.sampled_from([0.05, 0.12, 0.2, 0.3, 0.45, 0.7])
SPEECH = st.lists(st.tuples(PAUSES, WORDS), min_size=1, max_size=4).map(
    lambda pairs: [part for pair in pairs for part in pair][1:]
)
NOISE_MS = st.sampled_from([30, 90, 130, 200, 500, 1_500])
KEYS = st.sampled_from(["1", "7", "#", "12#"])
RARE = st.one_of(
    st.tuples(st.just("types"), st.sampled_from(["stop", "are you there?"])),
    st.tuples(st.just("presses"), KEYS),
    st.tuples(st.just("stops"), st.none()),
    st.tuples(st.just("load"), st.booleans()),
    st.tuples(st.just("drops"), st.none()),
)
SPEAKS, NOISE = st.tuples(st.just("says"), SPEECH), st.tuples(st.just("noise"), NOISE_MS)
ACTIONS = st.sampled_from([SPEAKS, SPEAKS, SPEAKS, NOISE, NOISE, RARE]).flatmap(lambda kind: kind)
GAPS = st.sampled_from([0.0, 0.05, 0.1, 0.25, 0.4, 0.6, 0.8, 1.0, 1.3, 1.6, 2.0, 2.5, 3.0, 5.0])
TIMELINES = st.lists(st.tuples(GAPS, ACTIONS), min_size=4, max_size=12)

FAST = ["0", "40", "80", "120+hedged"]
SLOW = ["400", "900", "2500+hedged", "never", "fail", "fail@700", "80/fail/80", "80/never/300", "700/80"]
STAGE = st.sampled_from([FAST, FAST, FAST, SLOW]).flatmap(st.sampled_from).map(answers)
REPLIES = [
    "On Saturday we are open from nine until one.",
    "Yes.",
    "",
    "We are open from eight until six. On Saturday it is from nine until one. On Sunday we are closed. Is there anything else?",
]
WORLDS = st.builds(
    World,
    asr=STAGE,
    llm=STAGE,
    tts=STAGE,
    words=st.booleans(),
    delay=st.sampled_from([0.0, 0.0, 60.0, 250.0]),
    reports=st.sampled_from([0.0, 100.0, 330.0]),
    lang=st.sampled_from(["en", "es", "fr", "de"]),
    word=st.sampled_from([180.0, 300.0]),
    stubborn=st.booleans(),
    replies=st.sampled_from(REPLIES).map(lambda text: {"": text}),
    ends=st.sampled_from([False, False, False, True]),
)
RULES = st.fixed_dictionaries(
    {},
    optional={
        "turn.detection": st.just("server_vad"),
        "turn.silence_ms": st.sampled_from(["200", "800"]),
        "turn.eagerness": st.sampled_from(["low", "high"]),
        "turn.partial_every_ms": st.sampled_from(["0", "300"]),
        "conversation.speculation": st.just("off"),
        "conversation.greeting": st.just("on"),
        "conversation.max_ahead_ms": st.just("600"),
        "interruption.hold": st.just("off"),
        "quiet.idle_ms": st.just("3000"),
        "server.longest_conversation_s": st.sampled_from(["5", "20"]),
        "playout.lead_ms": st.sampled_from(["300", "2000"]),
    },
)
PIECES = st.sampled_from(
    [{}, {}, {"flush_ms": "1500"}, {"flush_chunks": "50"}, {"flush_chunks": "50", "emergency_chunks": "100"}]
)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(WORLDS, RULES, PIECES, TIMELINES)
def test_any_conversation(
    world: World, rules: dict[str, str], pieces: dict[str, str], timeline: list[tuple[float, tuple[str, object]]]
) -> None:
    if pieces:
        rules = rules | {"buffering.min_ms": "500"} | {f"buffering.{key}": value for key, value in pieces.items()}
    dialogue = Dialogue(world, rules)
    end = 0.0
    for gap, action in timeline:
        end = act(dialogue, end + gap, *action)
    run_out(dialogue, end + 2.0, end + 200)
    assert dialogue.brain.over or not dialogue.busy, f"it does not come to rest: {dialogue.brain.state} {dialogue.under_way}"
    assert dialogue.most_held_ms <= 2 * 20 * dialogue.config.buffering.emergency_chunks + 40
    dialogue.hang_up()
    check_replies(dialogue)
    check_books(dialogue)


def act(dialogue: Dialogue, at: float, does: str, what: object) -> float:
    match does, what:
        case "says", list():
            return dialogue.caller.says(what, at)
        case "noise", int():
            return dialogue.caller.makes_noise(what / 1000, at)
        case "types", str():
            dialogue.at(at, lambda: dialogue.give(on.Typed(what)))
        case "presses", str():
            for key in what:
                dialogue.at(at, lambda key=key: dialogue.give(on.KeyPressed(key)))
        case "stops", _:
            dialogue.at(at, lambda: dialogue.give(on.StopAsked()))
        case "load", bool():
            dialogue.at(at, lambda: dialogue.brain.server_is_under_load(what))
        case "drops", _:
            dialogue.at(at, lambda: dialogue.give(on.AudioDropped(20)))
        case _:
            raise AssertionError(does)
    return at


def check_replies(dialogue: Dialogue) -> None:
    said = [logged.what for logged in dialogue.log]
    turns = [notice.turn for notice in said if isinstance(notice, AudioStarted)]
    spoiled = {notice.turn for notice in said if isinstance(notice, Interrupted)} | {0}
    assert len(dialogue.sounded) == len(turns)
    exact = not dialogue.world.delay or dialogue.world.reports
    broke = any(isinstance(notice, Failed) for notice in said) or any(isinstance(command, HangUp) for command in said)
    for turn, reply in zip(turns, dialogue.sounded, strict=True):
        if exact:
            assert reply.heard_in_order(), f"turn {turn}: {reply.heard}"
        if exact and turn not in spoiled and not broke:
            assert reply.heard_whole(), f"turn {turn}: {reply.heard} of {len(reply.made) // 2}"


def check_books(dialogue: Dialogue) -> None:
    books = dialogue.brain.books
    assert books.started == books.used + books.discarded
    assert books.used >= sum(logged.what.speculated for logged in dialogue.log if isinstance(logged.what, TurnReport))
    turns = {logged.what.turn for logged in dialogue.log if isinstance(logged.what, AudioStarted)}
    began = sum(isinstance(logged.what, CallerBegan) for logged in dialogue.log)
    typed = sum(isinstance(logged.what, on.Typed | on.KeyPressed) for logged in dialogue.log)
    assert len(turns - {0}) <= began + typed
