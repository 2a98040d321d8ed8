"""The chat engine against a local server that speaks OpenAI's protocol, through the official client."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI
from pydantic import SecretStr

from actors.engines import openai_chat
from actors.engines.openai_chat import OpenAIChatThinker
from pipeline.engine_settings import OpenAIChat
from pipeline.errors import ProviderError, ProviderUnavailable
from pipeline.flow import load_flow
from pipeline.ports import (
    CallDelta,
    Entry,
    Finish,
    Message,
    Prompt,
    ReplyPart,
    TextDelta,
    Tool,
    ToolCall,
    ToolResult,
    Usage,
    Wish,
)
from tests.fakes.openai_server import Answer, Call, Cut, FakeOpenAI, Refuse, Reply, Stall, fake_openai

KEY = "sk-very-secret"
NOWHERE = Path("no-flows")
PROMPT = Prompt(
    messages=(Message("user", "hello"), Message("assistant", "good morning"), Message("user", "when do you open?")),
    language="de",
    flow="clinic",
)


OPEN: list[AsyncOpenAI] = []


@pytest.fixture(autouse=True)
async def no_client_stays_open() -> AsyncIterator[None]:
    yield
    while OPEN:
        await OPEN.pop().close()


@pytest.fixture
def openai_server() -> Iterator[FakeOpenAI]:
    with fake_openai() as server:
        yield server


def thinker(server: FakeOpenAI, **changes: Any) -> OpenAIChatThinker:
    quick = {"base_url": server.url, "api_key": SecretStr(KEY), "backoff_s": 0.001, **changes}
    settings = OpenAIChat(**quick)
    OPEN.append(openai_chat._client(settings))
    return OpenAIChatThinker(settings, OPEN[-1], lambda flow, language: f"Answer for {flow} in {language}.")


async def written(engine: OpenAIChatThinker, prompt: Prompt = PROMPT) -> list[ReplyPart]:
    return [part async for part in engine.reply(prompt)]


async def said(engine: OpenAIChatThinker) -> list[str]:
    return [part.text for part in await written(engine) if isinstance(part, TextDelta)]


async def failure(engine: OpenAIChatThinker) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await said(engine)
    assert KEY not in str(caught.value)
    assert caught.value.__cause__ is None
    return caught.value


async def test_a_reply_comes_in_pieces_and_the_request_holds_the_conversation(openai_server: FakeOpenAI) -> None:
    assert await said(thinker(openai_server)) == ["We", " are", " open", " from", " nine", " to", " five."]
    [seen] = openai_server.seen
    assert (seen.path, seen.headers["authorization"]) == ("/v1/chat/completions", f"Bearer {KEY}")
    assert seen.fields == {
        "model": "gpt-4o-mini",
        "temperature": 0.6,
        "max_tokens": 300,
        "stream": True,
        "stream_options": {"include_usage": True},
        "messages": [
            {"role": "system", "content": "Answer for clinic in de."},
            {"role": "user", "content": "hello"},
            {"role": "assistant", "content": "good morning"},
            {"role": "user", "content": "when do you open?"},
        ],
    }


async def test_azure_is_asked_at_its_deployment(openai_server: FakeOpenAI) -> None:
    address = openai_server.url.removesuffix("/v1")
    await said(thinker(openai_server, base_url=address, azure_deployment="our-gpt", api_version="2024-10-21"))
    [seen] = openai_server.seen
    assert seen.path == "/openai/deployments/our-gpt/chat/completions?api-version=2024-10-21"
    assert seen.headers["api-key"] == KEY


async def test_a_server_without_keys_needs_none(openai_server: FakeOpenAI) -> None:
    engine = thinker(openai_server, api_key_env="", api_key=None)
    assert "".join(await said(engine)) == openai_server.reply


async def test_closing_a_reply_closes_its_stream(openai_server: FakeOpenAI) -> None:
    openai_server.otherwise = Stall(after=2)
    async with aclosing(thinker(openai_server).reply(PROMPT)) as deltas:
        assert [await anext(deltas), await anext(deltas)] == [TextDelta("We"), TextDelta(" are")]
    [seen] = openai_server.seen
    assert await asyncio.to_thread(seen.ended.wait, 5)
    assert seen.client_left


async def test_cancelling_who_listens_closes_the_stream(openai_server: FakeOpenAI) -> None:
    openai_server.otherwise = Stall(after=1)
    began = asyncio.Event()

    async def listen() -> None:
        async for _ in thinker(openai_server).reply(PROMPT):
            began.set()

    listener = asyncio.create_task(listen())
    await began.wait()
    listener.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listener
    assert await asyncio.to_thread(openai_server.seen[0].ended.wait, 5)
    assert openai_server.seen[0].client_left


@pytest.mark.parametrize("words", range(1, 8))
async def test_cancelling_after_any_word_loses_no_connection(openai_server: FakeOpenAI, words: int) -> None:
    engine = thinker(openai_server, pool=1, timeout_s=2)

    async def listen() -> None:
        count = 0
        async for _ in engine.reply(PROMPT):
            count += 1
            if count == words:
                asyncio.get_running_loop().call_soon(listener.cancel)

    for _ in range(10):
        listener = asyncio.create_task(listen())
        await asyncio.wait({listener})
    assert "".join(await said(engine)) == openai_server.reply


async def test_one_connection_serves_replies_in_turn(openai_server: FakeOpenAI) -> None:
    engine = thinker(openai_server)
    for _ in range(3):
        await said(engine)
    assert [seen.connection for seen in openai_server.seen] == [0, 0, 0]


async def test_no_more_requests_than_the_pool_are_under_way(openai_server: FakeOpenAI) -> None:
    openai_server.otherwise = Answer(delay_s=0.02)
    engine = thinker(openai_server, pool=2)
    replies = await asyncio.gather(*(said(engine) for _ in range(6)))
    assert {"".join(reply) for reply in replies} == {openai_server.reply}
    assert openai_server.most_at_once == 2


async def test_a_free_connection_that_does_not_come_is_a_time_out(openai_server: FakeOpenAI) -> None:
    openai_server.otherwise = Stall(after=1)
    engine = thinker(openai_server, pool=1, timeout_s=0.1)
    async with aclosing(engine.reply(PROMPT)) as deltas:
        await anext(deltas)
        error = await failure(engine)
    assert (error.code, error.message) == ("provider_timeout", "All 1 connections to 127.0.0.1 were busy for 0.1 s.")


@pytest.mark.parametrize(
    "passing", [Refuse(429), Refuse(429, retry_after="0.01"), Refuse(500), Refuse(503), Cut(), Cut(after=0)]
)
async def test_a_failure_that_passes_is_tried_again(openai_server: FakeOpenAI, passing: Refuse | Cut) -> None:
    openai_server.plans = [passing, passing]
    assert "".join(await said(thinker(openai_server))) == openai_server.reply
    assert len(openai_server.seen) == 3


@pytest.mark.parametrize(
    ("plan", "tries", "code", "retryable"),
    [
        (Refuse(500), 3, "provider_failed", True),
        (Refuse(429), 3, "provider_rate_limited", True),
        (Refuse(429, retry_after="60"), 1, "provider_rate_limited", True),
        (Refuse(429, code="insufficient_quota"), 1, "provider_rate_limited", False),
        (Refuse(401, message=f"Incorrect API key provided: {KEY}"), 1, "provider_auth", False),
        (Refuse(403), 1, "provider_auth", False),
        (Refuse(400, message=f"no such model, {KEY}"), 1, "provider_failed", False),
        (Stall(), 1, "provider_timeout", True),
        (Cut(), 3, "provider_unreachable", True),
        (Cut(after=3), 1, "provider_cut", True),
        (Stall(after=3), 1, "provider_timeout", True),
    ],
    ids=str,
)
async def test_each_failure_has_its_code(openai_server: FakeOpenAI, plan: Any, tries: int, code: str, retryable: bool) -> None:
    openai_server.otherwise = plan
    slow = isinstance(plan, Stall)
    error = await failure(thinker(openai_server, retries=2, timeout_s=0.2 if slow else 15))
    assert (error.code, error.retryable, len(openai_server.seen)) == (code, retryable, tries)


async def test_a_reply_that_is_cut_keeps_what_was_said(openai_server: FakeOpenAI) -> None:
    openai_server.otherwise = Cut(after=3)
    deltas = thinker(openai_server).reply(PROMPT)
    assert [await anext(deltas) for _ in range(3)] == [TextDelta("We"), TextDelta(" are"), TextDelta(" open")]
    with pytest.raises(ProviderError, match="provider_cut"):
        await anext(deltas)


async def test_a_server_that_is_not_there_is_unreachable(openai_server: FakeOpenAI) -> None:
    error = await failure(thinker(openai_server, base_url="http://127.0.0.1:9/v1", retries=1))
    assert (error.code, error.message) == ("provider_unreachable", "127.0.0.1 cannot be reached, or hung up before an answer.")


WEATHER = Tool("weather", "Tells the weather.", {"type": "object", "properties": {"city": {"type": "string"}}})
WISH = Wish(instructions="Be brief.", tools=(WEATHER,), tool_choice="name:weather", max_tokens=50)
USAGE = Usage(input_tokens=12, output_tokens=7, cached_tokens=4)


def wishing(*entries: Entry, wish: Wish = WISH) -> Prompt:
    return Prompt(entries or PROMPT.messages, "de", "clinic", wish=wish)


async def test_what_the_client_wishes_is_asked_of_the_model(openai_server: FakeOpenAI) -> None:
    call, result = ToolCall("call_1", "weather", '{"city": "Bonn"}'), ToolResult("call_1", "rain")
    await written(thinker(openai_server), wishing(Message("user", "in Bonn?"), call, result))
    [seen] = openai_server.seen
    function = {"name": "weather", "description": "Tells the weather.", "parameters": WEATHER.parameters}
    asked = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Bonn"}'}}
    assert seen.fields == {
        "model": "gpt-4o-mini",
        "temperature": 0.6,
        "max_tokens": 50,
        "stream": True,
        "stream_options": {"include_usage": True},
        "tools": [{"type": "function", "function": function}],
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "in Bonn?"},
            {"role": "assistant", "content": None, "tool_calls": [asked]},
            {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
        ],
    }


async def test_a_reply_ends_with_what_it_took(openai_server: FakeOpenAI) -> None:
    openai_server.replies = [Reply("Hello.")]
    assert await written(thinker(openai_server)) == [TextDelta("Hello."), Finish(USAGE)]


async def test_a_server_that_does_not_count_tokens_will_do(openai_server: FakeOpenAI) -> None:
    openai_server.usage = None
    assert (await written(thinker(openai_server)))[-1] == Finish(Usage())


async def test_tokens_may_be_counted_without_their_details(openai_server: FakeOpenAI) -> None:
    openai_server.usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    assert (await written(thinker(openai_server)))[-1] == Finish(Usage(3, 2))


@pytest.mark.parametrize(
    ("end", "cut_by"), [("stop", ""), ("length", "max_output_tokens"), ("content_filter", "content_filter"), ("other", "")]
)
async def test_it_tells_what_cut_a_reply(openai_server: FakeOpenAI, end: str, cut_by: str) -> None:
    openai_server.replies = [Reply("On Saturday", end=end)]
    last = (await written(thinker(openai_server)))[-1]
    assert isinstance(last, Finish)
    assert last.cut_by == cut_by


async def test_a_call_comes_after_the_words_before_it_and_in_pieces(openai_server: FakeOpenAI) -> None:
    openai_server.replies = [Reply("Let me look.", (Call("call_1", "weather", ('{"city":', ' "Bonn"}')),))]
    assert await written(thinker(openai_server), wishing()) == [
        TextDelta("Let"),
        TextDelta(" me"),
        TextDelta(" look."),
        CallDelta("call_1", "weather", ""),
        CallDelta("call_1", "weather", '{"city":'),
        CallDelta("call_1", "weather", ' "Bonn"}'),
        Finish(USAGE),
    ]


async def test_calls_need_no_words(openai_server: FakeOpenAI) -> None:
    openai_server.replies = [Reply(calls=(Call("call_1", "weather"), Call("call_2", "time", ())))]
    assert await written(thinker(openai_server), wishing()) == [
        CallDelta("call_1", "weather", ""),
        CallDelta("call_1", "weather", "{}"),
        CallDelta("call_2", "time", ""),
        Finish(USAGE),
    ]


def piece(index: int | None, **fields: Any) -> dict[str, Any]:
    """A delta with a piece of a call; `id` apart, its fields are the function's."""
    function = {key: value for key, value in fields.items() if key != "id"}
    given = {"index": index, "id": fields.get("id"), "function": function}
    return {"tool_calls": [{key: value for key, value in given.items() if value is not None}]}


