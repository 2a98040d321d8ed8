"""Whatever a client sends, and whatever a conversation tells, what the client gets is right."""

import json
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import notices as told
from pipeline.errors import Fault
from pipeline.events import FromCaller
from pipeline.history import Item
from pipeline.notices import Notice
from pipeline.ports import Message, Usage
from tests.pipeline.wires.realtime.client import LIMITS, Client, base64_of

# What clients send

EXAMPLES: list[dict[str, Any]] = [
    {
        "type": "session.update",
        "event_id": "e1",
        "session": {
            "type": "realtime",
            "instructions": "Be brief.",
            "tools": [{"type": "function", "name": "hours", "parameters": {}}],
            "tool_choice": {"type": "function", "name": "hours"},
            "max_output_tokens": 100,
            "output_modalities": ["text"],
            "tracing": {"workflow_name": "x"},
            "truncation": {"type": "retention_ratio", "retention_ratio": 0.5},
            "audio": {
                "input": {
                    "format": {"type": "audio/pcmu"},
                    "transcription": {"language": "es", "keywords": ["a"]},
                    "noise_reduction": {"type": "far_field"},
                    "turn_detection": {"type": "semantic_vad", "eagerness": "low"},
                },
                "output": {"format": {"type": "audio/pcm", "rate": 8000}, "voice": "alloy", "speed": 1},
            },
        },
    },
    {"type": "session.update", "session": {"type": "transcription", "audio": {"input": {"turn_detection": None}}}},
    {"type": "input_audio_buffer.append", "audio": base64_of(bytes(320))},
    {"type": "input_audio_buffer.commit"},
    {"type": "input_audio_buffer.clear"},
    {
        "type": "conversation.item.create",
        "previous_item_id": "root",
        "item": {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "Hi"}, {"type": "input_audio", "audio": "AAAA"}],
        },
    },
    {
        "type": "conversation.item.create",
        "item": {"type": "message", "role": "assistant", "content": [{"type": "output_audio", "transcript": "Hi"}]},
    },
    {"type": "conversation.item.create", "item": {"type": "function_call_output", "call_id": "c1", "output": "9"}},
    {"type": "conversation.item.delete", "item_id": "a"},
    {"type": "conversation.item.retrieve", "item_id": "a"},
    {"type": "conversation.item.truncate", "item_id": "a", "content_index": 0, "audio_end_ms": 100},
    {
        "type": "response.create",
        "response": {
            "conversation": "none",
            "metadata": {"a": "b"},
            "input": [{"type": "item_reference", "id": "a"}],
            "audio": {"output": {"format": {"type": "audio/pcm"}, "voice": {"id": "alloy"}}},
        },
    },
    {"type": "response.cancel", "response_id": "resp_1"},
    {"type": "output_audio_buffer.clear"},
]
WORDS = sorted({key for example in EXAMPLES for key in json.dumps(example).split('"')[1::2]})
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=3),
    max_leaves=5,
)


