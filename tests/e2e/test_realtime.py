"""What `/v1/realtime` takes through HAProxy, Serve and uvicorn, without an SDK in between."""

import asyncio
import base64
import json
from typing import Any

import numpy as np
import websockets
from websockets.asyncio.client import ClientConnection

from bench.server import Running
from tests.e2e.conftest import Spoken

RATE = 24_000
PATIENCE_S = 30.0


def address(server: Running, path: str) -> str:
    return f"ws{server.url.removeprefix('http')}{path}"


async def until(socket: ClientConnection, kind: str) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            event = json.loads(await socket.recv())
            assert event["type"] != "error", event["error"]
            if event["type"] == kind:
                return event


def appended(pcm: bytes) -> str:
    return json.dumps({"type": "input_audio_buffer.append", "audio": base64.b64encode(pcm).decode()})


async def test_a_recording_in_one_message_is_a_turn(offline: Running, spoken: Spoken) -> None:
    speech = await asyncio.to_thread(spoken, "What is your address?", "en", RATE)
    recording = np.concatenate([speech, np.zeros(2 * RATE, np.int16)]).tobytes()
    heard = {"type": "realtime", "audio": {"input": {"transcription": {"model": "parley"}}}}
    async with websockets.connect(address(offline, "/v1/realtime?model=parley")) as socket:
        await socket.send(json.dumps({"type": "session.update", "session": heard}))
        await socket.send(appended(recording))
        turn = await until(socket, "conversation.item.input_audio_transcription.completed")
        reply = await until(socket, "response.output_audio_transcript.done")
    assert "address" in turn["transcript"]
    assert "Mill Street" in reply["transcript"]


async def test_a_large_message_is_taken_while_others_are_answered(offline: Running) -> None:
    manual = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
    async with (
        websockets.connect(address(offline, "/v1/realtime?model=parley"), compression=None) as large,
        websockets.connect(address(offline, "/ws")) as other,
    ):
        await large.send(json.dumps({"type": "session.update", "session": manual}))
        await until(large, "session.updated")
        await large.send(appended(bytes(2 * RATE * 110)))
        await large.send(json.dumps({"type": "input_audio_buffer.clear"}))
        await other.send('{"type": "ping"}')
        async with asyncio.timeout(PATIENCE_S):
            while json.loads(await other.recv())["type"] != "pong":
                pass
        await until(large, "input_audio_buffer.cleared")


async def test_a_browser_is_answered_with_the_subprotocol_that_it_offers(offline: Running) -> None:
    offered = [websockets.Subprotocol(name) for name in ("realtime", "openai-insecure-api-key.none")]
    async with websockets.connect(address(offline, "/v1/realtime?model=parley"), subprotocols=offered) as socket:
        assert (await until(socket, "session.created"))["session"]["model"] == "parley"
        assert socket.subprotocol == "realtime"
