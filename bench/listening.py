"""Speech as the server hears it, in the audio's own time: the real ear, voice activity detection, brain and recogniser.

A frame arrives when it has been spoken, and words come back after the time that their decoding took, one at a time. That is the
processor's time: on a machine with other work, the clock's time tells of that work. Nothing is answered. Deadlines of the brain
are left out, for none has to do with a turn's end; a fixed silence asks for no words, so that rule gets none.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from actors.engines import sphinx
from actors.engines.silero import WINDOW, SileroVad
from bench.pausing_speakers import Speech
from pipeline import events as on
from pipeline.commands import Abandon, Transcribe
from pipeline.config import Config
from pipeline.conversation import Conversation
from pipeline.ear import Ear
from pipeline.engine_settings import Sphinx
from pipeline.flow import Flow
from pipeline.manner import Manner
from pipeline.ports import LISTENING_RATE, Samples, Transcript, Utterance
from pipeline.work import Work

FRAME = LISTENING_RATE // 50


@dataclass(frozen=True, slots=True)
class Look:
    """Words that came back while the caller was heard."""

    asked_ms: int
    """When they were asked for, from the last sound on."""
    came_ms: int
    words: str
    confidence: float | None
    silence_ms: int
    """The silence that was needed from then on."""


@dataclass(slots=True)
class Heard:
    """What was made of one sentence."""

    text: str
    language: str
    pauses_ms: tuple[int, ...]
    ends_ms: list[int] = field(default_factory=lambda: [])
    """Each decision that the turn has ended, from the last sound on."""
    looks: list[Look] = field(default_factory=lambda: [])

    @property
    def cut(self) -> bool:
        return self.ends_ms[0] < 0

    @property
    def wait_ms(self) -> int:
        return self.ends_ms[-1]


class Recogniser:
    """The real one, and how long it takes."""

    def __init__(self, fixed_ms: int | None = None, wall: bool = False) -> None:
        self._engine = sphinx.SphinxRecogniser(Sphinx())
        self._fixed_ms = fixed_ms
        self._wall = wall
        self.cpu_ms: list[float] = []
        self.wall_ms: list[float] = []

    def warm_up(self, language: str, phrases: tuple[str, ...], samples: Samples) -> None:
        """Makes the grammar, as the first caller's greeting gives time for."""
        self._engine.hear(Utterance(samples, language, phrases))

    def hear(self, command: Transcribe, samples: Samples) -> tuple[Transcript, float]:
        """The words, and the seconds until they are there."""
        wall, cpu = time.perf_counter(), time.thread_time()
        transcript = self._engine.hear(Utterance(samples, command.language, command.phrases))
        self.cpu_ms.append(1000 * (time.thread_time() - cpu))
        self.wall_ms.append(1000 * (time.perf_counter() - wall))
        took_ms = self.wall_ms[-1] if self._wall else self.cpu_ms[-1]
        return transcript, (took_ms if self._fixed_ms is None else self._fixed_ms) / 1000


@dataclass(frozen=True, slots=True)
class _Job:
    work: Work
    asked_s: float
    due_s: float
    transcript: Transcript


class Call:
    """One sentence, heard with one configuration."""

    def __init__(self, config: Config, flow: Flow, speech: Speech, recogniser: Recogniser) -> None:
        self._ear = Ear(config)
        manner = Manner(speech.sentence.language, LISTENING_RATE)
        self._brain = Conversation(config, config.conversation.flow, flow, manner)
        self._speech, self._recogniser = speech, recogniser
        self._needs_words = config.turn.detection == "semantic_vad"
        self._free_s = 0.0
        self._jobs: list[_Job] = []
        self._heard = Heard(speech.sentence.text, speech.sentence.language, speech.pauses_ms)

    def run(self, probabilities: Sequence[float]) -> Heard:
        samples = self._speech.samples
        judged = iter(probabilities)
        for start in range(0, len(samples) - FRAME + 1, FRAME):
            now = (start + FRAME) / LISTENING_RATE
            self._deliver(now)
            self._ear.hear(samples[start : start + FRAME], now)
            while self._ear.next_window() is not None:
                event = self._ear.judge(next(judged), piece_under_way=self._brain.piece_under_way)
                if event is not None:
                    self._give(event, now)
                self._ear.hold_from(self._brain.audio_needed_from)
        return self._heard

    def _deliver(self, now: float) -> None:
        while self._jobs and self._jobs[0].due_s <= now:
            job = self._jobs.pop(0)
            self._give(on.Transcribed(job.work, job.transcript, job.due_s - job.asked_s), job.due_s)
            asked_ms, came_ms = self._from_end(job.asked_s), self._from_end(job.due_s)
            heard = job.transcript
            self._heard.looks.append(Look(asked_ms, came_ms, heard.text, heard.confidence, self._brain.silence_ms))

    def _give(self, event: on.Event, now: float) -> None:
        if isinstance(event, on.SpeechEnded):
            self._heard.ends_ms.append(self._from_end(now))
        for command in self._brain.handle(event, now):
            match command:
                case Transcribe() if self._needs_words:
                    self._transcribe(command, now)
                case Abandon(work):
                    # What has begun goes on to its end, as it does in a thread, but its words come to nobody.
                    self._jobs = [job for job in self._jobs if job.work != work]
                case _:
                    pass
        ended = self._ear.need_silence(self._brain.silence_ms)
        if ended is not None:
            self._give(ended, now)

    def _transcribe(self, command: Transcribe, now: float) -> None:
        transcript, took_s = self._recogniser.hear(command, self._ear.cut(command.start, command.stop))
        self._free_s = max(self._free_s, now) + took_s
        self._jobs.append(_Job(command.work, now, self._free_s, transcript))

    def _from_end(self, now: float) -> int:
        return round(1000 * (now - self._speech.end / LISTENING_RATE))


def probabilities(said: Sequence[Speech]) -> list[list[float]]:
    """What voice activity detection says of each window of each speech."""
    vad = SileroVad()
    return [_judged(vad, number, speech.samples) for number, speech in enumerate(said)]


def _judged(vad: SileroVad, number: int, samples: Samples) -> list[float]:
    windows = samples[: len(samples) // WINDOW * WINDOW].reshape(-1, WINDOW)
    return [float(vad.detect([number], window[None], 0.0)[0]) for window in windows]
