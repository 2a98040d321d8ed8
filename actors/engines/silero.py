"""Silero VAD over many conversations at once: a batch of windows in, a probability of speech for each out.

The model remembers each conversation from window to window; here that memory is two arrays with a row for each conversation.
Rows of conversations that ended are used again, and rows that nobody used for long are taken back.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import cast

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from pipeline.errors import ProviderUnavailable
from pipeline.ports import Samples

WINDOW = 512
_CONTEXT = 64
_FIRST_ROWS = 64
_IDLE_S = 120.0


def model_file() -> Path:
    # Found without importing the package, which would want torch.
    spec = find_spec("silero_vad")
    if spec is None or spec.origin is None:
        raise ProviderUnavailable("the package silero-vad is not installed")
    return Path(spec.origin).parent / "data" / "silero_vad_op18_ifless.onnx"


class SileroVad:
    def __init__(self, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Threads that wait for the next window must not burn a core meanwhile.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(str(model_file()), options, providers=["CPUExecutionProvider"])
        self._rate = np.array(16_000, np.int64)
        self._rows: dict[int, int] = {}
        self._free = list(range(_FIRST_ROWS))
        self._state = np.zeros((2, _FIRST_ROWS, 128), np.float32)
        self._context = np.zeros((_FIRST_ROWS, _CONTEXT), np.float32)
        self._used_at = np.zeros(_FIRST_ROWS)

    @property
    def conversations(self) -> int:
        """How many are remembered."""
        return len(self._rows)

    def detect(self, ids: list[int], windows: Samples, now: float) -> NDArray[np.float32]:
        """Takes a window a row; a conversation may come more than once, in order."""
        rows = np.array([self._row(conversation, now) for conversation in ids], np.intp)
        audio = windows.astype(np.float32) / 32768.0
        if len(set(ids)) == len(ids):
            return self._run(rows, audio)
        probabilities = np.empty(len(ids), np.float32)
        for turn in _rounds(ids):
            probabilities[turn] = self._run(rows[turn], audio[turn])
        return probabilities

    def forget(self, ids: list[int]) -> None:
        for conversation in ids:
            row = self._rows.pop(conversation, None)
            if row is not None:
                self._free.append(row)

    def _run(self, rows: NDArray[np.intp], audio: NDArray[np.float32]) -> NDArray[np.float32]:
        feeds = {
            "input": np.concatenate([self._context[rows], audio], axis=1),
            "state": self._state[:, rows],
            "sr": self._rate,
        }
        output, state = cast(list[NDArray[np.float32]], self._session.run(None, feeds))
        self._state[:, rows] = state
        self._context[rows] = audio[:, -_CONTEXT:]
        return output[:, 0]

    def _row(self, conversation: int, now: float) -> int:
        row = self._rows.get(conversation)
        if row is None:
            if not self._free:
                self._make_room(now)
            row = self._rows[conversation] = self._free.pop()
            self._state[:, row] = 0
            self._context[row] = 0
        # At once: a later conversation of the same batch must not take this row for an idle one.
        self._used_at[row] = now
        return row

    def _make_room(self, now: float) -> None:
        self.forget([key for key, row in self._rows.items() if now - self._used_at[row] > _IDLE_S])
        if self._free:
            return
        rows = len(self._used_at)
        self._free = list(range(rows, 2 * rows))
        self._state = np.concatenate([self._state, np.zeros_like(self._state)], axis=1)
        self._context = np.concatenate([self._context, np.zeros_like(self._context)])
        self._used_at = np.concatenate([self._used_at, np.zeros_like(self._used_at)])


def _rounds(ids: list[int]) -> list[list[int]]:
    """Places in the batch, so grouped that no conversation comes twice in a group and each keeps its order."""
    rounds: list[list[int]] = []
    seen: dict[int, int] = {}
    for place, conversation in enumerate(ids):
        nth = seen.get(conversation, 0)
        seen[conversation] = nth + 1
        if nth == len(rounds):
            rounds.append([])
        rounds[nth].append(place)
    return rounds
