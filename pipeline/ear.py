"""The caller's side of a conversation: audio and probabilities of speech go in, beginnings, endings and pieces come out."""

from pipeline.audio import to_ms, to_samples
from pipeline.buffering import Gathered
from pipeline.config import Config, Turn
from pipeline.endpointing import Began, Ended, Endpointer, Paused, Resumed
from pipeline.events import (
    AudioDropped,
    FromEar,
    PieceDue,
    SpeechBegan,
    SpeechEnded,
    SpeechGrew,
    SpeechPaused,
    SpeechResumed,
)
from pipeline.framing import CallerAudio
from pipeline.manner import Manner
from pipeline.melody import LOOK_MS, lowering
from pipeline.ports import LISTENING_RATE, Samples


class Ear:
    """Holds one caller's audio, and knows where speech is in it."""

    def __init__(self, config: Config) -> None:
        vad, turn = config.vad, config.turn
        self._config = config
        self._deaf = False
        """Whether nobody wants to know where speech is."""
        self._audio = CallerAudio(vad.window, vad.overlap)
        hop = round(vad.window * (1 - vad.overlap))
        self._hop = hop
        self._endpointer = Endpointer(turn, hop, vad.window)
        self._gathered = Gathered(config.buffering)
        self._newest_at = 0.0
        self._ended_at = 0
        self._keep_from = 0
        self._look = to_samples(config.interruption.look_ms, LISTENING_RATE)
        self._looked_at = 0
        self._melody = self._padding = self._reach = 0
        self._listen_by(turn)
        # Frames are 20 ms as a rule, so the emergency mark is a length too; twice that is the end of patience.
        self._most = 2 * config.buffering.emergency_chunks * LISTENING_RATE // 50

    @property
    def held_ms(self) -> int:
        """Milliseconds of audio that are kept."""
        return to_ms(self._audio.held, LISTENING_RATE)

    def adjust(self, manner: Manner) -> None:
        """Other rules for what speech is, or none."""
        rules = manner.turn or self._config.turn
        self._endpointer.adjust(rules)
        self._listen_by(rules)
        self._deaf = not manner.detects
        if self._deaf:
            self._endpointer.speaking = False
            self._skip()

    def begin_at(self, position: int, *, speaking: bool = False) -> None:
        """Audio before this position was heard elsewhere; `speaking` when there was speech in it that goes on."""
        self._audio.begin_at(position)
        self._endpointer.begin_at(self._endpointer.position + position, speaking=speaking)
        self._ended_at = position

    @property
    def received(self) -> int:
        """Position after the newest sample."""
        return self._audio.received

    @property
    def needed_from(self) -> int:
        """Position from which audio may still be the beginning of a turn; speech that goes on is the end of one."""
        reach = 0 if self.speaking else self._reach
        return max(self._endpointer.position - reach, self._ended_at)

    def has_judged(self, position: int) -> bool:
        """Whether all windows are judged that end there, or before."""
        return self._endpointer.position + self._hop > position

    @property
    def speaking(self) -> bool:
        return self._endpointer.speaking

    def _listen_by(self, turn: Turn) -> None:
        wanted = turn.melody and turn.detection == "semantic_vad"
        self._melody = to_samples(LOOK_MS, LISTENING_RATE) if wanted else 0
        # What a turn may reach back to: its padding, and the speech before it was believed to be speech.
        self._padding = to_samples(turn.prefix_padding_ms, LISTENING_RATE)
        self._reach = self._padding + to_samples(turn.min_speech_ms, LISTENING_RATE) + 2 * self._config.vad.window

    def _skip(self) -> None:
        windows = 0
        while self._audio.next_window() is not None:
            windows += 1
        self._endpointer.skip(windows)

    def hear(self, samples: Samples, now: float) -> AudioDropped | None:
        """Takes audio; when nobody fetched what was held for too long, the oldest is dropped."""
        self._audio.append(samples)
        self._newest_at = now
        if self._deaf:
            self._skip()
        if self._endpointer.speaking:
            self._gathered.add(len(samples))
        too_much = self._audio.held - self._most
        if too_much <= 0:
            return None
        # What nobody needs goes first, and is no loss.
        spare = max(self._keep_from - (self._audio.received - self._audio.held), 0)
        # A tenth at once, so that the caller is told now and then and not with every frame.
        ready = self._audio.windows_ready()
        dropped = self._audio.drop(spare if spare >= too_much else too_much + self._most // 10) - spare
        self._endpointer.skip(ready - self._audio.windows_ready())
        return AudioDropped(to_ms(dropped, LISTENING_RATE)) if dropped > 0 else None

    def windows_ready(self) -> int:
        return self._audio.windows_ready()

    def next_window(self) -> Samples | None:
        """The next window to be judged; a view that holds until the ear is used again."""
        return self._audio.next_window()

    def judge(self, probability: float, *, piece_under_way: bool) -> FromEar | None:
        """Takes the probability of speech in the oldest window that was not judged yet."""
        match self._endpointer.push(probability):
            case Began(at):
                self._gathered.flushed()
                self._looked_at = 0
                # The end of the turn before is no part of this one.
                return SpeechBegan(max(at - self._padding, self._ended_at))
            case Paused(at):
                pause = SpeechPaused(at, lowering(self._audio.cut(at - self._melody, at)))
                due = self._gathered.due(paused=True, under_way=piece_under_way)
                return pause if due is None else self._piece(pause)
            case Resumed(after_ms):
                return SpeechResumed(after_ms)
            case Ended(at):
                return self._ended(at)
            case None:
                return self._grown(piece_under_way) if self._endpointer.speaking else None

    def need_silence(self, ms: int) -> SpeechEnded | None:
        """How much silence ends speech from now on; an end, when there has been as much already."""
        self._endpointer.silence = to_samples(ms, LISTENING_RATE)
        ended = self._endpointer.settle()
        return None if ended is None else self._ended(ended.at)

    def _ended(self, at: int) -> SpeechEnded:
        self._ended_at = at
        return SpeechEnded(at, self._newest_at - (self._audio.received - at) / LISTENING_RATE)

    def _grown(self, piece_under_way: bool) -> PieceDue | SpeechGrew | None:
        if self._gathered.due(paused=False, under_way=piece_under_way) is not None:
            return self._piece()
        if self._endpointer.paused or self._endpointer.spoken - self._looked_at < self._look:
            return None
        self._looked_at = self._endpointer.spoken
        return SpeechGrew(self._endpointer.position, to_ms(self._endpointer.spoken, LISTENING_RATE))

    def _piece(self, pause: SpeechPaused | None = None) -> PieceDue:
        self._gathered.flushed()
        return PieceDue(self._audio.received, pause)

    def cut(self, start: int, stop: int) -> Samples:
        return self._audio.cut(start, stop)

    def hold_from(self, position: int | None) -> None:
        """Keeps audio from here on; None keeps just what the next turn may reach back to."""
        reach = self._endpointer.position - self._reach
        self._keep_from = reach if position is None else min(position, reach)
        self._audio.forget(self._keep_from)
