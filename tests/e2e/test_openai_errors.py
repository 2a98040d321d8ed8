"""What a client does wrong: each time an error that names it, on a socket that stays open."""

import asyncio
import json
from typing import Any

import openai
import pytest

from bench.server import Running
from tests.e2e.openai_talk import OpenAITalk, client_of, talking

TEXT = {"type": "input_text", "text": "Hello."}


def session(**fields: Any) -> dict[str, Any]:
    return {"type": "session.update", "session": {"type": "realtime", **fields}}


def item(**fields: Any) -> dict[str, Any]:
    return {"type": "conversation.item.create", "item": fields}


def detection(**fields: Any) -> dict[str, Any]:
    return session(audio={"input": {"turn_detection": fields}})


WRONG: list[tuple[dict[str, Any], str, str | None]] = [
    ({"type": "sing"}, "invalid_value", "type"),
    ({}, "missing_required_parameter", "type"),
    (session(voice="alloy"), "unknown_parameter", "session.voice"),
    (session(type="chat"), "invalid_value", "session.type"),
    ({"type": "session.update", "session": {}}, "missing_required_parameter", "session.type"),
    ({"type": "session.update"}, "missing_required_parameter", "session"),
    (session(output_modalities=["smell"]), "invalid_value", "session.output_modalities[0]"),
    (session(audio={"output": {"voice": "nobody"}}), "invalid_value", "session.audio.output.voice"),
    (session(audio={"output": {"speed": 9}}), "invalid_value", "session.audio.output.speed"),
    (session(audio={"input": {"format": {"type": "audio/midi"}}}), "invalid_value", "session.audio.input.format.type"),
    (session(tools=[{"type": "mcp", "server_label": "files"}]), "unsupported_mcp", "session.tools[0].type"),
    (detection(type="server_vad", threshold=7), "invalid_value", "session.audio.input.turn_detection.threshold"),
    (detection(type="server_vad", colour=1), "unknown_parameter", "session.audio.input.turn_detection.colour"),
    (detection(type="semantic_vad", eagerness="wild"), "invalid_value", "session.audio.input.turn_detection.eagerness"),
    ({"type": "input_audio_buffer.append"}, "missing_required_parameter", "audio"),
    ({"type": "input_audio_buffer.append", "audio": "not base64!"}, "invalid_value", "audio"),
    ({"type": "input_audio_buffer.append", "audio": "AAAA"}, "invalid_value", "audio"),
    ({"type": "input_audio_buffer.append", "audio": 7}, "invalid_type", "audio"),
    ({"type": "input_audio_buffer.commit"}, "input_audio_buffer_commit_empty", None),
    ({"type": "response.cancel"}, "response_cancel_not_active", None),
    ({"type": "response.cancel", "response_id": "resp_none"}, "response_cancel_not_active", "response_id"),
    ({"type": "response.create", "response": {"colour": "red"}}, "unknown_parameter", "response.colour"),
    ({"type": "response.create", "response": {"max_output_tokens": 0}}, "invalid_value", "response.max_output_tokens"),
    (item(type="message", role="user", content=[TEXT], id="twice"), "item_create_duplicate_item_id", "item.id"),
    (item(type="message", role="judge", content=[TEXT]), "invalid_value", "item.role"),
    (
        item(type="message", role="user", content=[{"type": "input_image", "image_url": "data:,"}]),
        "unsupported_content",
        "item.content[0].type",
    ),
    (
        {**item(type="message", role="user", content=[TEXT]), "previous_item_id": "none"},
        "item_create_invalid_item_id",
        "previous_item_id",
    ),
    ({"type": "conversation.item.retrieve", "item_id": "none"}, "item_retrieve_invalid_item_id", "item_id"),
    ({"type": "conversation.item.delete", "item_id": "none"}, "item_delete_invalid_item_id", "item_id"),
    (
        {"type": "conversation.item.truncate", "item_id": "none", "content_index": 0, "audio_end_ms": 1},
        "item_truncate_invalid_item_id",
        "item_id",
    ),
    ({"type": "output_audio_buffer.clear"}, "unsupported_event", "type"),
]