@pytest.mark.parametrize(
    ("deltas", "calls"),
    [
        (
            [piece(0, id="a", name="x"), piece(1, id="b", name="y"), piece(0, arguments="1"), piece(1, arguments="2")],
            [("a", "x", ""), ("b", "y", ""), ("a", "x", "1"), ("b", "y", "2")],
        ),
        (
            [piece(0, id="a", name="x", arguments="1"), piece(0, id="b", name="y", arguments="2")],
            [("a", "x", "1"), ("b", "y", "2")],
        ),
        ([piece(None, id="a", name="x"), piece(None, arguments="1")], [("a", "x", ""), ("a", "x", "1")]),
        ([piece(0, id="a", arguments="1"), piece(0, name="x"), piece(0, arguments="")], [("a", "x", "1")]),
        (
            [piece(0, id="a", name="x", arguments="1"), piece(0, id="a", name="x", arguments="2")],
            [("a", "x", "1"), ("a", "x", "2")],
        ),
    ],
    ids=["in turns", "one index for all", "no index", "a late name", "named each time"],
)
async def test_servers_have_their_own_ways_to_stream_calls(
    openai_server: FakeOpenAI, deltas: list[dict[str, Any]], calls: list[tuple[str, str, str]]
) -> None:
    openai_server.replies = [Reply(deltas=tuple(deltas))]
    parts = await written(thinker(openai_server), wishing())
    assert parts == [*(CallDelta(*call) for call in calls), Finish(USAGE)]


