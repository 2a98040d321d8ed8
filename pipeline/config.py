"""The whole configuration, frozen and checked: every section, and every field with its unit, its default and what it is for."""

from pathlib import Path
from typing import Annotated, Generic, Literal, Self, TypeVar

from pydantic import Field, model_validator

from pipeline.engine_settings import (
    RECOGNISERS,
    SPEAKERS,
    THINKERS,
    Count,
    Millis,
    Port,
    Positive,
    RecogniserSettings,
    Seconds,
    Settings,
    Share,
    SpeakerSettings,
    ThinkerSettings,
)
from pipeline.keys import Keys

S = TypeVar("S")


class Server(Settings):
    """Where the server listens, and what it takes from one client."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: Port = 8000
    """TCP port to listen on."""
    max_message_bytes: Positive = 262_144
    """The largest message taken on `/ws`; a longer one is refused."""
    max_append_bytes: Annotated[int, Field(ge=65_536, le=15_728_640)] = 15_728_640
    """The most audio, in base64, of one message on `/v1/realtime`; Ray Serve reads messages of 16 MiB at most."""
    max_uplink_ms: Positive = 5_000
    """Milliseconds by which one caller's audio may come ahead of the clock on `/ws`; past that the caller is cut off."""
    max_burst_ms: Positive = 120_000
    """The same on `/v1/realtime`, whose clients may send recordings; past that their sockets are read more slowly."""
    max_downlink_ms: Positive = 10_000
    """Milliseconds of reply audio that may wait for one slow reader, beyond what a reply may run ahead of being heard on
    `/v1/realtime`; past that it is told and cut off."""
    most_lag_ms: Positive = 120
    """Milliseconds by which 95 % of answers may be late through the server's own doing; new conversations are turned away while
    they are later, and come in few at a time from half of that on."""
    resume_s: Count = 30
    """Seconds for which a caller whose connection broke may come back to the conversation."""
    longest_conversation_s: Positive = 7_200
    """Seconds that a conversation may last."""
    drain_s: Positive | None = None
    """Seconds for which a gateway replica or a proxy that is replaced waits for its callers; null for as long as a
    conversation may last. After that callers of `/ws` are sent to another replica, and others are cut off."""
    cors_origins: tuple[str, ...] = ()
    """Web pages, such as `https://app.example.com`, whose scripts may use `/v1`; `*` for all."""

    @property
    def patience_s(self) -> int:
        """`drain_s`, decided."""
        return self.longest_conversation_s if self.drain_s is None else self.drain_s


class Ray(Settings):
    """The cluster underneath."""

    address: str = ""
    """An existing cluster to join (`auto` finds it); empty starts one for this server alone."""
    dashboard: bool = True
    """Whether a cluster that we start has Ray's dashboard."""
    dashboard_port: Port = 8265
    """Port of Ray's dashboard; when it is taken a free one is used and printed."""
    object_store_mb: Positive = 128
    """Size of the shared memory of a cluster that we start, in MiB; audio does not pass through it."""


