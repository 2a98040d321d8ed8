import pytest

from actors.engines.voices import OPENAI_VOICES, is_known, stand_in


def test_each_of_openai_s_names_has_its_place_among_an_engine_s_voices() -> None:
    assert [stand_in(name, ("ann", "bob")) for name in OPENAI_VOICES[:4]] == ["ann", "bob", "ann", "bob"]
    assert len({stand_in(name, "abcdefghijklmnop") for name in OPENAI_VOICES}) == len(OPENAI_VOICES)


@pytest.mark.parametrize(("name", "own"), [("nobody", ("ann",)), ("", ("ann",)), ("alloy", ())])
def test_another_name_stands_for_nothing(name: str, own: tuple[str, ...]) -> None:
    assert stand_in(name, own) is None


@pytest.mark.parametrize(
    ("name", "known"), [("en-gb", True), ("en-gb+f3", True), ("fr", False), ("en-gb+f9", False), ("en-gb+", False), ("", False)]
)
def test_a_client_may_ask_for_what_is_listed_alone_or_joined(name: str, known: bool) -> None:
    assert is_known(name, {"en-gb", "f3"}) is known
