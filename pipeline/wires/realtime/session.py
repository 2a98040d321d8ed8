"""A session as its client set it up, and the manner in which the conversation is held for it."""

from dataclasses import dataclass
from typing import Any, cast

from pipeline.config import Turn
from pipeline.errors import ClientError
from pipeline.manner import Manner
from pipeline.ports import Wish
from pipeline.wires.realtime.fields import (
    AudioIn,
    ConversationFields,
    ServerVad,
    Transcription,
    TranscriptionAudio,
    TranscriptionFields,
    TurnDetection,
)
from pipeline.wires.realtime.formats import AudioFormat, Pcm, rate_of
from pipeline.wires.realtime.part import checked
from pipeline.wires.realtime.tools import FunctionChoice, choice_of, max_tokens_of, tools_of

_MERGED = frozenset({"audio", "input", "output", "format", "transcription", "noise_reduction", "turn_detection"})
"""Fields that an update changes key by key; all others it replaces."""
_OFF_BY_NULL = frozenset(
    {"turn_detection", "transcription", "noise_reduction", "idle_timeout_ms", "language", "languages", "keywords"}
    | {"tracing", "truncation", "include", "reasoning", "parallel_tool_calls", "strength", "delay", "prompt"}
)
"""Fields that a null turns off; it leaves all others as they are, since many clients send what they have no value for."""
_RELEASE_BELOW = 0.15
"""By how much the probability of speech must fall below the threshold until it counts as silence."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for a session, and is not its client's to change."""

    id: str
    model: str
    """The model that was asked for; any name will do, and is given back."""
    expires_at: int
    """Seconds since 1970."""
    turn: Turn
    language: str = "en"
    transcribes: bool = False
    """Whether words are all that the client wants."""
    voices: frozenset[str] = frozenset()
    """Voices that may be asked for; empty for any."""
    flow_answers: bool = True
    """Whether the call flow answers even when the client has instructions of its own."""
    history_items: int = 40
    """Items that a conversation remembers."""
    text_chars: int = 4_000
    """Length of the text of an item at most."""
    message_bytes: int = 262_144
    """Length of a message without audio at most."""
    audio_bytes: int = 15 * 1024 * 1024
    """Length of a message with audio at most."""


