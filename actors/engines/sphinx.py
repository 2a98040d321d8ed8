"""Speech recognition with pocketsphinx and the en-us model from its wheel: small, offline, strong within a call flow.

Where the flow says what it expects, a grammar of these phrases decodes the audio, and beside it a loop over all phones tells
what the best possible explanation of the sound would score. A phrase that scores far worse than the loop was not said. What
is rejected goes to the general English model, and in other languages counts as speech without words.

All decoding runs in one thread: the library keeps the interpreter's lock while it works, so more threads would gain nothing,
and audio goes to it in blocks of a few milliseconds' work so that the event loop gets its turns.
"""

import asyncio
import math
import tempfile
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from actors.engines.pronunciation import pronunciations
from pipeline.engine_settings import Settings, Sphinx
from pipeline.errors import ProviderError, ProviderUnavailable
from pipeline.ports import LISTENING_RATE, Samples, Transcript, Utterance, Word

if TYPE_CHECKING:
    from pocketsphinx import Decoder

BLOCK = 1600
FRAME_S = 0.01
GRAMMARS = 16
"""Grammars kept ready; each takes about 5 MB, and 0.2 s to make."""

WORST_MARGIN = 22.0
"""How far a phrase may score below the phones, a frame of its words, at `accept` 1: measured to part eSpeak's voices."""
SHORT = 20
"""Frames added to every phrase before its score is spread over them, for a short word's edges weigh as much as a long one's."""
MARGIN_SPREAD = 5.0
"""Change of the margin that moves the confidence from 0.5 to about 0.73."""

GUESS = 0.5
"""Confidence in words of the general model, which knows nothing of the place."""

LEAST_FRAMES = 12
LEAST_SHARE = 0.1
"""A phrase is heard in noise if it takes less time than this, or a smaller share of the sound."""

FAINT = 60
"""A peak no louder than this is silence (-55 dB)."""
LEVEL = 12_000
MOST_GAIN = 20.0
EDGE_S = 0.15
"""Silence kept around speech: more of it spoils the estimate of the channel, less cuts into soft sounds."""
HISS = np.random.default_rng(1).normal(0, 5, LISTENING_RATE)
"""Faint noise under the audio, always the same: the model takes perfect silence, which no microphone gives, for sounds."""

# fmt: off
PHONES = [
    "AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH", "IH", "IY", "JH", "K", "L", "M",
    "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH", "UW", "V", "W", "Y", "Z", "ZH",
]
# fmt: on

WIDE = {"beam": 1e-150, "pbeam": 1e-150, "wbeam": 1e-120}
"""A grammar is small, so that hardly anything need be pruned; narrow beams lose phrases in unusual voices."""


def why_unavailable(settings: Settings) -> str | None:
    if find_spec("pocketsphinx") is None:
        return "sphinx needs the package pocketsphinx, which is not installed"
    return None


def make(settings: Settings, flows_dir: Path) -> "SphinxRecogniser":
    assert isinstance(settings, Sphinx)
    if reason := why_unavailable(settings):
        raise ProviderUnavailable(reason)
    return SphinxRecogniser(settings)


@dataclass(frozen=True, slots=True)
class Sound:
    """Audio made ready: cut to the speech in it, at an even level, with the channel's mean as the library writes it."""

    pcm: bytes
    start_s: float
    channel: str

    @property
    def frames(self) -> float:
        return len(self.pcm) / 2 / LISTENING_RATE / FRAME_S


@dataclass(frozen=True, slots=True)
class Heard:
    """What a decoder made of a sound; `score` is in its own logarithmic unit, times are in frames."""

    score: float
    words: tuple[tuple[str, int, int], ...]

    @property
    def frames(self) -> int:
        return sum(end - begin + 1 for _, begin, end in self.words)


def new_decoder(lexicon: dict[str, list[str]] | None, **options: object) -> "Decoder":
    """A decoder with its own small dictionary, or with the model's."""
    from pocketsphinx import Decoder

    # Second passes gain nothing in a grammar, and hold the lock for the length of an utterance.
    common = {"loglevel": "FATAL", "bestpath": False, "fwdflat": False} | options
    if lexicon is None:
        return Decoder(**common)
    with tempfile.NamedTemporaryFile("w", suffix=".dict") as file:
        for word, spoken in lexicon.items():
            for number, phones in enumerate(spoken, start=1):
                file.write(f"{word}({number}) {phones}\n" if number > 1 else f"{word} {phones}\n")
        file.flush()
        return Decoder(lm=None, dict=file.name, **common)


