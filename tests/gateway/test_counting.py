"""Who is turned away is counted, whatever they asked for."""

from gateway.counting import FIGURES
from gateway.rest import refusal
from pipeline import figures as of
from pipeline.errors import ClientError, ProviderError, ServerError
from pipeline.figures import values


def test_a_refusal_is_counted_by_code_and_fault() -> None:
    before = values(FIGURES.snapshot(), of.ERRORS)
    refusal(ClientError("made_up", "no"))
    refusal(ClientError("made_up", "no"))
    refusal(ProviderError("made_up", "no"))
    refusal(ServerError("made_up_too", "no"))
    after = values(FIGURES.snapshot(), of.ERRORS)
    assert {labels: count - before.get(labels, 0) for labels, count in after.items() if count != before.get(labels, 0)} == {
        ("made_up", "client"): 2,
        ("made_up", "provider"): 1,
        ("made_up_too", "server"): 1,
    }
