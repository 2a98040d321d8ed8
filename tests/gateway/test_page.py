"""The page says what is there, and nothing that it is given can break out of it."""

from gateway.page import render

PICTURE = {
    "status": "healthy",
    "version": "0.1.0",
    "sessions": {"active": 3, "total": 14},
    "providers": {"asr": [{"name": "<b>", "state": "unavailable", "reason": "set OPENAI_API_KEY"}]},
}


def test_it_says_who_answers_and_why_not() -> None:
    page = render(PICTURE, ["clinic"])
    assert "3 talking now, 14 so far" in page
    assert "<code>clinic</code>" in page
    assert "set OPENAI_API_KEY" in page


def test_what_it_is_given_is_escaped() -> None:
    assert "&lt;b&gt;" in render(PICTURE, [])
    assert "<b>" not in render(PICTURE, [])
