"""Speech recognition on this machine with faster-whisper.

Rules: a model is loaded from a folder that has all it needs, so loading never reaches for the network; only `download` may.
Utterances are decoded in a thread, one batch at a time: those that arrive meanwhile go together with the next batch. The
library's own batching is for the pieces of one long file, so several utterances are stacked here, encoded and decoded as one.
CTranslate2 wants all prompts of a batch to be equally long, so a batch has one hint and one prompt; languages may differ. Audio
of more than 30 s, the most that the model listens to, is decoded in pieces.
"""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from actors.engines.hints import hint_text
from pipeline.engine_settings import Settings, Whisper
from pipeline.errors import ProviderError, ProviderUnavailable
from pipeline.ports import LISTENING_RATE, Samples, Transcript, Utterance, Word

if TYPE_CHECKING:
    from faster_whisper import WhisperModel
    from faster_whisper.tokenizer import Tokenizer

WINDOW = 30 * LISTENING_RATE
"""Samples that the model listens to at once."""

WAITING_BATCHES = 8
"""Batches that may wait; more are refused, because they would be answered too late."""

SILENCE = 0.6
"""A higher probability of no speech, with a low one of the words, means that there were none."""
UNSURE = -1.0
"""A low mean logarithm of the words' probabilities."""

TOKENS = (32, 30)
"""The longest answer: so many tokens, and so many for each second; a model that has lost its way would write 224."""

FILES = ("model.bin", "config.json", "tokenizer.json")


@dataclass(frozen=True, slots=True)
class Window:
    """Up to 30 s of speech, and what may be said before it is heard."""

    samples: Samples
    language: str
    hint: str
    prompt: str = ""

    @property
    def lead(self) -> tuple[str, str]:
        return self.hint, self.prompt


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    window: Window
    heard: asyncio.Future[Transcript]


class WhisperRecogniser:
    def __init__(self, settings: Whisper, model: "WhisperModel") -> None:
        self._batch = settings.batch
        self._decoder = Decoder(model, settings.beam_size)
        self._waiting: list[Job] = []
        self._worker: asyncio.Task[None] | None = None

    async def transcribe(self, utterance: Utterance) -> Transcript:
        if not len(utterance.samples):
            return Transcript("", utterance.language)
        hint = hint_text(utterance.phrases)
        starts = range(0, len(utterance.samples), WINDOW)
        pieces = [
            Window(utterance.samples[start : start + WINDOW], utterance.language, hint, utterance.prompt.strip())
            for start in starts
        ]
        return _joined(await asyncio.gather(*(self._hear(piece) for piece in pieces)))

    async def _hear(self, window: Window) -> Transcript:
        if len(self._waiting) >= WAITING_BATCHES * self._batch:
            raise ProviderError("provider_busy", f"{len(self._waiting)} utterances wait for whisper already.")
        job = Job(window, asyncio.get_running_loop().create_future())
        self._waiting.append(job)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return await job.heard

    async def _work(self) -> None:
        while batch := self._next_batch():
            try:
                transcripts = await asyncio.to_thread(self._decoder.decode, [job.window for job in batch])
            except Exception as error:
                for job in batch:
                    if not job.heard.done():
                        job.heard.set_exception(ProviderError("provider_failed", f"whisper failed: {error}"))
            else:
                for job, transcript in zip(batch, transcripts, strict=True):
                    if not job.heard.done():
                        job.heard.set_result(transcript)

    def _next_batch(self) -> list[Job]:
        """The oldest job that someone still waits for, and those with its hint and prompt."""
        waiting = [job for job in self._waiting if not job.heard.done()]
        batch = [job for job in waiting if job.window.lead == waiting[0].window.lead][: self._batch]
        self._waiting = [job for job in waiting if job not in batch]
        return batch


