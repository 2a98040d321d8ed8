"""Spoken and written conversations through OpenAI's SDK, against a server with no key and no model hub."""

import asyncio
import base64
import json
from typing import Any

import numpy as np
import pytest

from bench.server import Running
from pipeline import g711
from tests.e2e.conftest import Spoken
from tests.e2e.openai_talk import RATE, OpenAITalk, said, talking

QUESTION = "What are your opening hours on Saturday?"
WORDS = "what are your opening hours on saturday"
ANSWER = "On Saturday we are open from nine until one."
TRANSCRIBED = {"transcription": {"model": "whisper-1"}}
TURN = [
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
]
REPLY = [
    "response.created",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
]


def hearing(**detection: Any) -> dict[str, Any]:
    """A session that hears turns of its own accord and tells what was said."""
    return {"audio": {"input": {**TRANSCRIBED, "turn_detection": detection or None}}}


def outline(talk: OpenAITalk, since: int) -> list[str]:
    """What came, without what comes in any number or at any time."""
    return [kind for kind in talk.kinds(since) if not kind.endswith(".delta") and "transcription" not in kind]


@pytest.mark.parametrize(
    "detection",
    [
        {"type": "server_vad", "silence_duration_ms": 500, "threshold": 0.5, "prefix_padding_ms": 300},
        {"type": "semantic_vad", "eagerness": "high"},
    ],
    ids=lambda detection: detection["type"],
)
async def test_a_spoken_question_is_answered_aloud(offline: Running, spoken: Spoken, detection: dict[str, Any]) -> None:
    speech = await asyncio.to_thread(spoken, QUESTION, "en", RATE)
    async with talking(offline, hearing(**detection)) as talk:
        since = len(talk.events)
        await talk.say(speech)
        done = (await talk.until("response.done")).response
        transcribed = await talk.until("conversation.item.input_audio_transcription.completed")
    assert outline(talk, since) == TURN + REPLY
    [began] = talk.of("input_audio_buffer.speech_started")
    [stopped] = talk.of("input_audio_buffer.speech_stopped")
    [committed] = talk.of("input_audio_buffer.committed")
    assert {began.item_id, stopped.item_id, committed.item_id} == {transcribed.item_id}
    assert 0 <= began.audio_start_ms < stopped.audio_end_ms <= len(speech) * 1000 // RATE + 2_000
    assert transcribed.transcript == WORDS
    assert (transcribed.usage.type, 1 < transcribed.usage.seconds < 5) == ("duration", True)
    deltas = talk.of("conversation.item.input_audio_transcription.delta")
    assert "".join(event.delta for event in deltas) == WORDS
    assert (done.status, said(done)) == ("completed", ANSWER)
    deltas = talk.of("response.output_audio_transcript.delta")
    assert "".join(event.delta for event in deltas) == ANSWER
    audio = np.frombuffer(talk.audio(done.id), np.int16)
    assert 1.5 < len(audio) / RATE < 5
    assert np.abs(audio).max() > 3_000
    assert done.usage.total_tokens == done.usage.input_tokens + done.usage.output_tokens


async def test_audio_that_comes_in_one_piece_is_a_turn_like_any_other(offline: Running, spoken: Spoken) -> None:
    speech = await asyncio.to_thread(spoken, QUESTION, "en", RATE)
    async with talking(offline, hearing(type="server_vad")) as talk:
        await talk.append(np.concatenate((speech, np.zeros(RATE, np.int16))).tobytes())
        done = (await talk.until("response.done")).response
    assert said(done) == ANSWER


async def test_without_turn_detection_the_client_says_what_a_turn_is(offline: Running, spoken: Spoken) -> None:
    speech = await asyncio.to_thread(spoken, QUESTION, "en", RATE)
    async with talking(offline, hearing()) as talk:
        since = len(talk.events)
        await talk.append(speech.tobytes())
        await talk.connection.input_audio_buffer.commit()
        transcribed = await talk.until("conversation.item.input_audio_transcription.completed")
        assert outline(talk, since) == TURN[2:]
        done = await talk.ask()
    assert transcribed.transcript == WORDS
    assert said(done) == ANSWER


