from collections.abc import AsyncIterator
from typing import Any

import pytest

from actors.llm import LLM
from pipeline.config import Config, load_config
from pipeline.errors import ProviderError
from pipeline.flow import load_flow
from pipeline.ports import FlowStep, Message, Prompt, TextDelta
from tests.fakes.fake_time import run_in_fake_time

PROMPT = Prompt((Message("user", "What are your opening hours on Saturday?"),), "en", "clinic")
TEXT = "On Saturday we are open from nine until one. On Sunday we are closed."


def llm(*overrides: str) -> LLM:
    return LLM(load_config(None, ["llm.providers=[sim]", f"llm.engines.sim.text={TEXT}", *overrides], {}))


def replies(made: LLM, prompt: Prompt = PROMPT) -> list[list[Any]]:
    async def job() -> list[list[Any]]:
        return [parts async for parts in made.reply(prompt)]

    return run_in_fake_time(job)


def in_ms(parts: list[Any]) -> list[tuple[int, Any]]:
    return [(round(1000 * took_s), part) for took_s, part in parts]


def test_a_reply_comes_in_phrases_with_the_time_that_each_took() -> None:
    made = llm("llm.engines.sim.delay_ms=100", "llm.engines.sim.token_gap_ms=10")
    # The first phrase is known to have ended with the first letter after it: the tenth word, after nine gaps.
    assert [in_ms(parts) for parts in replies(made)] == [
        [(190, "On Saturday we are open from nine until one.")],
        [(230, "On Sunday we are closed.")],
    ]


def test_what_is_short_is_one_message_with_where_the_flow_stands() -> None:
    answer = load_flow(Config().flows_dir, "clinic").step(PROMPT.messages[0].text, "en", {}, accept=0.5)
    assert replies(llm("llm.providers=[flow]")) == [[(0, answer.text), (0, FlowStep(answer.state, ends_call=False))]]


def test_a_step_comes_last_whenever_the_engine_sent_it() -> None:
    class Engine:
        async def reply(self, prompt: Prompt) -> AsyncIterator[Any]:
            yield TextDelta("First things first. ")
            yield FlowStep({"asks": "slot"})
            yield TextDelta("And then the rest.")

    made = llm()
    made._providers._all[0].engine = Engine()
    parts = [part for parts in replies(made) for _, part in parts]
    assert parts == ["First things first.", "And then the rest.", FlowStep({"asks": "slot"})]


def test_nothing_to_say_is_nothing_at_all() -> None:
    assert replies(llm("llm.engines.sim.text=''")) == []


def test_phrases_are_cut_as_their_language_wants() -> None:
    made = llm("llm.engines.sim.text=Venga el lunes con la Sra. Gil por favor. ¿Le parece bien?")
    (parts,) = replies(made, Prompt(PROMPT.messages, "es", "clinic"))[:1]
    assert in_ms(parts)[0][1] == "Venga el lunes con la Sra. Gil por favor."


def test_the_next_answers_when_one_cannot() -> None:
    broken = "llm.engines.broken={engine: sim_llm, error_rate: 1, delay_ms: 50}"
    made = llm(broken, "llm.providers=[broken, sim]", "llm.engines.sim.delay_ms=100", "llm.engines.sim.token_gap_ms=0")
    assert in_ms(replies(made)[0]) == [(150, "On Saturday we are open from nine until one.")]
    assert [status["name"] for status in made.status()] == ["broken", "sim"]


def test_when_nobody_can_it_says_so() -> None:
    with pytest.raises(ProviderError, match="sim_error"):
        replies(llm("llm.engines.sim.error_rate=1"))


def test_who_leaves_early_closes_the_engine() -> None:
    closed: list[bool] = []

    class Engine:
        async def reply(self, prompt: Prompt) -> AsyncIterator[TextDelta]:
            try:
                while True:
                    yield TextDelta("And so on and so forth, ")
            finally:
                closed.append(True)

    made = llm()
    made._providers._all[0].engine = Engine()

    async def job() -> None:
        stream = made.reply(PROMPT)
        await anext(stream)
        await stream.aclose()

    run_in_fake_time(job)
    assert closed == [True]
