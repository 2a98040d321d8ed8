"""Speech synthesis with eSpeak NG, its library and data taken from the `espeakng_loader` wheel.

The C library keeps one state for the whole process, so every call to it runs in one worker thread, a stretch of text at a
time: a long phrase neither blocks the event loop nor keeps other conversations waiting, and what is made ahead of a slow
listener is at most one stretch. A stretch is handed over as it is made, and is given up when its listener has gone.
"""

import asyncio
import ctypes
import re
import unicodedata
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from itertools import count, takewhile
from pathlib import Path

import numpy as np

from pipeline.engine_settings import Espeak, Settings
from pipeline.errors import ProviderError, ProviderUnavailable
from pipeline.ports import Phrase, Samples, Speech, Voice, Word

CHUNK_S = 0.2
STRETCH_CHARS = 400
QUIET = 64
"""Samples no louder than this count as silence (-54 dB)."""
TAIL_S = 0.05
"""Silence kept at the end of a phrase."""
CALLBACK_MS = 50
STRESS = re.compile("[\u02c8\u02cc]")

VARIANTS = {
    "alloy": "",
    "ash": "m3",
    "ballad": "m7",
    "coral": "f2",
    "echo": "m4",
    "fable": "m5",
    "nova": "f3",
    "onyx": "m8",
    "sage": "f5",
    "shimmer": "linda",
    "verse": "m6",
    "marin": "Annie",
    "cedar": "paul",
}
"""What answers to OpenAI's names, in every language: they are told apart, not imitated."""

# From espeak-ng's speak_lib.h.
SYNCHRONOUS = 2
DONT_EXIT = 0x8000
UTF8 = 1
END_PAUSE = 0x1000
RATE = 1
AT_CHARACTER = 1
EVENTS_END = 0
EVENT_WORD = 1
IPA = 2
GO_ON, STOP = 0, 1


class Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    ]


class ListedVoice(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("unused", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    ]

    def tags(self) -> Iterator[tuple[int, str]]:
        """Each language of this voice, and how far it is from being that language's first voice."""
        place = self.languages
        while rank := ctypes.string_at(place, 1)[0]:
            tag = ctypes.string_at(place + 1)
            yield rank, tag.decode()
            place += len(tag) + 2


CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(Event))

Hear = Callable[[Samples, list[tuple[int, int]]], bool]
"""Takes samples and the words that begin in them, as (place in the text, sample); says whether to go on."""


def why_unavailable(settings: Settings) -> str | None:
    if find_spec("espeakng_loader") is None:
        return "espeak needs the package espeakng-loader, which is not installed"
    return None


def make(settings: Settings, flows_dir: Path) -> "EspeakSpeaker":
    assert isinstance(settings, Espeak)
    if reason := why_unavailable(settings):
        raise ProviderUnavailable(reason)
    return EspeakSpeaker(settings)


