import re

import pytest
import yaml

from parley import keys
from pipeline import keys as accepted
from pipeline.errors import ClientError
from pipeline.keys import Caller
from pipeline.loading import load_config


def test_what_is_printed_can_be_used_as_it_stands() -> None:
    printed = keys.new("yes")
    variables = dict(re.findall(r"export (\w+)=(\S+)", printed))
    section = yaml.safe_load(printed[printed.index("  keys:") : printed.index("or in its")])
    from_file = load_config(None, [f"keys={section['keys']}"], {}).keys
    from_environment = load_config(None, (), {"PARLEY_KEYS": variables["PARLEY_KEYS"]}).keys
    assert from_file == from_environment
    assert accepted.find(from_file, keys.mine(variables)) == Caller("yes", 50, 600)


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a,b", "-a", "x" * 65])
def test_a_name_must_fit_into_both_places(name: str) -> None:
    with pytest.raises(ClientError) as caught:
        keys.new(name)
    assert caught.value.code == "key_name_invalid"


@pytest.mark.parametrize(("value", "key"), [(None, ""), ("", ""), (" pk_x\n", "pk_x"), ("sk-other", "sk-other")])
def test_a_users_own_key_is_in_the_environment(value: str | None, key: str) -> None:
    assert keys.mine({} if value is None else {"PARLEY_KEY": value}) == key


@pytest.mark.parametrize("value", ["hush hush", "hush\nhush", "hushé", "hush\x00"])
def test_what_cannot_be_sent_is_refused_without_being_shown(value: str) -> None:
    with pytest.raises(ClientError) as caught:
        keys.mine({"PARLEY_KEY": value})
    assert caught.value.code == "key_malformed"
    assert "hush" not in str(caught.value)


def test_a_header_is_sent_only_with_a_key() -> None:
    assert (keys.header(""), keys.header("pk_x")) == ({}, {"Authorization": "Bearer pk_x"})
