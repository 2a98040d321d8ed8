"""Clients that send anything: the socket stays open, and whatever comes back is a valid event in a valid order."""

import asyncio
import base64
import copy
import json
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.server import Running
from bench.speech import say
from tests.e2e.openai_talk import talking

SILENCE = base64.b64encode(bytes(48_000)).decode()
SPEECH = base64.b64encode(say("What is your address?", rate=24_000).tobytes()).decode()
MESSAGE = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "What is your address?"}]}
TOOL = {"type": "function", "name": "opening_hours", "description": "Hours.", "parameters": {"type": "object"}}
INPUT = {"format": {"type": "audio/pcm", "rate": 24_000}, "turn_detection": {"type": "server_vad"}}

RIGHT: list[dict[str, Any]] = [
    {"type": "session.update", "session": {"type": "realtime", "instructions": "Be brief.", "tools": [TOOL]}},
    {"type": "session.update", "session": {"type": "realtime", "audio": {"input": INPUT, "output": {"voice": "alloy"}}}},
    {"type": "session.update", "session": {"type": "realtime", "audio": {"input": {"turn_detection": None}}}},
    {"type": "session.update", "session": {"type": "realtime", "output_modalities": ["text"]}},
    {"type": "input_audio_buffer.append", "audio": SPEECH},
    {"type": "input_audio_buffer.append", "audio": SILENCE},
    {"type": "input_audio_buffer.commit"},
    {"type": "input_audio_buffer.clear"},
    {"type": "conversation.item.create", "item": {**MESSAGE, "id": "one"}},
    {"type": "conversation.item.create", "item": MESSAGE, "previous_item_id": "one"},
    {"type": "conversation.item.create", "item": {"type": "function_call_output", "call_id": "c", "output": "{}"}},
    {"type": "conversation.item.retrieve", "item_id": "one"},
    {"type": "conversation.item.truncate", "item_id": "one", "content_index": 0, "audio_end_ms": 10},
    {"type": "conversation.item.delete", "item_id": "one"},
    {"type": "response.create"},
    {"type": "response.create", "response": {"conversation": "none", "input": [MESSAGE], "metadata": {"a": "b"}}},
    {"type": "response.create", "response": {"output_modalities": ["text"], "instructions": "Be kind."}},
    {"type": "response.cancel"},
]

Mutation = Callable[[dict[str, Any]], None]
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3), max_leaves=6
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container inside a value, with every key that it has."""
    inside = list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    return [(value, key) for key, _ in inside] + [place for _, inner in inside for place in places(inner)]


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """An event that was right, and then something happened to it."""
    event = copy.deepcopy(draw(st.sampled_from(RIGHT)))
    for _ in range(draw(st.integers(0, 2))):
        container, key = draw(st.sampled_from(places(event) or [(event, "type")]))
        match draw(st.integers(0, 2)):
            case 0:
                container[key] = draw(values)
            case 1 if isinstance(container, dict):
                container.pop(key, None)
            case _ if isinstance(container, dict):
                container[draw(st.text(max_size=8))] = draw(values)
            case _:
                container.append(draw(values))
    return json.dumps(event)


anything = st.one_of(mutated(), mutated(), mutated(), values.map(json.dumps), st.text(max_size=30), st.binary(max_size=30))


@settings(
    max_examples=120, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(messages=st.lists(anything, min_size=5, max_size=25))
def test_nothing_closes_the_socket_or_is_answered_wrongly(offline: Running, messages: list[str | bytes]) -> None:
    async def converse() -> None:
        async with talking(offline) as talk:
            for message in messages:
                await talk.connection.send_raw(message)
            since = await talk.send("conversation.item.create", event_id="last", item={**MESSAGE, "id": "last"})
            await talk.until("conversation.item.done", since, **{"item.id": "last"})

    asyncio.run(converse())