def follow(decoder: "Decoder", arcs: Sequence[tuple[int, int, float] | tuple[int, int, float, str]], last: int) -> "Decoder":
    decoder.add_fsg("flow", decoder.create_fsg("flow", 0, last, arcs))
    decoder.activate_search("flow")
    return decoder


def decode(decoder: "Decoder", sound: Sound) -> Heard | None:
    # The mean is given from outside and the stream begun anew, so that nothing of an earlier speaker is left in the decoder.
    # The library calls the latter needless; without it, equal audio scores a little differently each time.
    decoder.set_cmn(sound.channel)
    decoder.start_stream()
    decoder.start_utt()
    for place in range(0, len(sound.pcm), 2 * BLOCK):
        decoder.process_raw(sound.pcm[place : place + 2 * BLOCK])
    decoder.end_utt()
    best = decoder.hyp()
    if best is None or not best.score > 0:
        return None
    # The library numbers pronunciations, as in `w5(2)`; its own words for silence and noise stand in brackets.
    words = [(segment.word.partition("(")[0], segment.start_frame, segment.end_frame) for segment in decoder.seg()]
    return Heard(math.log(best.score, 1.0001), tuple(word for word in words if word[0] and word[0][0] not in "<["))


class Front:
    """Makes audio ready, and measures its channel with a decoder that decodes nothing."""

    def __init__(self) -> None:
        self.decoder = follow(new_decoder({"silence": ["SIL"]}, cmn="batch"), [(0, 1, 1.0, "silence")], 1)

    def prepare(self, samples: Samples) -> Sound | None:
        loudness = np.abs(samples.astype(np.int32))
        peak = int(loudness.max(initial=0))
        if peak <= FAINT:
            return None
        loud = np.flatnonzero(loudness > peak * 0.015)
        edge = int(EDGE_S * LISTENING_RATE)
        begin = max(0, int(loud[0]) - edge)
        speech = samples[begin : int(loud[-1]) + edge] * min(MOST_GAIN, LEVEL / peak)
        pcm = np.clip(speech + np.resize(HISS, len(speech)), -32768, 32767).astype(np.int16).tobytes()
        self.decoder.start_stream()
        self.decoder.start_utt()
        self.decoder.process_raw(pcm, full_utt=True)
        self.decoder.end_utt()
        return Sound(pcm, begin / LISTENING_RATE, self.decoder.get_cmn())


class Grammar:
    """A decoder that hears nothing but the given phrases, each of them one path."""

    def __init__(self, phrases: tuple[str, ...], language: str) -> None:
        from pocketsphinx import get_model_path

        tokens = {phrase: [sounding(token) for token in phrase.split()] for phrase in phrases}
        wanted = dict.fromkeys(word for words in tokens.values() for word in words if word)
        said = pronunciations(wanted, language, Path(get_model_path("en-us/cmudict-en-us.dict")))
        # The decoder's own names for words keep every script and sign out of its files.
        self.names = {word: f"w{number}" for number, word in enumerate(word for word in wanted if said[word])}
        self.paths: dict[tuple[str, ...], str] = {}
        for phrase, words in tokens.items():
            path = tuple(self.names[word] for word in words if word in self.names)
            if path:
                self.paths.setdefault(path, phrase)
        self.decoder = self.build({name: said[word] for word, name in self.names.items()}) if self.paths else None

    def build(self, lexicon: dict[str, list[str]]) -> "Decoder":
        start, end = 0, 1
        arcs: list[tuple[int, int, float, str]] = []
        state = end
        for path in self.paths:
            here = start
            for place, name in enumerate(path, start=1):
                state += 1
                there = end if place == len(path) else state
                arcs.append((here, there, 1 / len(self.paths) if here == start else 1.0, name))
                here = there
        return follow(new_decoder(lexicon, cmn="live", compallsen=True, **WIDE), arcs, end)

    def hear(self, sound: Sound) -> Heard | None:
        return decode(self.decoder, sound) if self.decoder else None

    def phrase(self, heard: Heard) -> str:
        return self.paths.get(tuple(name for name, _, _ in heard.words), "")

    def words(self, heard: Heard, start_s: float) -> tuple[Word, ...]:
        spoken = (token for token in self.phrase(heard).split() if sounding(token) in self.names)
        return tuple(timed(token, begin, end, start_s) for token, (_, begin, end) in zip(spoken, heard.words, strict=True))


