import pickle

import pytest

from pipeline import errors
from pipeline.errors import ClientError, ConfigError, Fault, ParleyError, ProviderError, ProviderUnavailable, ServerError

ERRORS = [
    (ParleyError("odd", "something odd"), "odd", "something odd", Fault.SERVER),
    (ClientError("audio_odd", "half a sample"), "audio_odd", "half a sample", Fault.CLIENT),
    (ConfigError("config_invalid", "no such field"), "config_invalid", "no such field", Fault.SERVER),
    (ServerError("stage_failed", "a stage failed", retry_after_s=5), "stage_failed", "a stage failed", Fault.SERVER),
    (ProviderError("provider_timeout", "too late"), "provider_timeout", "too late", Fault.PROVIDER),
    (ProviderError("voice_unknown", "no such voice", retryable=False), "voice_unknown", "no such voice", Fault.PROVIDER),
    (ProviderUnavailable("no key"), "provider_unavailable", "no key", Fault.PROVIDER),
]


@pytest.mark.parametrize(("error", "code", "message", "fault"), ERRORS, ids=lambda value: getattr(value, "code", ""))
def test_an_error_is_the_same_on_the_other_side(error: ParleyError, code: str, message: str, fault: Fault) -> None:
    for same in (error, pickle.loads(pickle.dumps(error))):
        assert (type(same), same.code, same.message, same.fault) == (type(error), code, message, fault)
        assert str(same) == f"{message} [{code}]"
        assert vars(same) == vars(error)


def test_there_is_an_example_of_each() -> None:
    tree = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ParleyError)}
    assert {type(error) for error, *_ in ERRORS} == tree


def test_whether_it_is_worth_another_try_crosses_too() -> None:
    retryable = [pickle.loads(pickle.dumps(error)).retryable for error, *_ in ERRORS if isinstance(error, ProviderError)]
    assert retryable == [True, False, False]