async def test_what_is_cleared_was_never_said(offline: Running, spoken: Spoken) -> None:
    other, speech = [await asyncio.to_thread(spoken, text, "en", RATE) for text in ("How much does a visit cost?", QUESTION)]
    async with talking(offline, hearing()) as talk:
        await talk.append(other.tobytes())
        await talk.connection.input_audio_buffer.clear()
        await talk.until("input_audio_buffer.cleared")
        await talk.append(speech.tobytes())
        await talk.connection.input_audio_buffer.commit()
        done = await talk.ask()
        transcribed = await talk.until("conversation.item.input_audio_transcription.completed")
    assert (transcribed.transcript, said(done)) == (WORDS, ANSWER)


async def test_a_turn_is_not_answered_when_the_client_wants_to_ask_for_it(offline: Running, spoken: Spoken) -> None:
    speech = await asyncio.to_thread(spoken, QUESTION, "en", RATE)
    async with talking(offline, hearing(type="server_vad", create_response=False)) as talk:
        since = len(talk.events)
        await talk.say(speech)
        await talk.until("conversation.item.input_audio_transcription.completed")
        assert outline(talk, since) == TURN
        done = await talk.ask()
    assert said(done) == ANSWER


async def test_a_written_question_is_answered_aloud(offline: Running) -> None:
    async with talking(offline) as talk:
        since = await talk.write(QUESTION)
        done = await talk.ask()
    assert outline(talk, since) == ["conversation.item.added", "conversation.item.done", *REPLY]
    assert said(done) == ANSWER
    assert 1.5 < len(talk.audio(done.id)) / 2 / RATE < 5


async def test_a_written_answer_has_no_sound(offline: Running) -> None:
    async with talking(offline, {"output_modalities": ["text"]}) as talk:
        await talk.write(QUESTION)
        done = await talk.ask()
        written = "".join(event.delta for event in talk.of("response.output_text.delta"))
    assert (done.output_modalities, said(done), written) == (["text"], ANSWER, ANSWER)
    assert [kind for kind in talk.kinds() if "audio" in kind] == []


async def test_a_response_beside_the_conversation_leaves_no_trace_in_it(offline: Running) -> None:
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": QUESTION}]}
    async with talking(offline) as talk:
        aside = await talk.ask(conversation="none", output_modalities=["text"], metadata={"topic": "hours"}, input=[item])
        await talk.send("conversation.item.retrieve", item_id=aside.output[0].id, event_id="look")
        refused = await talk.until("error")
    assert (aside.conversation_id, aside.metadata, said(aside)) == (None, {"topic": "hours"}, ANSWER)
    assert "conversation.item.added" not in talk.kinds()
    assert (refused.error.code, refused.error.event_id) == ("item_retrieve_invalid_item_id", "look")


async def test_items_are_put_in_order_looked_at_and_deleted(offline: Running) -> None:
    def message(id: str) -> dict[str, Any]:
        return {"id": id, "type": "message", "role": "user", "content": [{"type": "input_text", "text": id}]}

    async with talking(offline) as talk:
        await talk.send("conversation.item.create", item=message("second"))
        await talk.send("conversation.item.create", item=message("fourth"))
        await talk.send("conversation.item.create", item=message("third"), previous_item_id="second")
        await talk.send("conversation.item.create", item=message("first"), previous_item_id="root")
        await talk.send("conversation.item.retrieve", item_id="third")
        shown = await talk.until("conversation.item.retrieved")
        await talk.send("conversation.item.delete", item_id="third")
        gone = await talk.until("conversation.item.deleted")
        await talk.send("conversation.item.retrieve", item_id="third")
        refused = await talk.until("error")
    added = [(event.item.id, event.previous_item_id) for event in talk.of("conversation.item.added")]
    assert added == [("second", None), ("fourth", "second"), ("third", "second"), ("first", None)]
    assert (shown.item.id, shown.item.content[0].text, gone.item_id) == ("third", "third", "third")
    assert refused.error.code == "item_retrieve_invalid_item_id"


