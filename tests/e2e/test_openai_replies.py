"""Replies of a language model over OpenAI's SDK: ended, cut, called for, limited; and what the model is told of them."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from bench.server import Running, serving
from pipeline.history import CUT
from tests.e2e.conftest import Spoken
from tests.e2e.openai_talk import RATE, OpenAITalk, said, talking
from tests.fakes.openai_server import Answer, Call, FakeOpenAI, Refuse, Reply, fake_openai

LONG = (
    "Certainly. The clinic opens at nine on Monday, and on Tuesday it opens at ten, because the doctor visits the hospital. "
    "On Wednesday it opens at eight, and on Thursday and Friday it opens at nine again."
)
DETECTED = {"audio": {"input": {"turn_detection": {"type": "server_vad"}}}}
TOOL = {
    "type": "function",
    "name": "opening_hours",
    "description": "Hours of a day.",
    "parameters": {"type": "object", "properties": {"day": {"type": "string"}}, "required": ["day"]},
}


@pytest.fixture(scope="module")
def chat() -> Iterator[FakeOpenAI]:
    with fake_openai() as server:
        yield server


@pytest.fixture(scope="module")
def running(chat: FakeOpenAI) -> Iterator[Running]:
    providers = ("asr.providers=[sphinx]", "llm.providers=[openai]", "tts.providers=[espeak]", "llm.break_after=1000")
    address = f"llm.engines.openai.base_url={chat.url}"
    with serving("default.yaml", *providers, address, keys={"OPENAI_API_KEY": "sk-test"}) as server:
        yield server


@pytest.fixture
def model(chat: FakeOpenAI) -> FakeOpenAI:
    """The model, which has forgotten the test before."""
    chat.seen.clear()
    chat.replies.clear()
    chat.otherwise = Answer()
    chat.reply = LONG
    return chat


def prompt(model: FakeOpenAI) -> list[dict[str, Any]]:
    """What the model was told last, without its instructions."""
    return [message for message in model.seen[-1].fields["messages"] if message["role"] != "system"]


def instructions(model: FakeOpenAI) -> str:
    [system] = [message["content"] for message in model.seen[-1].fields["messages"] if message["role"] == "system"]
    return system


async def shown(talk: OpenAITalk, id: str) -> Any:
    since = await talk.send("conversation.item.retrieve", item_id=id)
    return (await talk.until("conversation.item.retrieved", since)).item


async def begin(talk: OpenAITalk, model: FakeOpenAI) -> str:
    """Asks for a reply that takes its time, and gives its id once it is heard."""
    model.otherwise = Answer(gap_s=0.2)
    await talk.write("When do you open?")
    since = await talk.send("response.create")
    heard = await talk.until("response.output_audio.delta", since)
    model.otherwise = Answer()
    return heard.response_id


async def test_speech_over_a_reply_ends_it_and_only_what_was_heard_is_remembered(
    running: Running, model: FakeOpenAI, spoken: Spoken
) -> None:
    other = await asyncio.to_thread(spoken, "How much does a visit cost?", "en", RATE)
    async with talking(running, DETECTED) as talk:
        first = await begin(talk, model)
        await talk.say(np.zeros(2 * RATE, np.int16))
        since = len(talk.events)
        speaking = asyncio.create_task(talk.say(other))
        began = await talk.until("input_audio_buffer.speech_started", since)
        ended = (await talk.until("response.done", since)).response
        [item] = ended.output
        late = talk.of("response.output_audio.delta", talk.events.index(began))
        since = await talk.send("conversation.item.truncate", item_id=item.id, content_index=0, audio_end_ms=2_000)
        truncated = await talk.until("conversation.item.truncated", since)
        heard = (await shown(talk, item.id)).content[0].transcript
        await speaking
        second = (await talk.until("response.created", since)).response
        await talk.until("response.output_audio.delta", since, response_id=second.id)
    assert (ended.id, ended.status, item.status) == (first, "cancelled", "incomplete")
    assert (ended.status_details.type, ended.status_details.reason) == ("cancelled", "turn_detected")
    assert late == []
    assert (truncated.item_id, truncated.content_index, truncated.audio_end_ms) == (item.id, 0, 2_000)
    assert LONG.startswith(heard)
    assert 10 < len(heard) < 60
    assert second.id != first
    assert [(message["role"], message["content"]) for message in prompt(model)] == [
        ("user", "When do you open?"),
        ("assistant", heard + CUT),
        ("user", "how much does a visit cost"),
    ]


async def test_speech_does_not_end_a_reply_that_may_not_be_interrupted(
    running: Running, model: FakeOpenAI, spoken: Spoken
) -> None:
    model.reply = "We open at nine on Monday, and at ten on Tuesday."
    other = await asyncio.to_thread(spoken, "How much does a visit cost?", "en", RATE)
    detection = {"type": "server_vad", "interrupt_response": False, "create_response": False}
    async with talking(running, {"audio": {"input": {"turn_detection": detection}}}) as talk:
        await begin(talk, model)
        await talk.say(other)
        await talk.until("input_audio_buffer.committed")
        done = await talk.until("response.done")
    assert (done.response.status, said(done.response)) == ("completed", model.reply)


async def test_a_reply_that_was_sent_whole_can_still_be_cut(running: Running, model: FakeOpenAI) -> None:
    model.reply = "We open at nine on Monday, and at ten on Tuesday."
    async with talking(running) as talk:
        await talk.write("When do you open?")
        [item] = (await talk.ask()).output
        await talk.send("conversation.item.truncate", item_id=item.id, content_index=0, audio_end_ms=60_000, event_id="far")
        refused = await talk.until("error")
        since = await talk.send("conversation.item.truncate", item_id=item.id, content_index=0, audio_end_ms=900)
        await talk.until("conversation.item.truncated", since)
        heard = (await shown(talk, item.id)).content[0].transcript
        await talk.write("Pardon?")
        await talk.ask()
    assert (refused.error.code, refused.error.param, refused.error.event_id) == ("invalid_value", "audio_end_ms", "far")
    assert model.reply.startswith(heard)
    assert 5 < len(heard) < 30
    assert [message["content"] for message in prompt(model)] == ["When do you open?", heard + CUT, "Pardon?"]


async def test_a_reply_is_cancelled_once(running: Running, model: FakeOpenAI) -> None:
    async with talking(running) as talk:
        first = await begin(talk, model)
        await talk.connection.response.cancel()
        done = (await talk.until("response.done")).response
        await talk.connection.response.cancel(event_id="again", response_id=first)
        refused = await talk.until("error")
        # Nothing hinders the next one.
        model.reply = "Yes."
        await talk.write("Are you there?")
        after = await talk.ask()
    assert (done.id, done.status) == (first, "cancelled")
    assert (done.status_details.type, done.status_details.reason) == ("cancelled", "client_cancelled")
    assert (refused.error.code, refused.error.event_id) == ("response_cancel_not_active", "again")
    assert said(after) == "Yes."


async def test_there_is_one_response_at_a_time(running: Running, model: FakeOpenAI) -> None:
    async with talking(running) as talk:
        first = await begin(talk, model)
        await talk.send("response.create", event_id="second")
        refused = await talk.until("error")
        assert talk.of("response.done") == []
        await talk.connection.response.cancel(response_id=first)
        await talk.until("response.done")
    assert (refused.error.code, refused.error.event_id) == ("conversation_already_has_active_response", "second")
    assert len(talk.of("response.created")) == 1


async def test_a_response_beside_the_conversation_does_not_disturb_the_reply(running: Running, model: FakeOpenAI) -> None:
    async with talking(running) as talk:
        first = await begin(talk, model)
        model.reply = "Opening hours."
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Name the topic."}]}
        await talk.send(
            "response.create",
            response={"conversation": "none", "metadata": {"for": "log"}, "output_modalities": ["text"], "input": [item]},
        )
        done = await talk.until("response.done")
        await talk.connection.response.cancel(response_id=first)
        cancelled = (await talk.until("response.done", talk.events.index(done) + 1)).response
    beside = done.response
    assert (cancelled.id, cancelled.status) == (first, "cancelled")
    assert (beside.status, beside.metadata, said(beside)) == ("completed", {"for": "log"}, "Opening hours.")


async def test_a_function_is_called_and_the_model_learns_the_result(running: Running, model: FakeOpenAI) -> None:
    call = Call("call_1", "opening_hours", ('{"day":', ' "saturday"}'))
    model.replies = [Reply("One moment.", (call,)), Reply("On Saturday from half past nine.")]
    async with talking(running, {"tools": [TOOL]}) as talk:
        await talk.write("When do you open on Saturday?")
        asked = await talk.ask()
        deltas = talk.of("response.function_call_arguments.delta")
        offered = model.seen[-1].fields["tools"]
        result = {"type": "function_call_output", "call_id": "call_1", "output": '{"hours": "9:30-14"}'}
        await talk.send("conversation.item.create", item=result)
        done = await talk.ask()
    message, called = asked.output
    assert (message.type, message.content[0].transcript) == ("message", "One moment.")
    assert (called.type, called.name, json.loads(called.arguments)) == ("function_call", "opening_hours", {"day": "saturday"})
    assert "".join(event.delta for event in deltas) == called.arguments
    assert [tool["function"]["name"] for tool in offered] == ["opening_hours"]
    assert said(done) == "On Saturday from half past nine."
    told = prompt(model)
    assert [call["id"] for message in told for call in message.get("tool_calls", ())] == [called.call_id]
    assert [message["content"] for message in told if message["role"] == "tool"] == ['{"hours": "9:30-14"}']


async def test_a_response_may_have_words_of_its_own(running: Running, model: FakeOpenAI) -> None:
    model.reply = "Aye."
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Are you open?"}]}
    async with talking(running, {"instructions": "Answer as a librarian."}) as talk:
        await talk.write("This is not asked.")
        await talk.ask(output_modalities=["text"])
        as_librarian = instructions(model)
        done = await talk.ask(
            instructions="Answer as a pirate.", input=[item], max_output_tokens=50, output_modalities=["text"]
        )
    assert "Answer as a librarian." in as_librarian
    assert "Answer as a pirate." in instructions(model)
    assert [message["content"] for message in prompt(model)] == ["Are you open?"]
    assert 50 in (model.seen[-1].fields.get("max_tokens"), model.seen[-1].fields.get("max_completion_tokens"))
    assert (said(done), done.max_output_tokens) == ("Aye.", 50)


async def test_the_model_says_what_it_took_and_when_it_had_to_stop(running: Running, model: FakeOpenAI) -> None:
    model.replies = [Reply("We are", end="length")]
    async with talking(running, {"output_modalities": ["text"]}) as talk:
        await talk.write("When do you open?")
        done = await talk.ask()
    assert (done.status, done.status_details.reason) == ("incomplete", "max_output_tokens")
    assert (done.usage.input_tokens, done.usage.output_tokens, done.usage.total_tokens) == (12, 7, 19)
    assert done.usage.input_token_details.cached_tokens == 4


async def test_a_model_that_fails_ends_the_response_and_not_the_conversation(running: Running, model: FakeOpenAI) -> None:
    async with talking(running) as talk:
        await talk.write("When do you open?")
        model.otherwise = Refuse(400)
        failed = await talk.ask()
        model.otherwise = Answer()
        model.reply = "At nine."
        done = await talk.ask()
    assert (failed.status, failed.status_details.type) == ("failed", "failed")
    assert talk.of("error") == []
    assert said(done) == "At nine."