def sounding(token: str) -> str:
    """A token of a phrase without the punctuation around it, in lower case."""
    letters = [place for place, letter in enumerate(token) if letter.isalnum()]
    return token[letters[0] : letters[-1] + 1].lower().replace("\u2019", "'") if letters else ""


def timed(text: str, begin: int, end: int, start_s: float) -> Word:
    return Word(text, round(start_s + begin * FRAME_S, 2), round(start_s + (end + 1) * FRAME_S, 2))


def phone_loop() -> "Decoder":
    decoder = new_decoder({f"p{phone}": [phone] for phone in PHONES}, cmn="live", compallsen=True)
    arcs = [(0, 1, 1 / len(PHONES), f"p{phone}") for phone in PHONES]
    return follow(decoder, [(0, 1, 1.0), *arcs, (1, 0, 1.0)], 1)


class Shared:
    """The decoders that are the same for every flow; loading the general model takes the interpreter's lock for 0.3 s."""

    def __init__(self) -> None:
        self.front = Front()
        self.phones = phone_loop()
        self.general = new_decoder(None, cmn="live")


class SphinxRecogniser:
    """A `Recogniser`; its decoders belong to its one thread, and loading begins before the first caller speaks."""

    def __init__(self, settings: Sphinx) -> None:
        self.accept = settings.accept
        self.thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sphinx")
        self.shared = self.thread.submit(Shared)
        self.grammars: OrderedDict[tuple[str, tuple[str, ...]], Grammar] = OrderedDict()

    def warm(self, language: str, phrases: tuple[str, ...]) -> None:
        """Makes the decoder for these phrases now, and not while its first caller waits."""
        self.grammar(Utterance(np.empty(0, np.int16), language, phrases))

    async def transcribe(self, utterance: Utterance) -> Transcript:
        if utterance.language != "en" and not any(map(sounding, utterance.phrases)):
            raise unsupported(utterance.language, "without a call flow that says what to expect")
        return await asyncio.get_running_loop().run_in_executor(self.thread, self.hear, utterance)

    def hear(self, utterance: Utterance) -> Transcript:
        shared = self.shared.result()
        sound = shared.front.prepare(utterance.samples)
        if sound is None:
            return Transcript("", utterance.language)
        transcript = self.within(self.grammar(utterance), sound, utterance.language, shared.phones)
        return freely(sound, shared.general) if utterance.language == "en" and not transcript.text else transcript

    def grammar(self, utterance: Utterance) -> Grammar:
        key = (utterance.language, utterance.phrases)
        try:
            grammar = self.grammars.pop(key, None) or Grammar(utterance.phrases, utterance.language)
        except ProviderError as error:
            if error.code != "voice_unknown":
                raise
            raise unsupported(utterance.language, "because nothing here can pronounce it") from error
        self.grammars[key] = grammar
        if len(self.grammars) > GRAMMARS:
            self.grammars.popitem(last=False)
        return grammar

    def within(self, grammar: Grammar, sound: Sound, language: str, phones: "Decoder") -> Transcript:
        heard = grammar.hear(sound)
        phrase = grammar.phrase(heard) if heard else ""
        if heard is None or not phrase or heard.frames < max(LEAST_FRAMES, LEAST_SHARE * sound.frames):
            return Transcript("", language)
        loop = decode(phones, sound)
        margin = (heard.score - loop.score) / (heard.frames + SHORT) if loop else 0.0
        trust = confidence(margin, self.accept)
        if trust < 0.5:
            return Transcript("", language, trust)
        return Transcript(phrase, language, trust, grammar.words(heard, sound.start_s))


def freely(sound: Sound, general: "Decoder") -> Transcript:
    heard = decode(general, sound)
    words = heard.words if heard else ()
    text = " ".join(spelling for spelling, _, _ in words)
    return Transcript(text, "en", GUESS, tuple(timed(*word, sound.start_s) for word in words))


def unsupported(language: str, reason: str) -> ProviderError:
    return ProviderError("language_unsupported", f"sphinx cannot hear {language!r} {reason}", retryable=False)


def confidence(margin: float, accept: float) -> float:
    """How likely a phrase is what was said; 0.5 is just enough."""
    if accept == 0:
        return 1.0
    return 1 / (1 + math.exp(-max(-50.0, margin + WORST_MARGIN / accept) / MARGIN_SPREAD))