async def still_answers(talk: OpenAITalk) -> bool:
    await talk.write("What is your address?")
    return (await talk.ask(output_modalities=["text"])).status == "completed"


async def test_every_error_names_its_cause_and_the_event(offline: Running) -> None:
    async with talking(offline, {"audio": {"input": {"turn_detection": None}}}) as talk:
        await talk.send("conversation.item.create", item={"id": "twice", "type": "message", "role": "user", "content": [TEXT]})
        for number, (event, _, _) in enumerate(WRONG):
            await talk.connection.send_raw(json.dumps({**event, "event_id": f"wrong_{number}"}))
        assert await still_answers(talk)
        errors = {event.error.event_id: (event.error.code, event.error.param) for event in talk.of("error")}
    told = [(event, *errors.get(f"wrong_{number}", (None, None))) for number, (event, _, _) in enumerate(WRONG)]
    assert told == WRONG
    assert {event.error.type for event in talk.of("error")} == {"invalid_request_error"}


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("{", "invalid_json"),
        ("[]", "invalid_event"),
        ("", "invalid_json"),
        (b"\x00\x01", "invalid_event"),
        ('{"type": "response.create", "event_id": 7}', "invalid_type"),
    ],
)
async def test_a_message_that_is_no_event_is_answered(offline: Running, message: str | bytes, code: str) -> None:
    async with talking(offline) as talk:
        await talk.connection.send_raw(message)
        refused = await talk.until("error")
        assert await still_answers(talk)
    assert (refused.error.type, refused.error.code) == ("invalid_request_error", code)


async def test_an_update_with_one_mistake_changes_nothing(offline: Running) -> None:
    async with talking(offline, {"instructions": "Be brief."}) as talk:
        await talk.send("session.update", session={"type": "realtime", "instructions": "Be loud.", "voice": "alloy"})
        refused = await talk.until("error")
        kept = await talk.update({})
    assert refused.error.message == "Unknown parameter: 'session.voice'."
    assert kept.instructions == "Be brief."


async def test_a_voice_that_has_spoken_stays(offline: Running) -> None:
    async with talking(offline, {"audio": {"output": {"voice": "alloy"}}}) as talk:
        await talk.write("What is your address?")
        await talk.ask()
        await talk.send("session.update", session={"type": "realtime", "audio": {"output": {"voice": "echo"}}})
        refused = await talk.until("error")
        same = await talk.update({"audio": {"output": {"voice": "alloy"}}})
    assert refused.error.code == "cannot_update_voice"
    assert same.audio.output.voice == "alloy"


async def test_a_minute_comes_in_one_message_and_more_than_fifteen_mebibytes_do_not(offline: Running) -> None:
    too_much = bytes(15 * 1024 * 1024 // 4 * 3 + 100_000)
    async with talking(offline, {"audio": {"input": {"turn_detection": None}}}) as talk:
        await talk.append(bytes(60 * 24_000 * 2))
        await talk.append(too_much)
        refused = await talk.until("error")
        await talk.connection.input_audio_buffer.clear()
        await talk.until("input_audio_buffer.cleared")
        assert await still_answers(talk)
    assert [event.error.code for event in talk.of("error")] == [refused.error.code] == ["message_too_big"]


async def test_calls_over_webrtc_are_refused_with_a_reason(offline: Running) -> None:
    async with client_of(offline) as client:
        with pytest.raises(openai.InternalServerError) as refusal:
            await client.realtime.calls.create(sdp="v=0")
    assert (refusal.value.status_code, refusal.value.code) == (501, "not_implemented")


async def test_others_do_not_notice(offline: Running) -> None:
    async def good() -> bool:
        async with talking(offline) as talk:
            return await still_answers(talk)

    async with talking(offline) as talk:
        for _ in range(200):
            await talk.connection.send_raw("{")
        assert await asyncio.gather(good(), good()) == [True, True]
        await talk.until("error")
