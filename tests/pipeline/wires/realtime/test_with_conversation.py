"""Real conversations, told by the codec: whatever caller, client and stages do, and whenever, what the client gets is right."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import events as on
from pipeline.commands import Abandon, Command, Play, Speak, Tell, Think, Transcribe
from pipeline.conversation import Conversation
from pipeline.errors import Fault
from pipeline.flow import load_flow
from pipeline.loading import load_config
from pipeline.ports import LISTENING_RATE, CallDelta, Finish, FlowStep, Transcript, Usage
from tests.pipeline.wires.realtime.client import LIMITS, Client, base64_of

CONFIG = load_config(None, [], {})
FLOW = load_flow(CONFIG.flows_dir, "clinic")
SPEECH = bytes(24_000)
"""Half a second at 24 kHz."""
HI = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}
SPOKEN = {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": base64_of(SPEECH)}]}
DETECTIONS: list[dict[str, Any] | None] = [
    None,
    {"type": "server_vad"},
    {"type": "server_vad", "create_response": False},
    {"type": "server_vad", "interrupt_response": False},
    {"type": "server_vad", "idle_timeout_ms": 2_000},
    {"type": "semantic_vad"},
]


class Session:
    """A client, the conversation behind it, and stages that answer when they like."""

    def __init__(self, draw: Callable[..., Any], **terms: Any) -> None:
        self.draw = draw
        self.client = Client(limits=LIMITS, **terms)
        self.client.updates(audio={"input": {"transcription": {"model": "whisper-1"}}})
        self.brain = Conversation(CONFIG, "clinic", FLOW, self.client.manner)
        self.now = 0.0
        self.due: list[Transcribe | Think | Speak] = []
        """What stages were asked and have not answered."""
        self.speaking = False
        self.calls = 0
        self.do(on.Opened())

    @property
    def position(self) -> int:
        return round(self.now * LISTENING_RATE)

    def do(self, event: on.Event) -> None:
        for command in self.brain.handle(event, self.now):
            self.obey(command)

    def obey(self, command: Command) -> None:
        match command:
            case Tell(notice):
                self.client.gets(notice)
            case Play(pcm):
                self.client.gets(pcm)
            case Transcribe() | Think() | Speak():
                self.due.append(command)
            case Abandon(work):
                self.due = [asked for asked in self.due if asked.work != work]
            case _:
                pass

    def wait(self, ms: int) -> None:
        until = self.now + ms / 1000
        while (due := self.brain.deadline()) is not None and due <= until:
            self.now = max(self.now, due)
            self.do(on.TimePassed())
        self.now = until

    def caller(self) -> None:
        if not self.client.manner.detects:
            self.speaking = False
        elif self.speaking:
            at, heard_at = self.position, self.now
            self.wait(200)
            self.do(on.SpeechPaused(at))
            if self.draw(st.booleans()):
                self.wait(1_200)
                self.do(on.SpeechEnded(at, heard_at))
                self.speaking = False
            else:
                self.do(on.SpeechResumed(200))
        else:
            self.do(on.SpeechBegan(self.position))
            self.speaking = True
            self.wait(400)
            self.do(on.SpeechGrew(self.position, 400))

    def stage(self) -> None:
        if not self.due:
            return
        asked = self.due[self.draw(st.integers(0, len(self.due) - 1))]
        if not self.draw(st.integers(0, 9)):
            self.due.remove(asked)
            self.do(on.StageFailed(asked.work, "provider_timeout", "too late", Fault.PROVIDER))
            return
        match asked:
            case Transcribe():
                self.due.remove(asked)
                text = self.draw(st.sampled_from(["", "are you open", "what are your opening hours on saturday"]))
                self.do(on.Transcribed(asked.work, Transcript(text, "en", 0.9), 0.1))
            case Think():
                self.think(asked)
            case Speak():
                self.do(on.SpeechMade(asked.work, asked.index, SPEECH, (), 0.1))
                if asked in self.due and self.draw(st.booleans()):
                    self.due.remove(asked)
                    self.do(on.PhraseEnded(asked.work, asked.index))

    def think(self, asked: Think) -> None:
        match self.draw(st.sampled_from(["say", "say", "call", "end"])):
            case "say":
                self.do(on.ReplyGrew(asked.work, "We are open.", 0.1))
            case "call":
                self.calls += self.draw(st.integers(0, 1))
                self.do(on.CallGrew(asked.work, CallDelta(f"call_{asked.work.attempt}_{self.calls}", "hours", "{"), 0.1))
            case _:
                self.due.remove(asked)
                cut_by = self.draw(st.sampled_from(["", "", "max_output_tokens"]))
                self.do(on.ReplyEnded(asked.work, FlowStep({}), Finish(Usage(9, 5), cut_by)))

    def asks(self) -> None:
        items = [event["item"]["id"] for event in self.client.grammar.taken if event["type"] == "conversation.item.added"]
        some = self.draw(st.sampled_from([*items[-4:], "unknown"]))
        request = self.draw(
            st.sampled_from(
                [
                    {"type": "input_audio_buffer.commit"},
                    {"type": "input_audio_buffer.clear"},
                    {"type": "conversation.item.create", "item": HI},
                    {"type": "conversation.item.create", "item": HI, "previous_item_id": some},
                    {"type": "conversation.item.create", "item": HI, "previous_item_id": "root"},
                    {"type": "conversation.item.create", "item": SPOKEN},
                    {"type": "conversation.item.delete", "item_id": some},
                    {"type": "conversation.item.retrieve", "item_id": some},
                    {"type": "conversation.item.truncate", "item_id": some, "content_index": 0, "audio_end_ms": 300},
                    {"type": "response.create"},
                    {"type": "response.create", "response": {"output_modalities": ["text"]}},
                    {"type": "response.create", "response": {"conversation": "none", "input": [HI]}},
                    {"type": "response.cancel"},
                    {
                        "type": "session.update",
                        "session": {
                            "type": self.client.created["session"]["type"],
                            "audio": {"input": {"turn_detection": self.draw(st.sampled_from(DETECTIONS))}},
                        },
                    },
                ]
            )
        )
        for taken in self.client.sends(**request):
            match taken:
                case on.Committed() | on.Cleared():
                    self.do(replace(taken, at=self.position))
                case bytes() | dict():
                    pass
                case _:
                    self.do(taken)

    def live(self, steps: int) -> None:
        for _ in range(steps):
            step = self.draw(st.sampled_from([self.caller, self.stage, self.stage, self.stage, self.asks]))
            step()
            self.wait(self.draw(st.sampled_from([0, 20, 300, 3_000])))


@settings(deadline=None, max_examples=100)
@given(st.data(), st.integers(5, 40))
def test_a_conversation_is_told_in_order(data: st.DataObject, steps: int) -> None:
    Session(data.draw, history_items=CONFIG.conversation.history_messages).live(steps)


@settings(deadline=None, max_examples=50)
@given(st.data(), st.integers(5, 30))
def test_a_transcription_is_told_in_order(data: st.DataObject, steps: int) -> None:
    Session(data.draw, transcribes=True).live(steps)
