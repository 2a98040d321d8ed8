import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import pytest

from actors.engines.openai_chat import OpenAIChatThinker
from actors.llm import LLM
from pipeline.config import Config
from pipeline.errors import ProviderError
from pipeline.flow import load_flow
from pipeline.loading import load_config
from pipeline.ports import CallDelta, Finish, FlowStep, Message, Prompt, ReplyPart, TextDelta, Usage, Wish
from tests.fakes.fake_time import run_in_fake_time
from tests.fakes.openai_server import Call, Reply, Stall, fake_openai

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


class Engine:
    """Writes what it was told to; a number is a pause in seconds."""

    def __init__(self, *plan: ReplyPart | Exception | float) -> None:
        self._plan = plan
        self.asked = 0

    async def reply(self, prompt: Prompt) -> AsyncGenerator[ReplyPart, None]:
        self.asked += 1
        for step in self._plan:
            match step:
                case float():
                    await asyncio.sleep(step)
                case Exception():
                    raise step
                case _:
                    yield step


def with_engines(*engines: Engine) -> LLM:
    names = [f"e{number}" for number in range(len(engines))]
    made = llm(f"llm.providers={names}", *(f"llm.engines.{name}={{engine: sim_llm}}" for name in names))
    for provider, engine in zip(made._providers._all, engines, strict=True):
        provider.engine = engine
    return made


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
    made = with_engines(Engine(TextDelta("First things first. "), FlowStep({"asks": "slot"}), TextDelta("And then the rest.")))
    parts = [part for _, parts, _ in replies(made) for part in parts]
    assert parts == ["First things first.", "And then the rest.", FlowStep({"asks": "slot"})]


# Function calls, and replies that are only read

LOOK, BONN, WHEN = CallDelta("1", "weather", ""), CallDelta("1", "weather", '{"city":'), CallDelta("2", "time", "{}")
FINISH = Finish(Usage(12, 7), "max_output_tokens")
READ = replace(PROMPT, wish=Wish(spoken=False))


def test_words_before_a_call_are_passed_on_before_it() -> None:
    made = with_engines(Engine(TextDelta("Let me look"), 0.1, LOOK, 0.1, TextDelta("There it is, I think"), 0.1, FINISH))
    assert replies(made) == [
        (100, ["Let me look", LOOK], ()),
        (200, ["There it is,"], ()),
        (300, ["I think", FINISH], ()),
    ]


def test_what_comes_together_goes_together_and_pieces_of_one_call_are_one() -> None:
    more = CallDelta("1", "weather", ' "Bonn"}')
    made = with_engines(Engine(LOOK, 0.1, BONN, more, WHEN, CallDelta("2", "time", ""), 0.1, more, FlowStep({}), FINISH))
    assert replies(made) == [
        (0, [LOOK], ()),
        (100, [CallDelta("1", "weather", '{"city": "Bonn"}'), WHEN], ()),
        (200, [more], ()),
        (200, [FlowStep({}), FINISH], ()),
    ]


def test_a_call_needs_no_words() -> None:
    assert replies(with_engines(Engine(WHEN))) == [(0, [WHEN], ())]


def test_a_reply_that_is_only_read_keeps_its_marks_and_goes_on_as_it_comes() -> None:
    marked = Engine(
        TextDelta("# Ope"), TextDelta("ning\n\n"), 0.1, TextDelta("* **Mon"), 0.1, TextDelta("day**: 9. "), WHEN, FINISH
    )
    assert replies(with_engines(marked), READ) == [
        (0, ["# Opening\n\n"], ()),
        (100, ["* **Mon"], ()),
        (200, ["day**: 9. ", WHEN], ()),
        (200, [FINISH], ()),
    ]
    text = "".join(part for _, parts, _ in replies(with_engines(marked)) for part in parts if isinstance(part, str))
    assert "*" not in text


def test_a_reply_that_is_only_read_may_be_empty() -> None:
    assert replies(with_engines(Engine(TextDelta(""), FINISH)), READ) == [(0, [FINISH], ())]


def test_once_a_call_was_passed_on_no_other_is_asked() -> None:
    first, second = Engine(LOOK, 0.1, ProviderError("provider_cut", "it broke off")), Engine(WHEN)
    with pytest.raises(ProviderError, match="it broke off"):
        replies(with_engines(first, second))
    assert (first.asked, second.asked) == (1, 0)


def test_who_is_first_with_a_call_has_answered() -> None:
    slow, quick = Engine(1.0, TextDelta("Too late.")), Engine(0.1, LOOK, 2.0, BONN, FINISH)
    assert replies(with_engines(slow, quick)) == [
        (350, [LOOK], ("e0 was late: asked e1 too",)),
        (2350, [BONN], ()),
        (2350, [FINISH], ()),
    ]


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
    class Endless:
        closed = asyncio.Event()

        async def reply(self, prompt: Prompt) -> AsyncGenerator[TextDelta, None]:
            try:
                while True:
                    yield TextDelta("And so on and so forth, ")
            finally:
                self.closed.set()

    made = llm()
    made._providers._all[0].engine = Endless()

    async def job() -> None:
        stream = made.reply(PROMPT, PATIENCE_S)
        await anext(stream)
        await stream.aclose()
        async with asyncio.timeout(5):
            await Endless.closed.wait()

    run_in_fake_time(job)


@pytest.mark.parametrize("spoken", [True, False])
async def test_who_is_cancelled_closes_the_request_to_the_provider(spoken: bool) -> None:
    with fake_openai() as server:
        server.replies = [Reply(calls=(Call("1", "weather"),))]
        server.otherwise = Stall(after=2)
        at_server = ["llm.providers=[openai]", f"llm.engines.openai.base_url={server.url}"]
        made = LLM(load_config(None, at_server, {"OPENAI_API_KEY": "sk-test"}))
        began = asyncio.Event()

        async def listen() -> None:
            async for _ in made.reply(replace(PROMPT, wish=Wish(spoken=spoken)), patience_s=60):
                began.set()

        listener = asyncio.create_task(listen())
        async with asyncio.timeout(5):
            await began.wait()
        listener.cancel()
        assert await asyncio.to_thread(server.seen[0].ended.wait, 5)
        assert server.seen[0].client_left
        for engine in made._providers.engines():
            assert isinstance(engine, OpenAIChatThinker)
            await engine._client.close()
