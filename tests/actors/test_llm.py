from collections.abc import AsyncGenerator
from typing import Any

import pytest

from actors.llm import LLM
from pipeline.config import Config, load_config
from pipeline.errors import ProviderError
from pipeline.flow import load_flow
from pipeline.ports import FlowStep, Message, Prompt, TextDelta
from tests.fakes.fake_time import run_in_fake_time

PROMPT = Prompt((Message("user", "What are your opening hours on Saturday?"),), "en", "clinic")
PATIENCE_S = 0.25
TEXT = "On Saturday we are open from nine until one. On Sunday we are closed."


def llm(*overrides: str) -> LLM:
    return LLM(load_config(None, ["llm.providers=[sim]", f"llm.engines.sim.text={TEXT}", *overrides], {}))


def replies(made: LLM, prompt: Prompt = PROMPT) -> list[tuple[int, list[Any], tuple[str, ...]]]:
    """What comes, with the milliseconds that it took."""

    async def job() -> list[tuple[int, list[Any], tuple[str, ...]]]:
        return [(round(1000 * took_s), parts, did) async for took_s, parts, did in made.reply(prompt, PATIENCE_S)]

    return run_in_fake_time(job)


def test_a_reply_comes_in_phrases_with_the_time_that_each_took() -> None:
    made = llm("llm.engines.sim.delay_ms=100", "llm.engines.sim.token_gap_ms=10")
    # The first phrase is known to have ended with the first letter after it: the tenth word, after nine gaps.
    assert replies(made) == [
        (190, ["On Saturday we are open from nine until one."], ()),
        (230, ["On Sunday we are closed."], ()),
    ]


def test_what_is_short_is_one_message_with_where_the_flow_stands() -> None:
    answer = load_flow(Config().flows_dir, "clinic").step(PROMPT.messages[0].text, "en", {}, accept=0.5)
    assert replies(llm("llm.providers=[flow]")) == [(0, [answer.text, FlowStep(answer.state, ends_call=False)], ())]


def test_a_step_comes_last_whenever_the_engine_sent_it() -> None:
    class Engine:
        async def reply(self, prompt: Prompt) -> AsyncGenerator[Any, None]:
            yield TextDelta("First things first. ")
            yield FlowStep({"asks": "slot"})
            yield TextDelta("And then the rest.")

    made = llm()
    made._providers._all[0].engine = Engine()
    parts = [part for _, parts, _ in replies(made) for part in parts]
    assert parts == ["First things first.", "And then the rest.", FlowStep({"asks": "slot"})]


def test_nothing_to_say_is_nothing_at_all() -> None:
    assert replies(llm("llm.engines.sim.text=''")) == []


def test_phrases_are_cut_as_their_language_wants() -> None:
    made = llm("llm.engines.sim.text=Venga el lunes con la Sra. Gil por favor. ¿Le parece bien?")
    _, parts, _ = replies(made, Prompt(PROMPT.messages, "es", "clinic"))[0]
    assert parts[0] == "Venga el lunes con la Sra. Gil por favor."


def test_the_next_answers_when_one_cannot() -> None:
    broken = "llm.engines.broken={engine: sim_llm, error_rate: 1, delay_ms: 50}"
    made = llm(broken, "llm.providers=[broken, sim]", "llm.engines.sim.delay_ms=100", "llm.engines.sim.token_gap_ms=0")
    assert replies(made)[0] == (150, ["On Saturday we are open from nine until one."], ())
    assert [status["name"] for status in made.status()] == ["broken", "sim"]


SLOW = "llm.engines.slow={engine: sim_llm, delay_ms: 2000, token_gap_ms: 0, text: Late. Very late.}"


def test_one_that_is_late_is_hedged_and_that_is_told_once() -> None:
    made = llm(SLOW, "llm.providers=[slow, sim]", "llm.engines.sim.delay_ms=100", "llm.engines.sim.token_gap_ms=10")
    assert replies(made) == [
        (440, ["On Saturday we are open from nine until one."], ("slow was late: asked sim too",)),
        (480, ["On Sunday we are closed."], ()),
    ]


def test_the_flow_hedges_no_model() -> None:
    made = llm(SLOW, "llm.providers=[slow, flow]")
    assert replies(made) == [(2_000, ["Late. Very late."], ())]


def test_when_nobody_can_it_says_so() -> None:
    with pytest.raises(ProviderError, match="sim_error"):
        replies(llm("llm.engines.sim.error_rate=1"))


def test_who_leaves_early_closes_the_engine() -> None:
    closed: list[bool] = []

    class Engine:
        async def reply(self, prompt: Prompt) -> AsyncGenerator[TextDelta, None]:
            try:
                while True:
                    yield TextDelta("And so on and so forth, ")
            finally:
                closed.append(True)

    made = llm()
    made._providers._all[0].engine = Engine()

    async def job() -> None:
        stream = made.reply(PROMPT, PATIENCE_S)
        await anext(stream)
        await stream.aclose()

    run_in_fake_time(job)
    assert closed == [True]
