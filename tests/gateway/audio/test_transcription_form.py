import pytest
from starlette.datastructures import FormData

from gateway.audio.transcription_form import Wanted, read_wanted
from pipeline.errors import ClientError

PLAIN = Wanted("", "", "json", frozenset({"segment"}), False)


def wanted(*fields: tuple[str, str]) -> Wanted:
    return read_wanted(FormData([("model", "whisper-1"), *fields]))


def test_a_model_is_enough() -> None:
    assert wanted() == PLAIN


def test_all_that_can_be_said() -> None:
    fields = [
        ("language", "de"),
        ("prompt", " Parley "),
        ("response_format", "verbose_json"),
        ("timestamp_granularities[]", "word"),
        ("timestamp_granularities[]", "segment"),
        ("temperature", "0.2"),
        ("stream", "false"),
        ("include[]", "logprobs"),
        ("chunking_strategy", "auto"),
        ("something_new", "1"),
    ]
    assert wanted(*fields) == Wanted("de", "Parley", "verbose_json", frozenset({"word", "segment"}), False)


@pytest.mark.parametrize(
    ("given", "expected"), [("en", "en"), ("en-US", "en"), ("PT_br", "pt"), ("zh-Hant-TW", "zh"), ("", "")]
)
def test_a_language_is_its_two_letters(given: str, expected: str) -> None:
    assert wanted(("language", given)).language == expected


@pytest.mark.parametrize("given", ["true", "True", "1"])
def test_a_stream(given: str) -> None:
    assert wanted(("stream", given)).stream is True


def test_only_words() -> None:
    fields = [("response_format", "verbose_json"), ("timestamp_granularities", "word")]
    assert wanted(*fields).granularities == {"word"}


@pytest.mark.parametrize(
    ("field", "value", "code", "param"),
    [
        ("language", "english", "language_invalid", "language"),
        ("language", "e", "language_invalid", "language"),
        ("language", "en-", "language_invalid", "language"),
        ("response_format", "diarized_json", "format_unsupported", "response_format"),
        ("temperature", "1.1", "temperature_invalid", "temperature"),
        ("temperature", "-0.1", "temperature_invalid", "temperature"),
        ("temperature", "nan", "temperature_invalid", "temperature"),
        ("temperature", "warm", "temperature_invalid", "temperature"),
        ("stream", "perhaps", "stream_invalid", "stream"),
        ("timestamp_granularities[]", "word", "granularity_invalid", "timestamp_granularities"),
        ("timestamp_granularities[]", "letter", "granularity_invalid", "timestamp_granularities"),
    ],
)
def test_what_cannot_be_is_refused_by_name(field: str, value: str, code: str, param: str) -> None:
    with pytest.raises(ClientError) as caught:
        wanted((field, value))
    assert (caught.value.code, caught.value.param) == (code, param)


@pytest.mark.parametrize("kind", ["srt", "vtt", "verbose_json"])
def test_what_is_known_only_at_the_end_cannot_be_streamed(kind: str) -> None:
    with pytest.raises(ClientError) as caught:
        wanted(("stream", "true"), ("response_format", kind))
    assert (caught.value.code, caught.value.param) == ("format_unsupported", "response_format")


@pytest.mark.parametrize("fields", [[], [("model", "")], [("model", "  ")]])
def test_a_model_must_be_named(fields: list[tuple[str, str]]) -> None:
    with pytest.raises(ClientError) as caught:
        read_wanted(FormData(fields))
    assert (caught.value.code, caught.value.param) == ("model_missing", "model")