async def test_a_call_without_a_name_of_its_own_gets_one(openai_server: FakeOpenAI) -> None:
    unnamed = (piece(0, name="x"), piece(0, arguments="{}"))
    openai_server.replies = [Reply(deltas=unnamed), Reply(deltas=unnamed)]
    engine = thinker(openai_server)
    replies = [await written(engine, wishing()) for _ in range(2)]
    ids = [{part.call_id for part in parts if isinstance(part, CallDelta)} for parts in replies]
    assert [len(own) for own in ids] == [1, 1]
    assert ids[0] != ids[1]
    assert all(name.startswith("call_") for own in ids for name in own)


async def test_a_reply_without_words_or_calls_is_a_failure(openai_server: FakeOpenAI) -> None:
    openai_server.replies = [Reply(end="content_filter")]
    error = await failure(thinker(openai_server))
    assert (error.code, error.retryable, len(openai_server.seen)) == ("provider_failed", False, 1)
    assert error.message == "A reply of 127.0.0.1 has no words; it ended with content_filter."


async def test_after_a_function_there_may_be_nothing_to_say(openai_server: FakeOpenAI) -> None:
    openai_server.replies = [Reply()]
    prompt = wishing(Message("user", "hum"), ToolCall("call_1", "music", "{}"), ToolResult("call_1", "playing"))
    assert await written(thinker(openai_server), prompt) == [Finish(USAGE)]


