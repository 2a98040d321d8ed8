import pytest

from pipeline.budget import filler, late_stages, met
from pipeline.config import Budget
from pipeline.latency import Latency

RULES = Budget(target_ms=300, ceiling_ms=500, asr_ms=80, llm_ms=140, tts_ms=60)


def latency(asr: int = 0, llm: int = 0, tts: int = 0, total: int = 0) -> Latency:
    return Latency(0, asr, llm, tts, 0, total)


def test_a_stage_is_late_that_took_more_than_its_share() -> None:
    assert late_stages(latency(asr=80, llm=140, tts=60), RULES) == ()
    assert late_stages(latency(asr=81, llm=140, tts=61), RULES) == ("asr", "tts")


@pytest.mark.parametrize(("total", "expected"), [(300, "target"), (301, "ceiling"), (500, "ceiling"), (501, "neither")])
def test_what_a_turn_met(total: int, expected: str) -> None:
    assert met(latency(total=total), RULES) == expected


def test_a_word_of_patience_in_four_languages_and_none_in_others() -> None:
    assert all(filler(language) for language in ("en", "es", "fr", "de"))
    assert filler("pl") == ""