@cache
def library_thread() -> ThreadPoolExecutor:
    """The only thread that may touch the library."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="espeak")


@cache
def library() -> "Library":
    return Library()


class Library:
    """The loaded library; all of it belongs to `library_thread`."""

    def __init__(self) -> None:
        import espeakng_loader

        data = espeakng_loader.get_data_path()
        try:
            self.lib = ctypes.CDLL(espeakng_loader.get_library_path())
        except OSError as error:
            raise ProviderUnavailable(f"espeak's library cannot be loaded: {error}") from error
        self.rate: int = self.lib.espeak_Initialize(SYNCHRONOUS, CALLBACK_MS, data.encode(), DONT_EXIT)
        if self.rate <= 0:
            raise ProviderUnavailable(f"espeak cannot read its data in {data}")
        self.voices, self.names = self.list_voices()
        self.variants = {file.name for file in (Path(data) / "voices" / "!v").iterdir()}
        self.lib.espeak_TextToPhonemes.restype = ctypes.c_char_p
        # A callback that ctypes no longer references is freed while the library still calls it.
        self.callback = CALLBACK(self.on_samples)
        self.lib.espeak_SetSynthCallback(self.callback)
        self.hear: Hear = lambda samples, words: False

    def list_voices(self) -> tuple[dict[str, str], dict[str, str]]:
        """What the library calls the voice of each language tag and of each voice's own file, and what each file speaks."""
        self.lib.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(ListedVoice))
        listed = self.lib.espeak_ListVoices(None)
        ranked: list[tuple[int, str, str]] = []
        names: dict[str, str] = {}
        for voice in takewhile(bool, (listed[place] for place in count())):
            file = voice.contents.identifier.decode().rpartition("/")[2]
            names[file] = voice.contents.name.decode().strip()
            ranked.append((0, file.lower(), file))
            ranked += [(rank, tag.lower(), file) for rank, tag in voice.contents.tags()]
        return {tag: file for _, tag, file in sorted(ranked, reverse=True)} | {"en": "en-US"}, names

    def describe(self) -> tuple[Voice, ...]:
        """All that may be named: a voice for each tag, and what any of them may be varied by."""
        tags = [Voice(tag, tag, f"eSpeak NG, {self.names[file]}") for tag, file in sorted(self.voices.items())]
        variants = [Voice(name, "", "eSpeak NG, a variant for any language") for name in sorted(self.variants)]
        return (*tags, *variants)

    def own_voice(self, wanted: str, language: str) -> str:
        """The voice that was asked for, or else that of the language."""
        variant = VARIANTS.get(wanted, wanted)
        if variant in self.variants:
            return f"{language}+{variant}"
        base, plus, variant = wanted.partition("+")
        known = base.lower() in self.voices and (not plus or variant in self.variants)
        return wanted if known else language

    def choose_voice(self, voice: str) -> None:
        # The library copies names into fixed buffers unchecked and overlooks unknown variants, so it sees only listed ones.
        base, plus, variant = voice.partition("+")
        file = self.voices.get(base.lower())
        if (
            file is None
            or (plus and variant not in self.variants)
            or self.lib.espeak_SetVoiceByName((file + plus + variant).encode())
        ):
            raise ProviderError("voice_unknown", f"espeak has no voice {voice[:60]!r}", retryable=False)

    def synthesise(self, text: str, voice: str, words_per_minute: int, last: bool, hear: Hear) -> None:
        self.choose_voice(voice)
        self.lib.espeak_SetParameter(RATE, words_per_minute, 0)
        self.hear = hear
        encoded = text.encode() + b"\0"
        flags = UTF8 if last else UTF8 | END_PAUSE
        size = ctypes.c_size_t(len(encoded))
        code = self.lib.espeak_Synth(encoded, size, 0, AT_CHARACTER, 0, flags, None, None)
        if code != 0:
            raise ProviderError("speech_failed", f"espeak failed with code {code}")

    def on_samples(self, wav: "ctypes._Pointer[ctypes.c_short]", size: int, events: "ctypes._Pointer[Event]") -> int:
        if not wav:
            return GO_ON
        samples = np.ctypeslib.as_array(wav, shape=(size,)).copy() if size else np.zeros(0, np.int16)
        words: list[tuple[int, int]] = []
        place = 0
        while events[place].type != EVENTS_END:
            if events[place].type == EVENT_WORD:
                words.append((events[place].text_position - 1, events[place].sample))
            place += 1
        return GO_ON if self.hear(samples, words) else STOP

    def phonemes(self, text: str, voice: str) -> str:
        self.choose_voice(voice)
        encoded = ctypes.create_string_buffer(text.encode())
        rest = ctypes.c_void_p(ctypes.addressof(encoded))
        clauses: list[str] = []
        while rest.value:
            said = self.lib.espeak_TextToPhonemes(ctypes.byref(rest), UTF8, IPA | ord("_") << 8)
            clauses.append((said or b"").decode(errors="replace").strip())
        return " ".join(filter(None, clauses))