def _holders(value: Any) -> list[Any]:
    """Every object and array of a value."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    found = [one for part in inner for one in _holders(part)]
    return [value, *found] if isinstance(value, dict | list) else found


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """An event as it should be, with something in it changed, missing or too much."""
    event = json.loads(json.dumps(draw(st.sampled_from(EXAMPLES))))
    for _ in range(draw(st.integers(0, 3))):
        holder = draw(st.sampled_from(_holders(event)))
        keys = list(range(len(holder))) if isinstance(holder, list) else list(holder)
        match draw(st.sampled_from(["change", "remove", "add"])):
            case "change" if keys:
                holder[draw(st.sampled_from(keys))] = draw(JSON)
            case "remove" if keys:
                del holder[draw(st.sampled_from(keys))]
            case _ if isinstance(holder, list):
                holder.append(draw(JSON))
            case _:
                holder[draw(st.sampled_from(WORDS) | st.text(max_size=5))] = draw(JSON)
    return json.dumps(event)


MESSAGES = mutated() | st.text(max_size=30) | JSON.map(json.dumps) | st.binary(max_size=8)


@settings(deadline=None, max_examples=200)
@given(st.lists(MESSAGES, max_size=6), st.booleans())
def test_whatever_is_sent_is_taken_or_refused(messages: list[str | bytes], transcribes: bool) -> None:
    client = Client(transcribes=transcribes, voices=frozenset({"alloy"}))
    for message in messages:
        taken = client.sends_raw(message)
        assert taken
        for one in taken:
            assert isinstance(one, bytes | FromCaller) or one["type"] in ("error", "session.updated")
    assert client.codec.in_rate in (8_000, 16_000, 24_000)


# What conversations tell


@dataclass
class Brain:
    """A conversation that does as it likes, within what its notices promise."""

    draw: st.DrawFn
    told: list[Notice | bytes] = field(default_factory=list)
    items: list[str] = field(default_factory=list)
    replies: dict[int, bool] = field(default_factory=dict)
    """Turns of the replies under way, and whether each is an aside."""
    texts: dict[Any, str] = field(default_factory=dict)
    calls: dict[int, list[str]] = field(default_factory=dict)
    unheard: list[str] = field(default_factory=list)
    made: int = 0
    at_ms: int = 0
    speaking: str = ""

    def name(self) -> str:
        self.made += 1
        return f"item_{self.made}"

    def caller(self) -> None:
        if not self.speaking:
            self.speaking = self.name()
            self.told.append(told.CallerBegan(self.at_ms, self.speaking))
            return
        self.at_ms += 100
        match self.draw(st.sampled_from(["hear", "stop", "nothing"])):
            case "hear":
                self.told.append(self.heard(self.speaking, final=False))
            case "stop":
                self.told += [told.CallerStopped(self.at_ms, self.speaking), told.TurnTaken(self.speaking, 100)]
                self.items.append(self.speaking)
                self.unheard.append(self.speaking)
                self.speaking = ""
            case _:
                self.told.append(told.CallerStopped(self.at_ms, self.speaking))
                self.speaking = ""

    def heard(self, item: str, final: bool) -> Notice:
        self.texts[item] = f"{self.texts.get(item, '')} word".strip()
        text = self.texts[item] if self.draw(st.booleans()) or not final else "otherwise"
        return told.Heard(0, text, final, "en", None, item)

    def understood(self) -> None:
        if self.unheard:
            item = self.unheard.pop(self.draw(st.integers(0, len(self.unheard) - 1)))
            failed = told.Failed("provider_timeout", "too late", Fault.PROVIDER, item)
            self.told.append(self.heard(item, final=True) if self.draw(st.integers(0, 3)) else failed)

    def silence(self) -> None:
        item = self.name()
        self.items.append(item)
        self.told += [told.NobodySpoke(self.at_ms, self.at_ms + 500, item), told.TurnTaken(item, 500)]

    def client(self) -> None:
        match self.draw(st.sampled_from(["take", "forget", "refuse", "clear"])):
            case "take":
                id, after = self.name(), self.items[-1] if self.items else ""
                self.items.append(id)
                self.told.append(told.ItemTaken(Item(id, Message("user", "Hi")), after))
            case "forget" if self.items:
                self.told.append(told.ItemGone(self.items.pop(self.draw(st.integers(0, len(self.items) - 1)))))
            case "refuse":
                self.told.append(told.Refused("7:e1", "item_unknown", "There is no such item."))
            case _:
                self.told.append(told.BufferCleared())

    def reply(self) -> None:
        present = [turn for turn, aside in self.replies.items() if not aside]
        if not self.replies or not self.draw(st.integers(0, 8)):
            aside = bool(present) or self.draw(st.booleans())
            turn, item = len(self.told), self.name()
            self.replies[turn] = aside
            self.told.append(told.ReplyBegan(turn, item, aside=aside))
            return
        turn = self.draw(st.sampled_from(list(self.replies)))
        match self.draw(st.sampled_from(["say", "sound", "call", "fail", "end"])):
            case "say":
                if self.draw(st.booleans()):
                    self.texts[turn] = f"{self.texts.get(turn, '')} word".strip()
                self.told.append(told.Said(turn, self.texts.get(turn, ""), self.draw(st.booleans())))
            case "sound":
                self.told.append(told.AsideSpoken(turn, bytes(96)) if self.replies[turn] else bytes(96))
            case "call":
                self.call(turn)
            case "fail":
                self.told.append(told.Failed("provider_failed", "No.", self.draw(st.sampled_from(Fault))))
            case _:
                self.end(turn)

    def call(self, turn: int) -> None:
        open = self.calls.setdefault(turn, [])
        if not open or self.draw(st.booleans()):
            open.append(self.name())
        item = self.draw(st.sampled_from(open))
        final = self.draw(st.booleans())
        self.told.append(told.CallGrew(turn, item, f"call_{item}", "hours", self.draw(st.sampled_from(["", "{"])), final))
        if final:
            open.remove(item)

    def end(self, turn: int) -> None:
        whole = not self.calls.get(turn)
        ends = [("cancelled", "turn_detected"), ("failed", "provider_failed"), ("incomplete", "max_output_tokens")]
        status, reason = self.draw(st.sampled_from([("completed", "")] * 3 + ends if whole else ends))
        del self.replies[turn]
        self.told.append(told.ReplyEnded(turn, status, reason, "", Usage(1, 2, 1)))  # type: ignore[arg-type]


@st.composite
def conversations(draw: st.DrawFn) -> list[Notice | bytes]:
    brain = Brain(draw)
    for _ in range(draw(st.integers(0, 40))):
        step = draw(st.sampled_from([brain.caller, brain.understood, brain.silence, brain.client, brain.reply, brain.reply]))
        step()
    for turn in list(brain.replies):
        brain.end(turn)
    return brain.told


@settings(deadline=None, max_examples=100)
@given(conversations(), st.booleans(), st.sampled_from(["audio", "text"]), st.sampled_from([2, 40]))
def test_whatever_is_told_is_told_in_order(
    conversation: list[Notice | bytes], transcribed: bool, modality: str, remembered: int
) -> None:
    client = Client(limits=LIMITS, history_items=remembered)
    transcription = {"model": "whisper-1"} if transcribed else None
    client.updates(output_modalities=[modality], audio={"input": {"transcription": transcription}})
    client.gets(*conversation)
    client.grammar.finish()


@settings(deadline=None, max_examples=50)
@given(conversations())
def test_words_of_a_session_of_transcription_are_told_in_order(conversation: list[Notice | bytes]) -> None:
    client = Client(transcribes=True)
    client.gets(*conversation)
    client.grammar.finish()
