"""Settings of each engine, one class a kind; a provider is a name for one of these.

`engine` says which kind it is. Keys are never written in a file: `api_key_env` names the variable that holds one, and loading
the configuration fills `api_key` from it.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(ge=0)]
Millis = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]


class Settings(BaseModel):
    """Frozen, and a key that is not known is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class EngineSettings(Settings):
    """What holds for every provider."""

    hedges: bool = True
    """Whether it is asked when the provider before it is late; otherwise only when that fails."""


class Cloud(EngineSettings):
    """How to reach a provider over HTTP."""

    base_url: str = "https://api.openai.com/v1"
    """Where the API lives; anything that speaks OpenAI's protocol will do."""
    api_key_env: str = "OPENAI_API_KEY"
    """Name of the environment variable that holds the key; empty when none is needed."""
    api_key: SecretStr | None = None
    """The key itself, filled from `api_key_env` when the configuration is loaded."""
    timeout_s: Seconds = 15.0
    """Seconds until a request counts as failed."""
    connect_timeout_s: Seconds = 5.0
    """Seconds until opening a connection counts as failed."""
    pool: Positive = 10
    """Connections kept open, and requests under way at once."""
    retries: Count = 3
    """Further tries after a failure that may pass (429, 5xx, a broken connection)."""
    backoff_s: Seconds = 0.2
    """Seconds before the first retry; doubled each time, with jitter."""


class OpenAIChat(Cloud):
    """A chat model behind the OpenAI protocol: OpenAI, Azure, Claude's compatible endpoint, vLLM, Ollama."""

    engine: Literal["openai_chat"] = "openai_chat"
    model: str = "gpt-4o-mini"
    """Name of the model."""
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.6
    """How freely it words things."""
    max_tokens: Positive = 300
    """The longest reply, in tokens."""
    azure_deployment: str = ""
    """Name of an Azure deployment; empty for anything else."""
    api_version: str = "2024-10-21"
    """Version of Azure's API; used with `azure_deployment`."""


class OpenAITranscription(Cloud):
    """Speech recognition behind the OpenAI protocol."""

    engine: Literal["openai_transcription"] = "openai_transcription"
    model: str = "gpt-4o-mini-transcribe"
    """Name of the model."""


class OpenAISpeech(Cloud):
    """Speech synthesis behind the OpenAI protocol."""

    engine: Literal["openai_speech"] = "openai_speech"
    model: str = "gpt-4o-mini-tts"
    """Name of the model."""
    voice: str = "alloy"
    """Voice used when a conversation names none."""


class Whisper(EngineSettings):
    """Speech recognition with faster-whisper on this machine."""

    engine: Literal["whisper"] = "whisper"
    model: str = "small"
    """A model's name, or a folder with CTranslate2 weights."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where it runs."""
    compute_type: str = "int8"
    """Arithmetic of the weights, as CTranslate2 names it."""
    beam_size: Positive = 1
    """Hypotheses kept while decoding."""
    batch: Positive = 8
    """Utterances decoded together at most."""
    threads: Count = 0
    """Threads of one decoder; 0 leaves it to the library."""
    download: bool = False
    """Fetch the weights from the model hub on first use; otherwise they must be there."""


class Sphinx(EngineSettings):
    """Speech recognition with pocketsphinx: small, offline, strong within a call flow."""

    engine: Literal["sphinx"] = "sphinx"
    hedges: bool = False
    """It takes over when the others fail; what it does is not what they do."""
    accept: Annotated[float, Field(ge=0)] = 1.0
    """How strict the check against free speech is: higher rejects more of what the flow does not expect, 0 nothing."""


class FlowEngine(EngineSettings):
    """Answers from the call flow alone, with no language model."""

    engine: Literal["flow"] = "flow"
    hedges: bool = False
    """It takes over when the others fail; what it does is not what they do."""
    accept: Share = 0.5
    """How alike a caller's words and an intent's example must be to match."""


class Espeak(EngineSettings):
    """Speech synthesis with eSpeak NG: small, offline, many languages."""

    engine: Literal["espeak"] = "espeak"
    hedges: bool = False
    """It takes over when the others fail; what it does is not what they do."""
    words_per_minute: Annotated[int, Field(ge=80, le=450)] = 165
    """Speed of the voice."""


class Piper(EngineSettings):
    """Speech synthesis with Piper on this machine."""

    engine: Literal["piper"] = "piper"
    voices: dict[str, Path] = {}
    """A voice's `.onnx` file for each language, with its `.onnx.json` beside it."""


class SimFaults(EngineSettings):
    """How a simulated provider misbehaves."""

    jitter: Share = 0.0
    """Share by which each delay varies at random, up and down."""
    error_rate: Share = 0.0
    """Share of requests that fail."""
    stall_rate: Share = 0.0
    """Share of requests that hang for `stall_s`."""
    stall_s: Seconds = 5.0
    """Seconds that a stalled request hangs."""


class SimRecogniser(SimFaults):
    """A stand-in for speech recognition with a known delay, for measuring everything else."""

    engine: Literal["sim_asr"] = "sim_asr"
    delay_ms: Millis = 50
    """Milliseconds until the answer."""
    text: str = "what are your opening hours on saturday"
    """What it always hears."""


class SimThinker(SimFaults):
    """A stand-in for a language model with a known pace."""

    engine: Literal["sim_llm"] = "sim_llm"
    delay_ms: Millis = 100
    """Milliseconds until the first token."""
    token_gap_ms: Millis = 5
    """Milliseconds between tokens."""
    text: str = "On Saturday the clinic is open from nine until one o'clock today."
    """What it always says, a token a word."""


class SimSpeaker(SimFaults):
    """A stand-in for speech synthesis: a tone, with a known delay."""

    engine: Literal["sim_tts"] = "sim_tts"
    delay_ms: Millis = 50
    """Milliseconds until the first chunk."""
    chunk_ms: Positive = 40
    """Length of a chunk."""
    duration_ms: Positive = 2000
    """Length of the tone."""
    rate: Positive = 24_000
    """Samples a second of the tone."""
    tone_hz: Positive = 440
    """Pitch of the tone."""


RecogniserSettings = Annotated[OpenAITranscription | Whisper | Sphinx | SimRecogniser, Field(discriminator="engine")]
ThinkerSettings = Annotated[OpenAIChat | FlowEngine | SimThinker, Field(discriminator="engine")]
SpeakerSettings = Annotated[OpenAISpeech | Piper | Espeak | SimSpeaker, Field(discriminator="engine")]

RECOGNISERS: dict[str, RecogniserSettings] = {
    "openai": OpenAITranscription(),
    "whisper": Whisper(),
    "sphinx": Sphinx(),
    "sim": SimRecogniser(),
}
THINKERS: dict[str, ThinkerSettings] = {
    "azure": OpenAIChat(base_url="", api_key_env="AZURE_OPENAI_API_KEY"),
    "openai": OpenAIChat(),
    "anthropic": OpenAIChat(
        base_url="https://api.anthropic.com/v1/",
        api_key_env="ANTHROPIC_API_KEY",
        model="claude-haiku-4-5",
    ),
    "flow": FlowEngine(),
    "sim": SimThinker(),
}
SPEAKERS: dict[str, SpeakerSettings] = {
    "openai": OpenAISpeech(),
    "piper": Piper(),
    "espeak": Espeak(),
    "sim": SimSpeaker(),
}