class Cutter:
    """Cuts what the library makes of one stretch of text into `Speech`, one chunk after another.

    A chunk leaves once sound follows it, for silence at the end is cut off, and once its words have ended. A token of the
    text that has no time of its own ('of the' is one word to eSpeak) goes with the word before it.
    """

    def __init__(self, text: str, rate: int, start: int, last: bool) -> None:
        self.rate = rate
        self.start = start
        self.last = last
        self.text = text
        self.tokens = [token.start() for token in re.finditer(r"\S+", text)]
        self.samples = np.zeros(0, np.int16)
        self.cut = 0
        self.loud = 0
        self.heard: list[tuple[int, int]] = []
        self.told = 0

    def add(self, samples: Samples, words: list[tuple[int, int]]) -> Iterator[Speech]:
        loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > QUIET)
        if loud.size:
            self.loud = self.cut + len(self.samples) + int(loud[-1]) + 1
        self.samples = np.concatenate([self.samples, samples])
        for place, sample in words:
            token = sum(start <= place for start in self.tokens) - 1
            if token >= 0 and (not self.heard or token > self.heard[-1][0]):
                self.heard.append((token if self.heard else 0, sample))
        settled = min(self.loud, self.heard[-1][1]) if self.heard else 0
        chunk = int(CHUNK_S * self.rate)
        while self.cut + chunk <= settled:
            yield self.take(chunk)

    def rest(self) -> Iterator[Speech]:
        end = self.cut + len(self.samples)
        if self.last:
            end = min(end, self.loud + int(TAIL_S * self.rate)) if self.loud else 0
        self.heard.append((len(self.tokens), end))
        while self.cut < end:
            yield self.take(min(int(CHUNK_S * self.rate), end - self.cut))

    def take(self, count: int) -> Speech:
        taken, self.samples = self.samples[:count], self.samples[count:]
        self.cut += count
        words: list[Word] = []
        while self.told + 1 < len(self.heard) and self.heard[self.told][1] < self.cut:
            (token, begin), (following, end) = self.heard[self.told : self.told + 2]
            here = self.tokens[token]
            there = self.tokens[following] if following < len(self.tokens) else len(self.text)
            words.append(Word(self.text[here:there].strip(), self.seconds(begin), self.seconds(end)))
            self.told += 1
        return Speech(taken, self.rate, tuple(words))

    def seconds(self, sample: int) -> float:
        return (self.start + sample) / self.rate


def clean(text: str) -> str:
    """The text without what cannot be said: controls become spaces, invisible marks go."""
    kinds = {"Cc": " ", "Cs": " ", "Co": " ", "Cn": " ", "Cf": ""}
    return " ".join("".join(kinds.get(unicodedata.category(char), char) for char in text).split())


def stretches(text: str) -> Iterator[str]:
    """The text in pieces that are short enough to be made at once, broken at a sentence's or else a word's end."""
    while len(text) > STRETCH_CHARS:
        head = text[:STRETCH_CHARS]
        ends = [match.end() for match in re.finditer(r"[.!?;:,]+ ", head)] or [head.rfind(" ") + 1 or STRETCH_CHARS]
        yield text[: ends[-1]].strip()
        text = text[ends[-1] :]
    if text:
        yield text


def phonemes(text: str, language: str) -> str:
    """How eSpeak would say the text, in IPA without stress: `_` between the sounds of a word, a space between words."""
    said = library_thread().submit(lambda: library().phonemes(clean(text), language)).result()
    return STRESS.sub("", said)


class Stretch:
    """One stretch of a phrase on its way from the library's thread to a listener on an event loop."""

    def __init__(self, text: str, start: int, last: bool) -> None:
        self.text = text
        self.start = start
        self.last = last
        self.loop = asyncio.get_running_loop()
        self.made: asyncio.Queue[Speech | None] = asyncio.Queue()
        """Bounded by what a stretch's text can sound like; None is its end."""
        self.wanted = True

    def synthesise(self, phrase: Phrase, words_per_minute: int) -> None:
        """Runs in the library's thread."""
        try:
            if self.wanted:
                voice = library().own_voice(phrase.voice, phrase.language)
                cutter = Cutter(self.text, library().rate, self.start, self.last)
                library().synthesise(
                    self.text, voice, words_per_minute, self.last, lambda *sound: self.give(cutter.add(*sound))
                )
                self.give(cutter.rest())
        finally:
            self.give([None])

    def give(self, speeches: Iterable[Speech | None]) -> bool:
        for speech in speeches:
            # A loop that has closed meanwhile has nobody left to listen.
            with suppress(RuntimeError):
                self.loop.call_soon_threadsafe(self.made.put_nowait, speech)
        return self.wanted


class EspeakSpeaker:
    """A `Speaker`; the words of all its `Speech` make the phrase's text again, less what cannot be spoken."""

    def __init__(self, settings: Espeak) -> None:
        self.words_per_minute = settings.words_per_minute

    async def speak(self, phrase: Phrase) -> AsyncGenerator[Speech, None]:
        words_per_minute = round(self.words_per_minute * phrase.speed)
        pieces = list(stretches(clean(phrase.text)))
        start = 0
        for number, piece in enumerate(pieces, start=1):
            stretch = Stretch(piece, start, number == len(pieces))
            work = stretch.loop.run_in_executor(library_thread(), stretch.synthesise, phrase, words_per_minute)
            try:
                while (speech := await stretch.made.get()) is not None:
                    start += len(speech.samples)
                    yield speech
                await work
            finally:
                stretch.wanted = False

    def voices(self) -> tuple[Voice, ...]:
        return library_thread().submit(lambda: library().describe()).result()