class Decoder:
    """The model and its tokenizers; it is used by one thread at a time."""

    def __init__(self, model: "WhisperModel", beam_size: int) -> None:
        self._model: Any = model  # its annotations tell less than it takes
        self._beam_size = beam_size
        known = model.hf_tokenizer.token_to_id
        self._languages = {code for code in model.supported_languages if code == "en" or known(f"<|{code}|>") is not None}
        self._tokenizers: dict[str, Tokenizer] = {}

    def decode(self, windows: Sequence[Window]) -> list[Transcript]:
        """What is said in each; all have the same hint and prompt."""
        features, frames = self._features(windows)
        encoded = self._model.encode(features)
        languages = self._spoken(windows, encoded)
        results = self._generate(windows, languages, encoded)
        tokens = [[token for token in ids if token < self._tokenizer("en").eot] for ids in _ids(results)]
        words = self._words(languages, tokens, encoded, frames)
        return [
            self._transcript(language, result, ids, timed)
            for language, result, ids, timed in zip(languages, results, tokens, words, strict=True)
        ]

    def _features(self, windows: Sequence[Window]) -> tuple[np.ndarray, list[int]]:
        """A spectrogram for each, all filled up to 30 s, and how many frames of it are sound."""
        from faster_whisper.audio import pad_or_trim

        hear = self._model.feature_extractor
        spectra = [
            hear(window.samples.astype(np.float32) / 32_768)[..., :-1] for window in windows
        ]  # it adds a frame of silence
        length = hear.nb_max_frames
        frames = [min(spectrum.shape[-1], length) for spectrum in spectra]
        return np.stack([pad_or_trim(spectrum, length) for spectrum in spectra]), frames

    def _spoken(self, windows: Sequence[Window], encoded: Any) -> list[str]:
        """The language of each: what it is said to be where the model knows that one, otherwise what it sounds like."""
        if not self._model.model.is_multilingual:
            return ["en"] * len(windows)
        if all(window.language in self._languages for window in windows):
            return [window.language for window in windows]
        guesses = [ranked[0][0][2:-2] for ranked in self._model.model.detect_language(encoded)]
        return [
            window.language if window.language in self._languages else guess
            for window, guess in zip(windows, guesses, strict=True)
        ]

    def _generate(self, windows: Sequence[Window], languages: list[str], encoded: Any) -> list[Any]:
        hint, prompt = windows[0].lead
        before = self._tokens_before(hint, prompt)
        prompts = [
            self._model.get_prompt(self._tokenizer(language), before, without_timestamps=True, hotwords=hint or None)
            for language in languages
        ]
        seconds = max(len(window.samples) for window in windows) / LISTENING_RATE
        answer = math.ceil(TOKENS[0] + TOKENS[1] * seconds)
        # The library counts the prompt, and gives an answer half of the whole at most.
        longest = min(self._model.max_length, max(2 * answer, len(prompts[0]) + answer))
        return self._model.model.generate(
            encoded, prompts, beam_size=self._beam_size, max_length=longest, return_scores=True, return_no_speech_prob=True
        )

    def _tokens_before(self, hint: str, prompt: str) -> list[int]:
        """The prompt's last words, as many as fit beside the hint: together they take half of what the model reads."""
        if not prompt:
            return []
        encode = self._tokenizer("en").encode
        room = self._model.max_length // 2 - 1 - (len(encode(f" {hint}")) if hint else 0)
        return encode(f" {prompt}")[-room:] if room > 0 else []

    def _words(self, languages: list[str], tokens: list[list[int]], encoded: Any, frames: list[int]) -> list[tuple[Word, ...]]:
        words: list[tuple[Word, ...]] = [()] * len(languages)
        for language in set(languages):  # one alignment knows one language; mostly there is only one
            alignments = self._model.find_alignment(self._tokenizer(language), tokens, encoded, frames)
            for place, alignment in enumerate(alignments):
                if languages[place] == language:
                    words[place] = _timed(alignment)
        return words

    def _transcript(self, language: str, result: Any, tokens: list[int], words: tuple[Word, ...]) -> Transcript:
        count = len(result.sequences_ids[0])
        mean = result.scores[0] * count / (count + 1)  # the score leaves out that it ended
        if result.no_speech_prob > SILENCE and mean < UNSURE:
            return Transcript("", language)
        text = self._tokenizer(language).decode(tokens).strip()
        return Transcript(text, language, confidence=min(1.0, math.exp(mean)), words=words)

    def _tokenizer(self, language: str) -> "Tokenizer":
        from faster_whisper.tokenizer import Tokenizer

        if language not in self._tokenizers:
            multilingual = self._model.model.is_multilingual
            self._tokenizers[language] = Tokenizer(self._model.hf_tokenizer, multilingual, "transcribe", language)
        return self._tokenizers[language]


