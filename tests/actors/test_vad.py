import asyncio

import numpy as np

from actors.engines.silero import WINDOW
from actors.line import dial
from actors.vad import VADActor
from pipeline.config import Config
from pipeline.ports import Samples
from tests.actors.spoken import silence, spoken


def windows(samples: Samples) -> Samples:
    return samples[: len(samples) // WINDOW * WINDOW].reshape(-1, WINDOW)


def detect(actor: VADActor, ids: list[int], batch: Samples, gone: list[int] | None = None) -> list[float]:
    answer = actor.detect(
        np.array(ids, np.int64).tobytes(), batch.astype(np.int16).tobytes(), np.array(gone or [], np.int64).tobytes()
    )
    return np.frombuffer(answer, np.float32).tolist()


def test_columns_go_in_and_a_probability_for_each_window_comes_out() -> None:
    actor = VADActor(Config())
    speech = windows(spoken("What are your opening hours on Saturday?"))
    probabilities = detect(actor, [5] * len(speech), speech)
    assert len(probabilities) == len(speech)
    assert max(probabilities) > 0.95
    assert asyncio.run(actor.status()) == {"conversations": 1, "windows": len(speech), "loop_lag_ms": 0.0}


def test_conversations_of_one_message_do_not_mix() -> None:
    speech = windows(spoken("Good morning, how are you today?"))
    alone = detect(VADActor(Config()), [1] * len(speech), speech)
    actor = VADActor(Config())
    both = [detect(actor, [1, 2], np.stack([window, silence(32)])) for window in speech]
    assert np.allclose([one for one, _ in both], alone, atol=1e-4)
    assert max(other for _, other in both) < 0.3


def test_those_that_ended_are_forgotten() -> None:
    actor = VADActor(Config())
    batch = np.zeros((3, WINDOW))
    detect(actor, [1, 2, 3], batch)
    assert detect(actor, [], np.empty(0), gone=[1, 3, 99]) == []
    assert asyncio.run(actor.status()) == {"conversations": 1, "windows": 3, "loop_lag_ms": 0.0}


def test_a_conversation_that_comes_back_begins_anew() -> None:
    speech = windows(spoken("Good morning, how are you today?"))
    actor = VADActor(Config())
    first = detect(actor, [1] * len(speech), speech)
    assert detect(actor, [1] * len(speech), speech, gone=[1]) == first


async def test_questions_of_several_shards_are_answered_by_their_numbers() -> None:
    actor = VADActor(Config())
    address = await actor.address()
    answers: asyncio.Queue[tuple[str, int, int]] = asyncio.Queue()
    nothing = b""
    for shard, question, windows in (("one", 7, 1), ("other", 9, 3)):
        line = await dial(
            address, lambda _, answer, shard=shard: answers.put_nowait((shard, answer[0], len(answer[1]) // 4)), lambda _: None
        )
        line.send((question, np.arange(windows).tobytes(), bytes(2 * WINDOW * windows), nothing))
    assert {await answers.get(), await answers.get()} == {("one", 7, 1), ("other", 9, 3)}