async def test_what_breaks_after_a_call_began_is_not_tried_again(openai_server: FakeOpenAI) -> None:
    openai_server.replies = [Reply(calls=(Call("call_1", "weather", ('{"city":', ' "Bonn"}')),))]
    openai_server.plans = [Cut(after=2)]
    parts = thinker(openai_server).reply(wishing())
    assert [(await anext(parts)) for _ in range(2)] == [
        CallDelta("call_1", "weather", ""),
        CallDelta("call_1", "weather", '{"city":'),
    ]
    with pytest.raises(ProviderError, match="provider_cut"):
        await anext(parts)
    assert len(openai_server.seen) == 1


async def test_closing_a_reply_within_a_call_closes_its_stream(openai_server: FakeOpenAI) -> None:
    openai_server.replies = [Reply(calls=(Call("call_1", "weather"),))]
    openai_server.otherwise = Stall(after=1)
    async with aclosing(thinker(openai_server).reply(wishing())) as parts:
        assert await anext(parts) == CallDelta("call_1", "weather", "")
    [seen] = openai_server.seen
    assert await asyncio.to_thread(seen.ended.wait, 5)
    assert seen.client_left


FLOW = """
name: the bakery
description: It sells bread.
languages: [en]
lines:
  en: {goodbye: "Bye.", reprompt: "Sorry?", fallback: "Sorry?", what_else: "What else?"}
intents:
  bread: {examples: {en: ["bread please"]}, answer: {en: "Here it is."}}
"""


