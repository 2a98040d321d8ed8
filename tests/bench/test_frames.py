import pytest

from bench import frames


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536])
def test_what_was_framed_is_found_again(size: int, masked: bool) -> None:
    said = bytes(range(256)) * (size // 256 + 1)
    buffer = bytearray(b"before" + frames.frame(said[:size], frames.TEXT, masked) + b"after")
    place = frames.find(buffer, len(b"before"))
    assert place is not None
    assert (place.opcode, frames.payload(buffer, place)) == (frames.TEXT, said[:size])
    assert bytes(buffer[place.end :]) == b"after"


@pytest.mark.parametrize("size", [1, 200, 70_000])
def test_a_frame_is_not_found_before_it_is_whole(size: int) -> None:
    whole = frames.frame(bytes(size))
    cuts = {0, 1, 2, 5, 9, 13, len(whole) - 1} & set(range(len(whole)))
    assert [cut for cut in sorted(cuts) if frames.find(bytearray(whole[:cut]), 0) is not None] == []


def test_the_mask_is_taken_off() -> None:
    # The example of RFC 6455, section 5.7.
    buffer = bytearray.fromhex("818537fa213d7f9f4d5158")
    place = frames.find(buffer, 0)
    assert place is not None
    assert (place.opcode, frames.payload(buffer, place)) == (frames.TEXT, b"Hello")


def test_the_answer_to_a_key() -> None:
    # The example of RFC 6455, section 1.3.
    assert frames.accept("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
