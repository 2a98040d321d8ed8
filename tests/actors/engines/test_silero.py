import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from actors.engines import silero
from actors.engines.silero import WINDOW, SileroVad, model_file
from pipeline.errors import ProviderUnavailable
from pipeline.ports import Samples
from tests.actors.spoken import silence, spoken

TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def speech() -> Samples:
    return np.concatenate([silence(640), spoken("What are your opening hours on Saturday?"), silence(640)])


@pytest.fixture
def vad() -> SileroVad:
    return SileroVad()


def windows(samples: Samples) -> Samples:
    return samples[: len(samples) // WINDOW * WINDOW].reshape(-1, WINDOW)


def one_by_one(vad: SileroVad, conversation: int, samples: Samples) -> list[float]:
    return [float(vad.detect([conversation], window[None], 0.0)[0]) for window in windows(samples)]


def test_speech_is_found_where_it_is(vad: SileroVad, speech: Samples) -> None:
    probabilities = one_by_one(vad, 1, speech)
    heard = [number for number, probability in enumerate(probabilities) if probability > 0.5]
    first, last = 20, (len(speech) - len(silence(640))) // WINDOW
    assert first <= heard[0] <= first + 6
    assert last - 10 <= heard[-1] <= last + 2
    assert len(heard) > 0.8 * (heard[-1] - heard[0])


@pytest.mark.parametrize("loudness", [0, 30, 300])
def test_silence_and_hiss_are_not_speech(vad: SileroVad, loudness: int) -> None:
    hiss = (loudness * np.random.default_rng(1).standard_normal(32_000)).astype(np.int16)
    assert max(one_by_one(vad, 1, hiss)) < 0.3


def test_a_batch_gives_the_same_answers_as_one_by_one(vad: SileroVad, speech: Samples) -> None:
    callers = [speech, np.roll(speech, 3_000), speech[::-1].copy(), np.zeros_like(speech)]
    alone = [one_by_one(SileroVad(), 1, samples) for samples in callers]
    together = [vad.detect([1, 2, 3, 4], np.stack(row), 0.0) for row in zip(*map(windows, callers), strict=True)]
    assert np.allclose(np.stack(together).T, alone, atol=TOLERANCE)


def test_a_conversation_twice_in_a_batch_keeps_its_order(vad: SileroVad, speech: Samples) -> None:
    alone = one_by_one(SileroVad(), 1, speech)
    rows = windows(speech)
    rows = rows[: len(rows) // 4 * 4]
    probabilities: list[float] = []
    for four in rows.reshape(-1, 4, WINDOW):
        # Another conversation stands between, with a window more than there are rounds of the first.
        other = np.zeros((5, WINDOW), np.int16)
        batch = np.concatenate([other[:1], four[:2], other[1:2], four[2:], other[2:]])
        probabilities += vad.detect([9, 1, 1, 9, 1, 1, 9, 9, 9], batch, 0.0)[[1, 2, 4, 5]].tolist()
    assert np.allclose(probabilities, alone[: len(rows)], atol=TOLERANCE)


def test_the_answers_are_those_of_the_plain_model(vad: SileroVad, speech: Samples) -> None:
    plain = onnxruntime.InferenceSession(str(model_file().with_name("silero_vad.onnx")), providers=["CPUExecutionProvider"])
    state: NDArray[np.float32] = np.zeros((2, 1, 128), np.float32)
    context: NDArray[np.float32] = np.zeros((1, 64), np.float32)
    expected: list[float] = []
    for window in windows(speech):
        audio = np.concatenate([context, window[None].astype(np.float32) / 32768], axis=1)
        output, state = plain.run(None, {"input": audio, "state": state, "sr": np.array(16_000, np.int64)})
        context = audio[:, -64:]
        expected.append(float(output[0, 0]))
    assert np.allclose(one_by_one(vad, 1, speech), expected, atol=TOLERANCE)


def test_rows_of_those_who_left_are_used_again(vad: SileroVad) -> None:
    batch = np.zeros((64, WINDOW), np.int16)
    for round_ in range(20):
        ids = list(range(64 * round_, 64 * round_ + 64))
        vad.detect(ids, batch, 0.0)
        assert vad.conversations == 64
        vad.forget([*ids, 10**9])
    assert vad.conversations == 0
    assert vad._state.shape == (2, 64, 128)


def test_a_row_that_is_used_again_remembers_nothing(vad: SileroVad, speech: Samples) -> None:
    fresh = one_by_one(vad, 1, speech)
    for conversation in range(2, 70):
        vad.forget([conversation - 1])
        vad.detect([conversation], windows(speech)[30][None], 0.0)
    vad.forget([69])
    assert one_by_one(vad, 1, speech) == pytest.approx(fresh, abs=TOLERANCE)


def test_there_is_room_for_as_many_as_come_and_nobody_is_disturbed_by_it(vad: SileroVad, speech: Samples) -> None:
    expected = one_by_one(SileroVad(), 1, speech)
    rows = windows(speech)
    probabilities = [float(vad.detect([1], row[None], 0.0)[0]) for row in rows[:30]]
    vad.detect(list(range(100, 400)), np.zeros((300, WINDOW), np.int16), 0.0)
    probabilities += [float(vad.detect([1], row[None], 0.0)[0]) for row in rows[30:]]
    assert vad.conversations == 301
    assert np.allclose(probabilities, expected, atol=TOLERANCE)


def test_rows_that_nobody_used_for_long_are_taken_back(vad: SileroVad) -> None:
    batch = np.zeros((64, WINDOW), np.int16)
    vad.detect(list(range(64)), batch, now=0.0)
    vad.detect([0], batch[:1], now=100.0)
    vad.detect([100], batch[:1], now=130.0)
    assert vad.conversations == 2
    assert vad._state.shape == (2, 64, 128)


def test_without_the_package_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silero, "find_spec", lambda name: None)
    with pytest.raises(ProviderUnavailable, match="silero-vad is not installed"):
        model_file()
