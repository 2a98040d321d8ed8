import pytest

from actors.asr import ASR
from pipeline.errors import ProviderError
from pipeline.loading import load_config
from pipeline.ports import Transcript, Utterance
from tests.actors.spoken import silence
from tests.fakes.fake_time import run_in_fake_time

UTTERANCE = Utterance(silence(100), "es")
PATIENCE_S = 0.25
HEARD = Transcript("buenos días", "es", 1.0)


def asr(*overrides: str) -> ASR:
    return ASR(load_config(None, ["asr.providers=[sim]", "asr.engines.sim.text=buenos días", *overrides], {}))


def test_words_and_the_time_they_took() -> None:
    heard = run_in_fake_time(lambda: asr("asr.engines.sim.delay_ms=70").transcribe(UTTERANCE, PATIENCE_S))
    assert heard == (HEARD, pytest.approx(0.07), ())


def test_the_time_of_one_that_failed_counts_too() -> None:
    slow = "asr.engines.slow={engine: sim_asr, delay_ms: 90000}"
    made = asr(slow, "asr.providers=[slow, sim]", "asr.engines.sim.hedges=false", "asr.timeout_s=2")
    heard = run_in_fake_time(lambda: made.transcribe(UTTERANCE, PATIENCE_S))
    assert heard == (HEARD, pytest.approx(2.05), ())


def test_one_that_is_late_is_hedged_and_that_is_told() -> None:
    slow = "asr.engines.slow={engine: sim_asr, delay_ms: 90000}"
    heard = run_in_fake_time(lambda: asr(slow, "asr.providers=[slow, sim]").transcribe(UTTERANCE, PATIENCE_S))
    assert heard == (HEARD, pytest.approx(0.3), ("slow was late: asked sim too",))


def test_when_nobody_can_it_says_so() -> None:
    with pytest.raises(ProviderError, match="sim_error"):
        run_in_fake_time(lambda: asr("asr.engines.sim.error_rate=1").transcribe(UTTERANCE, PATIENCE_S))


def test_it_says_who_listens() -> None:
    openai, sim = asr("asr.providers=[openai, sim]").status()
    assert (openai["name"], openai["state"]) == ("openai", "unavailable")
    assert sim == {"name": "sim", "state": "healthy", "reason": ""}