class Pool(Settings):
    """How many replicas of a Serve deployment run, and when that changes."""

    min_replicas: Positive = 1
    """Replicas that always run."""
    max_replicas: Positive = 4
    """Replicas that may run."""
    target_ongoing_requests: float = Field(default=8.0, gt=0)
    """Requests under way in one replica that Serve aims for."""
    max_ongoing_requests: Positive = 256
    """Requests under way in one replica at most; more wait."""
    num_cpus: float = Field(default=0.1, ge=0)
    """Cores that Ray reserves for a replica."""
    look_back_s: float = Field(default=10.0, gt=0)
    """Seconds over which the load is averaged; it is heard of twice in that time."""
    upscale_delay_s: Seconds = 3.0
    """Seconds of load before a replica is added."""
    downscale_delay_s: Seconds = 60.0
    """Seconds of calm before a replica is taken away."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.max_replicas < self.min_replicas:
            raise ValueError("max_replicas is less than min_replicas")
        return self


class Shards(Settings):
    """How many actors of a kind share the conversations."""

    replicas: Positive = 1
    """Actors of this kind."""
    num_cpus: float = Field(default=0.1, ge=0)
    """Cores that Ray reserves for each."""
    tick_ms: Millis = 20
    """Shortest time between two messages to it; a message after a longer pause leaves at once."""


class Buffering(Settings):
    """When a caller's gathered audio goes to transcription before the turn has ended."""

    flush_ms: Positive = 15_000
    """Audio in milliseconds from which the next pause sends it off."""
    min_ms: Positive = 1_500
    """Shortest audio in milliseconds that is sent off before a turn's end."""
    flush_chunks: Positive = 1_500
    """Chunks from which it is sent off without a pause."""
    emergency_chunks: Positive = 4_500
    """Chunks from which it is sent off whatever else is under way; past that the oldest audio is dropped and counted."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.flush_chunks <= self.emergency_chunks:
            raise ValueError("emergency_chunks is less than flush_chunks")
        return self


class Vad(Shards):
    """Voice activity detection."""

    window: Positive = 512
    """Samples at 16 kHz that a window holds; its new part (window less overlap) must be 512, as Silero wants."""
    overlap: Share = 0.0
    """Share of a window that it has in common with the one before."""
    threads: Positive = 1
    """Threads of one VAD actor."""

    @model_validator(mode="after")
    def _hop(self) -> Self:
        if round(self.window * (1 - self.overlap)) != 512:
            raise ValueError("window x (1 - overlap) must be 512 samples")
        return self


class Turn(Settings):
    """When a caller's turn begins and ends."""

    threshold: Share = 0.5
    """Probability of speech from which a window counts as speech."""
    release_threshold: Share = 0.35
    """Probability below which a window counts as silence again."""
    min_speech_ms: Millis = 96
    """Speech in milliseconds before a turn begins; shorter is noise."""
    detection: Literal["server_vad", "semantic_vad"] = "semantic_vad"
    """What ends a turn: a fixed silence, or a silence that depends on the words so far and on the speaker."""
    silence_ms: Positive = 500
    """Silence in milliseconds after which a turn has ended; for `semantic_vad`, when neither words nor voice tell anything."""
    shortest_silence_ms: Positive = 250
    """With `semantic_vad`: silence in milliseconds that is enough after a complete sentence."""
    longest_silence_ms: Positive = 1_400
    """With `semantic_vad`: silence in milliseconds that is granted when the words surely go on."""
    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    """With `semantic_vad`: how soon the server speaks; no silence is longer than 8, 4 or 2 s (auto is medium)."""
    melody: bool = True
    """With `semantic_vad`: whether a voice that ends low, or stays where it was, counts too."""
    pause_ms: Positive = 96
    """Silence in milliseconds after which what was said so far is transcribed, ahead of the turn's end."""
    partial_every_ms: Millis = 1_000
    """Speech in milliseconds between partial transcripts while the caller speaks; 0 for none."""
    prefix_padding_ms: Millis = 300
    """Audio in milliseconds kept from before the turn began."""


class Conversation(Settings):
    """What holds for every conversation."""

    flow: str = "clinic"
    """Call flow used when the caller asks for none."""
    language: str = Field(default="en", pattern="^[a-z]{2}$")
    """Language used when the caller asks for none."""
    greeting: bool = True
    """Whether the flow's greeting is spoken when a caller arrives."""
    speculation: bool = True
    """Whether a reply is prepared before the turn has surely ended."""
    cache: bool = False
    """Whether replies are kept and used again."""
    history_messages: Positive = 40
    """Messages that a prompt holds at most."""
    max_text_chars: Positive = 4_000
    """Length of a typed turn at most."""
    max_ahead_ms: Positive = 8_000
    """Reply audio in milliseconds that is made before it is needed, at most (a phrase is never split for it)."""


class Speculation(Settings):
    """Bounds of replies that are prepared before the turn has surely ended; waste is counted against them."""

    complete_enough: Share = 0.5
    """How complete the words must look before a reply is prepared."""
    per_turn: Positive = 2
    """Replies prepared in one turn at most."""
    per_minute: Positive = 20
    """Replies prepared by one conversation in a minute at most."""


class Interruption(Settings):
    """What happens when the caller makes a sound over the reply."""

    hold: bool = True
    """Whether the reply waits until real words were heard; otherwise any speech ends it."""
    look_ms: Positive = 320
    """Speech in milliseconds over a reply between two looks at its words."""
    sure_ms: Positive = 1_200
    """Speech in milliseconds that is an interruption whatever the words are."""


class Quiet(Settings):
    """What happens when the caller says nothing."""

    idle_ms: Millis = 0
    """Silence in milliseconds after a reply, until the caller is asked whether they are there; 0 for never."""
    prompts: Count = 2
    """How often that is asked before a goodbye."""
    key_pause_ms: Positive = 1_500
    """Milliseconds after the last key until the keys count as said; `#` ends them at once."""


class Budget(Settings):
    """How long a turn may take, from the caller's last sound to the first sound of the reply."""

    target_ms: Positive = 300
    """Milliseconds that a turn should take."""
    ceiling_ms: Positive = 500
    """Milliseconds that a turn may take."""
    asr_ms: Positive = 80
    """Share of recognition in milliseconds; a provider that takes longer is hedged by the next."""
    llm_ms: Positive = 140
    """Share of the reply's first phrase in milliseconds; a provider that takes longer is hedged by the next."""
    tts_ms: Positive = 60
    """Share of the first sound in milliseconds; a provider that takes longer is hedged by the next."""
    hedge_at: Annotated[float, Field(ge=1)] = 3.0
    """A provider is hedged when it has taken so many times its share."""
    filler_after_ms: Millis = 1_500
    """Milliseconds after a turn's end from which a word of patience is said; 0 for never."""
    retry_s: Seconds = 5.0
    """Seconds for which a stage is asked again when its replica died or froze over a request."""