async def test_the_instructions_are_the_flow_s(openai_server: FakeOpenAI, tmp_path: Path) -> None:
    (tmp_path / "bakery.yaml").write_text(FLOW)
    settings = OpenAIChat(base_url=openai_server.url, api_key=SecretStr(KEY))
    prompt = Prompt((Message("user", "bread please"),), language="en", flow="bakery")
    engine = openai_chat.make(settings, tmp_path)
    OPEN.append(engine._client)
    async for _ in engine.reply(prompt):
        pass
    system, user = openai_server.seen[0].fields["messages"]
    assert (system["role"], system["content"]) == ("system", load_flow(tmp_path, "bakery").system_prompt("en"))
    assert user == {"role": "user", "content": "bread please"}


async def test_the_client_s_instructions_need_no_flow(openai_server: FakeOpenAI) -> None:
    engine = openai_chat.make(OpenAIChat(base_url=openai_server.url, api_key=SecretStr(KEY)), NOWHERE)
    OPEN.append(engine._client)
    for instructions in ("Sell bread.", ""):
        await written(engine, wishing(Message("user", "hello"), wish=Wish(instructions)))
    said = [[message["content"] for message in seen.fields["messages"]] for seen in openai_server.seen]
    assert said == [["Sell bread.", "hello"], ["hello"]]


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (OpenAIChat(), "set OPENAI_API_KEY"),
        (OpenAIChat(api_key_env="ANTHROPIC_API_KEY"), "set ANTHROPIC_API_KEY"),
        (OpenAIChat(base_url=""), "set base_url to where the provider's API lives"),
        (OpenAIChat(api_key=SecretStr(KEY)), None),
        (OpenAIChat(api_key_env="", base_url="http://127.0.0.1:11434/v1"), None),
    ],
)
def test_it_says_what_is_missing(settings: OpenAIChat, reason: str | None) -> None:
    assert openai_chat.why_unavailable(settings) == reason
    if reason:
        with pytest.raises(ProviderUnavailable, match=reason):
            openai_chat.make(settings, NOWHERE)
