"""Audio of many conversations in one message: ids, lengths, and all samples one after the other.

A tick costs a message between actors nearly the same for one conversation as for hundreds, because nothing in it is an
object of its own: three byte strings, whatever the number of callers.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from pipeline.ports import Samples


class Tick(NamedTuple):
    """Columns of equal length; a conversation may stand in it more than once, in order."""

    ids: bytes
    """int64 each."""
    lengths: bytes
    """int32 each, in samples."""
    samples: bytes
    """int16 each."""

    @classmethod
    def pack(cls, entries: Iterable[tuple[int, bytes]]) -> "Tick":
        """Takes (conversation, PCM16 bytes) in order."""
        ids: list[int] = []
        chunks: list[bytes] = []
        for conversation, chunk in entries:
            ids.append(conversation)
            chunks.append(chunk)
        lengths = np.fromiter((len(chunk) // 2 for chunk in chunks), np.int32, len(chunks))
        return cls(np.array(ids, np.int64).tobytes(), lengths.tobytes(), b"".join(chunks))

    def unpack(self) -> Iterator[tuple[int, Samples]]:
        """Gives (conversation, samples) in order; the samples are views and must be copied to be kept."""
        samples = np.frombuffer(self.samples, np.int16)
        at = 0
        for conversation, length in zip(
            np.frombuffer(self.ids, np.int64).tolist(), np.frombuffer(self.lengths, np.int32).tolist(), strict=True
        ):
            yield conversation, samples[at : at + length]
            at += length