class Session:
    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self.fields: ConversationFields | TranscriptionFields
        if terms.transcribes:
            heard = AudioIn(transcription=Transcription(model=terms.model or None))
            self.fields = TranscriptionFields(type="transcription", audio=TranscriptionAudio(input=heard))
        else:
            self.fields = ConversationFields(type="realtime", model=terms.model)
        self.manner = self._manner()

    def update(self, changes: dict[str, Any], spoke: bool) -> None:
        """All of the changes or none; `spoke` says whether audio of a reply was sent yet."""
        old = self.fields
        self._check_type(changes)
        if isinstance(old, ConversationFields) and isinstance(changes.get("model"), str):
            # Names of models mean nothing here, and some clients have another one than their address.
            changes = {**changes, "model": old.model}
        merged = checked(type(old).model_validate, _merged(old.model_dump(), changes), "session")
        if isinstance(merged, ConversationFields) and isinstance(old, ConversationFields):
            self._check(merged, old, spoke)
        self.fields = merged
        self.manner = self._manner()

    @property
    def input(self) -> AudioIn:
        return self.fields.audio.input

    @property
    def output_format(self) -> AudioFormat:
        return self.fields.audio.output.format if isinstance(self.fields, ConversationFields) else Pcm()

    def wire(self) -> dict[str, Any]:
        """As its client sees it."""
        kind = "realtime.session" if isinstance(self.fields, ConversationFields) else "realtime.transcription_session"
        told = {"object": kind, "id": f"sess_{self._terms.id}", "expires_at": self._terms.expires_at}
        return {"type": self.fields.type, **told, **self.fields.model_dump()}

    def check_voice(self, voice: str | None, param: str) -> None:
        """A voice may be two that are known with a plus between them."""
        known = self._terms.voices
        if voice is None or not known or voice in known:
            return
        if "+" in voice and all(part in known for part in voice.split("+", 1)):
            return
        names = ", ".join(sorted(known))
        raise ClientError("invalid_value", f"Invalid value: '{voice}'. Supported values are: {names}.", param)

    def _check_type(self, changes: dict[str, Any]) -> None:
        if changes.get("type") is None:
            raise ClientError("missing_required_parameter", "Missing required parameter: 'session.type'.", "session.type")
        if changes["type"] != self.fields.type and changes["type"] in ("realtime", "transcription"):
            message = (
                f"This is a {self.fields.type} session; connect with '?intent={changes['type']}' for one of the other type."
            )
            raise ClientError("invalid_value", message, "session.type")

    def _check(self, new: ConversationFields, old: ConversationFields, spoke: bool) -> None:
        voice = new.audio.output.voice
        if voice != old.audio.output.voice:
            if spoke:
                message = "Cannot update a conversation's voice if assistant audio is present."
                raise ClientError("cannot_update_voice", message, "session.audio.output.voice")
            self.check_voice(voice, "session.audio.output.voice")

    def _manner(self) -> Manner:
        fields, heard = self.fields, self.input
        detection, transcription = heard.turn_detection, heard.transcription or Transcription()
        wish = wish_of(fields) if isinstance(fields, ConversationFields) else Wish(spoken=False)
        replying = detection if isinstance(fields, ConversationFields) else None
        return Manner(
            language=_language(transcription) or self._terms.language,
            out_rate=rate_of(self.output_format),
            wish=wish,
            greets=False,
            detects=detection is not None,
            answers=replying is not None and replying.create_response,
            interrupts=replying is not None and replying.interrupt_response,
            keeps_items=True,
            turn=None if detection is None else _rules(self._terms.turn, detection),
            idle_ms=replying.idle_timeout_ms or 0 if isinstance(replying, ServerVad) else 0,
            foreseen=self._terms.flow_answers or wish.instructions is None,
            prompt=", ".join([*(transcription.keywords or []), *filter(None, [transcription.prompt])]),
        )


def wish_of(fields: ConversationFields) -> Wish:
    """Tools may be given before or after the choice among them; until then it is the model's."""
    tools, choice = tools_of(fields.tools), fields.tool_choice
    known = not isinstance(choice, FunctionChoice) or choice.name in [tool.name for tool in tools]
    return Wish(
        instructions=fields.instructions or None,
        tools=tools,
        tool_choice=choice_of(choice, tools, "session.tool_choice") if known else "auto",
        spoken=fields.output_modalities == ["audio"],
        voice=fields.audio.output.voice or "",
        speed=fields.audio.output.speed,
        max_tokens=max_tokens_of(fields.max_output_tokens),
    )


def _merged(old: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A part that becomes another kind (another `type`) keeps nothing of the old one."""
    merged = dict(old)
    for key, value in changes.items():
        if key in _MERGED and isinstance(value, dict):
            known, change = old.get(key), cast(dict[str, Any], value)
            part = cast(dict[str, Any], known) if isinstance(known, dict) else {}
            merged[key] = _merged(part if change.get("type") in (None, part.get("type")) else {}, change)
        elif value is not None or key in _OFF_BY_NULL or (old and key not in old):
            merged[key] = value
    return merged


def _language(transcription: Transcription) -> str:
    """Two letters, or nothing."""
    named = transcription.language or next(iter(transcription.languages or []), "")
    return named[:2].lower()


def _rules(rules: Turn, detection: TurnDetection) -> Turn:
    """The configured rules for turns, as far as the client does not have its own."""
    if not isinstance(detection, ServerVad):
        wanted: dict[str, Any] = {"detection": "semantic_vad", "eagerness": detection.eagerness}
    else:
        wanted = {
            "detection": "server_vad",
            "threshold": detection.threshold,
            "release_threshold": max(detection.threshold - _RELEASE_BELOW, 0.0),
            "prefix_padding_ms": detection.prefix_padding_ms,
            "silence_ms": detection.silence_duration_ms,
            "pause_ms": min(rules.pause_ms, detection.silence_duration_ms),
        }
    return Turn.model_validate({**rules.model_dump(), **wanted})