async def test_speech_may_be_given_as_an_item(offline: Running, spoken: Spoken) -> None:
    speech = await asyncio.to_thread(spoken, QUESTION, "en", RATE)
    content = [{"type": "input_audio", "audio": base64.b64encode(speech.tobytes()).decode()}]
    async with talking(offline) as talk:
        await talk.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
        done = await talk.ask()
    assert said(done) == ANSWER


async def test_a_transcription_session_writes_down_and_says_nothing(offline: Running, spoken: Spoken) -> None:
    speech = await asyncio.to_thread(spoken, QUESTION, "en", RATE)
    listening = {"type": "transcription", "audio": {"input": {"transcription": {"model": "whisper-1", "language": "en"}}}}
    async with talking(offline, listening, intent="transcription") as talk:
        [session] = [event.session for event in talk.of("session.updated")]
        await talk.say(speech)
        transcribed = await talk.until("conversation.item.input_audio_transcription.completed")
        deltas = talk.of("conversation.item.input_audio_transcription.delta", item_id=transcribed.item_id)
        await talk.send("response.create", event_id="speak")
        refused = await talk.until("error")
    assert session.type == "transcription"
    assert (transcribed.transcript, "".join(event.delta for event in deltas)) == (WORDS, WORDS)
    assert [kind for kind in talk.kinds() if kind.startswith("response")] == []
    assert refused.error.event_id == "speak"


async def test_a_long_silence_after_a_reply_is_answered(offline: Running, spoken: Spoken) -> None:
    detection = {"type": "server_vad", "idle_timeout_ms": 5_000}
    async with talking(offline, {"audio": {"input": {"turn_detection": detection}}}) as talk:
        await talk.say(np.zeros(RATE // 10, np.int16))
        await talk.write("What is your address?")
        first = await talk.ask()
        timeout = await talk.until("input_audio_buffer.timeout_triggered")
        second = await talk.until("response.done", talk.events.index(timeout))
    assert (first.status, second.response.status) == ("completed", "completed")
    assert timeout.audio_start_ms < timeout.audio_end_ms
    assert talk.of("input_audio_buffer.committed", item_id=timeout.item_id) != []


@pytest.mark.parametrize(
    ("form", "encode", "decode"),
    [
        ("audio/pcmu", g711.ulaw_encode, g711.ulaw_decode),
        ("audio/pcma", g711.alaw_encode, g711.alaw_decode),
    ],
)
async def test_telephones_speak_g711(offline: Running, spoken: Spoken, form: str, encode: Any, decode: Any) -> None:
    speech = await asyncio.to_thread(spoken, QUESTION, "en", 8_000)
    audio = {"input": {"format": {"type": form}, **TRANSCRIBED}, "output": {"format": {"type": form}}}
    async with talking(offline, {"audio": audio}) as talk:
        await talk.say(speech, 8_000, lambda samples: encode(samples.tobytes()))
        done = (await talk.until("response.done")).response
    heard = np.frombuffer(decode(talk.audio(done.id)), np.int16)
    assert said(done) == ANSWER
    assert 1.5 < len(heard) / 8_000 < 5
    assert np.abs(heard).max() > 3_000


async def test_a_function_is_called_and_its_result_is_spoken(offline: Running) -> None:
    parameters = {"type": "object", "properties": {"day": {"type": "string"}}, "required": ["day"]}
    tool = {"type": "function", "name": "opening_hours", "description": "Hours of a day.", "parameters": parameters}
    async with talking(offline, {"tools": [tool], "tool_choice": "auto"}) as talk:
        await talk.write(QUESTION)
        asked = await talk.ask()
        [call] = asked.output
        arguments = await talk.until("response.function_call_arguments.done")
        output = json.dumps({"hours": "half past nine to two"})
        await talk.send(
            "conversation.item.create", item={"type": "function_call_output", "call_id": call.call_id, "output": output}
        )
        done = await talk.ask()
    assert (call.type, call.name, json.loads(call.arguments)) == ("function_call", "opening_hours", {"day": "saturday"})
    assert (arguments.call_id, arguments.arguments) == (call.call_id, call.arguments)
    assert said(done) == "On Saturday our hours are: half past nine to two."