class Playout(Settings):
    """How reply audio is paced to the client."""

    lead_ms: Positive = 1_000
    """Audio in milliseconds that may be at the client before it is heard."""
    burst_ms: Positive = 20_000
    """The same for clients of the OpenAI API, which keep account of what they play: replies are sent as fast as made."""
    chunk_ms: Positive = 200
    """Length of a message of reply audio once speech flows; the first leaves as soon as it is there."""


class Gateway(Pool):
    """The ingress replicas, which hold the callers' sockets."""

    target_ongoing_requests: float = Field(default=200.0, gt=0)
    """Conversations in one replica that Serve aims for."""
    max_ongoing_requests: Positive = 2_000
    """Conversations in one replica at most."""


class Api(Settings):
    """What the addresses under `/v1` take; every number is for one gateway replica."""

    max_upload_bytes: Positive = 26_214_400
    """The largest file taken for transcription; reading stops where it is passed."""
    max_upload_s: Seconds = 300.0
    """Seconds in which an upload must be whole."""
    max_audio_s: Positive = 7_200
    """The longest recording taken for transcription, in seconds; decoding stops where it is passed."""
    transcriptions: Positive = 16
    """Files that are uploaded or transcribed at once; one more is refused."""
    piece_s: Annotated[float, Field(ge=2, le=30)] = 28.0
    """The longest piece of a file that is recognised at once, in seconds; shorter ones let calls through sooner where one
    recogniser serves both."""
    pieces_per_file: Positive = 2
    """Pieces of one file that are recognised at once."""
    pieces_at_once: Positive = 4
    """Pieces of all files that are recognised at once; the others wait here, so that calls need not wait behind them."""
    item_chars: Positive = 65_536
    """The longest text of one item of a realtime session, in characters."""
    speech_max_chars: Positive = 4_096
    """The longest text that is spoken, in characters."""
    speeches: Positive = 32
    """Texts that are spoken at once; one more is refused."""


class Stage(Settings, Generic[S]):
    """An ordered list of providers, and what holds for all of them."""

    providers: tuple[str, ...]
    """Names from `engines`, best first; the first that is available and healthy answers."""
    engines: dict[str, S]
    """Settings of each provider."""
    timeout_s: Seconds = 15.0
    """Seconds in which a provider must begin to answer, or the next one is asked."""
    break_after: Positive = 3
    """Failures in a row after which a provider is left alone."""
    probe_after_s: Seconds = 10.0
    """Seconds after which a provider that was left alone is tried again."""
    pool: Pool = Pool()
    """Replicas of this stage."""

    @model_validator(mode="after")
    def _known(self) -> Self:
        unknown = [name for name in self.providers if name not in self.engines]
        if unknown:
            raise ValueError(f"providers names {', '.join(unknown)}, which engines does not describe")
        if not self.providers:
            raise ValueError("providers is empty")
        return self


class Asr(Stage[RecogniserSettings]):
    """Speech recognition."""

    providers: tuple[str, ...] = ("openai", "whisper", "sphinx")
    """Names from `engines`, best first."""
    engines: dict[str, RecogniserSettings] = RECOGNISERS
    """Settings of each provider."""


class Llm(Stage[ThinkerSettings]):
    """The reply."""

    providers: tuple[str, ...] = ("azure", "openai", "anthropic", "flow")
    """Names from `engines`, best first."""
    engines: dict[str, ThinkerSettings] = THINKERS
    """Settings of each provider."""


class Tts(Stage[SpeakerSettings]):
    """Speech synthesis."""

    providers: tuple[str, ...] = ("openai", "piper", "espeak")
    """Names from `engines`, best first."""
    engines: dict[str, SpeakerSettings] = SPEAKERS
    """Settings of each provider."""


class Dashboard(Settings):
    """What operators see at `/dashboard`."""

    transcripts: bool = False
    """Whether the last turns show what was said; otherwise they show only how long things took."""


class Log(Settings):
    """What is written down."""

    level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    """The least severe message that is logged."""


class Config(Settings):
    """Everything that can be set."""

    server: Server = Server()
    keys: Keys = Keys()
    ray: Ray = Ray()
    gateway: Gateway = Gateway()
    api: Api = Api()
    buffer: Shards = Shards()
    buffering: Buffering = Buffering()
    vad: Vad = Vad()
    turn: Turn = Turn()
    conversation: Conversation = Conversation()
    speculation: Speculation = Speculation()
    interruption: Interruption = Interruption()
    quiet: Quiet = Quiet()
    budget: Budget = Budget()
    playout: Playout = Playout()
    asr: Asr = Asr()
    llm: Llm = Llm()
    tts: Tts = Tts()
    dashboard: Dashboard = Dashboard()
    flows_dir: Path = Path(__file__).parent.parent / "configs" / "flows"
    """Folder of the call flows, a YAML file each."""
    log: Log = Log()
