import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.markdown import Unmarked


def unmarked(*deltas: str) -> str:
    reply = Unmarked()
    return "".join(map(reply.push, deltas)) + reply.flush()


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("**Bold** and *soft* and __bold__ and _soft_", "Bold and soft and bold and soft"),
        ("# Title\n## Part\nText", " Title\n Part\nText"),
        ("- one\n* two\n+ three\n\u2022 four\n  - five", " one\n two\n three\n four\n   five"),
        ("> said\n\n---\n***\nend", " said\n\n\n\nend"),
        ("Use `ls` and ~~rm~~", "Use ls and rm"),
        ("```python\nx = 1\n```\nDone", "\nx = 1\n\nDone"),
        ("See [our page](https://a.b/c_(d)) or ![a map](m.png)!", "See our page or a map!"),
        ("[**Bold** link](x) and [unfinished](http://a.b", "Bold link and unfinished"),
        ("2 * 3, 2*3, snake_case, C#, #1, [sic], -5, ~5, a - b, Hey! [x] (y)", None),
        ("[not a link\nat all](x)", None),
        ("[a](never closed\nNext line", "a(never closed\nNext line"),
        ("Wow!", None),
    ],
)
def test_marks_go_and_words_stay(written: str, read: str | None) -> None:
    assert unmarked(written) == (written if read is None else read)


@given(st.lists(st.text(alphabet="ab1 \n*_`~#-+>[]()!.", max_size=8), max_size=12))
def test_any_chunking_reads_the_same(deltas: list[str]) -> None:
    assert unmarked(*deltas) == unmarked("".join(deltas))


@given(st.text(alphabet="abc XYZ,.?12\n'"))
def test_plain_text_passes_through(text: str) -> None:
    assert unmarked(text) == text


def test_words_are_not_held_back() -> None:
    assert Unmarked().push("Hello there") == "Hello there"
