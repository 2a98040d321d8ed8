"""A Whisper model that is real in every part except that its weights are random: 16 numbers wide, one layer, 300 kB.

It loads and decodes as any other, and what it hears is nonsense that depends on the audio: words of the form `w123`.
"""

import json
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
from ctranslate2.specs.model_spec import LayerSpec
from faster_whisper.tokenizer import _LANGUAGE_CODES as LANGUAGES
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

WIDTH = 16
HEADS = 2
MELS = 80
LISTENS = 1500
"""Places in 30 s of audio, after the encoder's convolutions."""
READS = 448
"""Tokens that the decoder can hold."""
WORDS = 1000
TIMES = 1501

SPECIAL = [
    "<|endoftext|>",
    "<|startoftranscript|>",
    *(f"<|{code}|>" for code in LANGUAGES),
    *("<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"),
    *(f"<|{number * 0.02:.2f}|>" for number in range(TIMES)),
]


def make_tiny_whisper(folder: Path, seed: int = 7) -> Path:
    """Write the model's files into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = [*_words(), *SPECIAL]
    spec = ctranslate2.specs.WhisperSpec(1, HEADS, 1, HEADS)
    _fill(spec, np.random.default_rng(seed), len(vocabulary))
    spec.register_vocabulary(vocabulary)
    spec.config.lang_ids = [WORDS + SPECIAL.index(f"<|{code}|>") for code in LANGUAGES]
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = [WORDS]
    spec.config.alignment_heads = [[0, 0], [0, 1]]
    spec.validate()
    spec.save(str(folder))
    _tokenizer(vocabulary).save(str(folder / "tokenizer.json"))
    (folder / "preprocessor_config.json").write_text(json.dumps({"feature_size": MELS, "sampling_rate": 16_000}))
    return folder


def _words() -> list[str]:
    """The bytes, so that any text can be read; made-up words with a space before; the empty word of multilingual models."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    return [*alphabet, *(f"Ġw{number}" for number in range(WORDS - len(alphabet) - 1)), ""]


def _tokenizer(vocabulary: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE({word: number for number, word in enumerate(vocabulary)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(SPECIAL[:-TIMES])
    return tokenizer


def _fill(spec: ctranslate2.specs.WhisperSpec, chance: np.random.Generator, size: int) -> None:
    def noise(*shape: int) -> np.ndarray:
        return chance.normal(0, 0.5, shape).astype(np.float32)

    def linear(part: LayerSpec, inputs: int, outputs: int) -> None:
        part.weight, part.bias = noise(outputs, inputs), np.zeros(outputs, np.float32)

    def norm(part: LayerSpec) -> None:
        part.gamma, part.beta = np.ones(WIDTH, np.float32), np.zeros(WIDTH, np.float32)

    def layer(part: Any) -> None:
        for attention, widths in ((part.self_attention, (3, 1)), (getattr(part, "attention", None), (1, 2, 1))):
            if attention is not None:
                norm(attention.layer_norm)
                for place, width in zip(attention.linear, widths, strict=True):
                    linear(place, WIDTH, width * WIDTH)
        norm(part.ffn.layer_norm)
        linear(part.ffn.linear_0, WIDTH, 4 * WIDTH)
        linear(part.ffn.linear_1, 4 * WIDTH, WIDTH)

    encoder, decoder = spec.encoder, spec.decoder
    encoder.conv1.weight, encoder.conv1.bias = noise(WIDTH, MELS, 3), np.zeros(WIDTH, np.float32)
    encoder.conv2.weight, encoder.conv2.bias = noise(WIDTH, WIDTH, 3), np.zeros(WIDTH, np.float32)
    encoder.position_encodings.encodings = noise(LISTENS, WIDTH) / 10  # so that the sound matters more than its place
    decoder.position_encodings.encodings = noise(READS, WIDTH)
    decoder.embeddings.weight = noise(size, WIDTH)
    decoder.projection.weight = noise(size, WIDTH)
    decoder.projection.weight[:256] = decoder.projection.weight[WORDS + 1 :] = 0  # it writes words, not letters and marks
    for half in (encoder, decoder):
        norm(half.layer_norm)
        layer(half.layer[0])