def _ids(results: list[Any]) -> list[list[int]]:
    return [result.sequences_ids[0] for result in results]


def _timed(alignment: list[dict[str, Any]]) -> tuple[Word, ...]:
    """Words with their marks: a mark that follows a word belongs to it, others are left out."""
    words: list[Word] = []
    for part in alignment:
        text = part["word"].strip()
        if any(letter.isalnum() for letter in text):
            words.append(Word(text, float(part["start"]), float(part["end"])))
        elif words and not part["word"].startswith(" "):
            words[-1] = replace(words[-1], text=words[-1].text + text)
    return tuple(words)


def _joined(pieces: Sequence[Transcript]) -> Transcript:
    if len(pieces) == 1:
        return pieces[0]
    later = [
        replace(word, start_s=word.start_s + start_s, end_s=word.end_s + start_s)
        for start_s, piece in zip(range(0, 30 * len(pieces), 30), pieces, strict=True)
        for word in piece.words
    ]
    sure = [piece.confidence for piece in pieces if piece.confidence is not None]
    text = " ".join(piece.text for piece in pieces if piece.text)
    return Transcript(text, pieces[0].language, min(sure, default=None), tuple(later))


def why_unavailable(settings: Settings) -> str | None:
    assert isinstance(settings, Whisper)
    if find_spec("faster_whisper") is None:
        return "pip install faster-whisper"
    if settings.download:
        return None
    return _what_is_missing(settings.model, _folder(settings.model))


def make(settings: Settings, flows_dir: Path) -> WhisperRecogniser:
    assert isinstance(settings, Whisper)
    if reason := why_unavailable(settings):
        raise ProviderUnavailable(reason)
    from faster_whisper import WhisperModel

    folder = _folder(settings.model)
    if _what_is_missing(settings.model, folder):
        folder = _download(settings.model)
    try:
        model = WhisperModel(
            str(folder), device=settings.device, compute_type=settings.compute_type, cpu_threads=settings.threads
        )
    except (RuntimeError, ValueError) as error:
        raise ProviderUnavailable(f"the weights in {folder} do not load: {error}") from error
    return WhisperRecogniser(settings, model)


def _what_is_missing(name: str, folder: Path | None) -> str | None:
    if folder is None:
        return f"no weights for {name!r} on this machine; set model to a folder that has them, or download to true"
    missing = [file for file in FILES if not (folder / file).is_file()]
    return f"{folder} has no {' and no '.join(missing)}" if missing else None


def _folder(name: str) -> Path | None:
    """Where the weights are: a folder of that name, or the one in which the model hub's library keeps what it has fetched."""
    if Path(name).is_dir():
        return Path(name)
    from huggingface_hub.constants import HF_HUB_CACHE

    if not Path(HF_HUB_CACHE).is_dir():
        return None  # nothing was ever fetched here; to ask further would take half a second of imports
    try:
        return _hub_folder(name, local_files_only=True)
    except (OSError, ValueError):
        return None


def _download(name: str) -> Path:
    try:
        return _hub_folder(name, local_files_only=False)
    except Exception as error:  # whatever its HTTP client of the day raises
        raise ProviderUnavailable(f"the weights of {name!r} cannot be fetched: {error}") from error


def _hub_folder(name: str, local_files_only: bool) -> Path:
    """As faster-whisper's own function, which hides the progress bar."""
    from faster_whisper.utils import _MODELS as REPOSITORIES
    from huggingface_hub import snapshot_download

    wanted = [*FILES, "preprocessor_config.json", "vocabulary.*"]
    repository = REPOSITORIES.get(name, name)
    return Path(snapshot_download(repository, allow_patterns=wanted, local_files_only=local_files_only))
