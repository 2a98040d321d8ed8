import json
import pickle
import re
from typing import Any

import pytest
from pydantic import SecretStr

from pipeline import keys
from pipeline.errors import ConfigError
from pipeline.keys import Caller, Key, Keys
from pipeline.loading import load_config

PLAIN = "pk_only-for-tests"
HASH = "sha256:4ef8bc2b9ecf14fc5d09c5f8ebd7d7a7ea0e2f2cd5a1bb2dd2a08ff1f0aa31a1"
KEYS = Keys(accepted=(Key(name="ann", hash=keys.hash_of("a"), conversations=2), Key(name="bob", hash=keys.hash_of("b"))))


def refusal(environ: dict[str, str], *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(None, overrides, environ)
    assert caught.value.code == "config_invalid"
    return caught.value.message


# The key itself


def test_a_new_key_is_long_random_and_fits_into_a_header_and_a_subprotocol() -> None:
    made = {keys.new() for _ in range(100)}
    assert len(made) == 100
    assert [key for key in made if not re.fullmatch(r"pk_[A-Za-z0-9_-]{43}", key)] == []


def test_a_hash_is_the_same_for_the_same_key_alone() -> None:
    empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert keys.hash_of("") == empty
    assert keys.hash_of("é") == keys.hash_of("é") != keys.hash_of("e")


@pytest.mark.parametrize(
    ("shown", "owner"),
    [
        ("a", Caller("ann", 2, 600)),
        ("b", Caller("bob", 50, 600)),
        ("c", None),
        ("", None),
        (keys.hash_of("a"), None),
    ],
)
def test_a_key_is_found_by_its_hash_and_brings_its_limits(shown: str, owner: Caller | None) -> None:
    assert keys.find(KEYS, shown) == owner


def test_operators_are_named() -> None:
    named = KEYS.model_copy(update={"operators": ("bob",)})
    owners = [keys.find(named, shown) for shown in ("a", "b")]
    assert [owner.operator for owner in owners if owner is not None] == [False, True]


def test_every_key_is_compared_whichever_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []

    def compare(ours: str, _theirs: str) -> bool:
        compared.append(ours)
        return True

    monkeypatch.setattr("hmac.compare_digest", compare)
    keys.find(KEYS, "a")
    assert compared == [key.hash for key in KEYS.accepted]


# When it is needed


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.0.2.7", False),
        ("example.com", False),
        ("", False),
    ],
)
def test_a_key_is_needed_where_others_can_reach(host: str, loopback: bool) -> None:
    assert keys.is_loopback(host) == loopback
    assert keys.needed(Keys(), host) != loopback
    assert keys.needed(Keys(required="always"), host)


@pytest.mark.parametrize(("required", "host"), [("auto", "0.0.0.0"), ("always", "127.0.0.1")])
def test_keys_that_are_needed_must_be_there(required: Any, host: str) -> None:
    with pytest.raises(ConfigError, match="parley keys new NAME") as caught:
        keys.check(Keys(required=required), host)
    assert caught.value.code == "keys_missing"
    keys.check(KEYS.model_copy(update={"required": required}), host)


def test_on_loopback_none_is_needed() -> None:
    keys.check(Keys(), "127.0.0.1")


# Configuration


def test_keys_come_from_a_file_and_from_the_environment() -> None:
    mine = f"keys.accepted=[{{name: ann, hash: '{keys.hash_of('a')}', conversations: 2}}]"
    environ = {"PARLEY_KEYS": f" bob:{keys.hash_of('b')} , {keys.hash_of('c')},"}
    loaded = load_config(None, [mine], environ).keys
    assert loaded.accepted == (*KEYS.accepted, Key(name=f"key-{keys.hash_of('c')[7:15]}", hash=keys.hash_of("c")))
    assert load_config(None, (), {}).keys == Keys()


def test_the_address_of_redis_may_come_from_the_environment() -> None:
    loaded = load_config(None, ["keys.redis_url=redis://a:1"], {"PARLEY_REDIS_URL": "redis://:hush-hush@b:2/0"})
    assert loaded.keys.redis_url == SecretStr("redis://:hush-hush@b:2/0")
    shown = [repr(loaded), loaded.model_dump_json(), json.dumps(loaded.model_dump(mode="json"))]
    assert [text for text in shown if "hush-hush" in text] == []
    assert pickle.loads(pickle.dumps(loaded)) == loaded


@pytest.mark.parametrize(
    ("environ", "override", "said"),
    [
        ({"PARLEY_KEYS": PLAIN}, "", "PARLEY_KEYS must hold hashes"),
        ({"PARLEY_KEYS": f"bob:{PLAIN}"}, "", "PARLEY_KEYS must hold hashes"),
        ({"PARLEY_KEYS": f"{PLAIN}:{HASH}:x"}, "", "PARLEY_KEYS must hold hashes"),
        ({"PARLEY_KEYS": f"bob:{HASH},bob:{HASH}"}, "", "PARLEY_KEYS: two of the accepted keys have the same name"),
        ({"PARLEY_KEYS": f"ann:{HASH},bob:{HASH}"}, "", "PARLEY_KEYS: two of the accepted keys have the same hash"),
        ({"PARLEY_REDIS_URL": PLAIN}, "", "PARLEY_REDIS_URL: not the address of a Redis"),
        ({}, f"keys.accepted=[{PLAIN}]", "keys.accepted.0: "),
        ({}, f"keys.accepted=[{{name: bob, hash: {PLAIN}}}]", "keys.accepted.0.hash: "),
        ({}, f"keys.accepted={PLAIN}", "keys.accepted: "),
        ({}, f"keys.redis_url=http://{PLAIN}@host", "keys.redis_url: not the address of a Redis"),
        ({}, f"keys.redis_url=redis://{PLAIN}@host:port", "keys.redis_url: not the address of a Redis"),
        ({}, "keys.required=never", "keys.required: "),
        ({}, "keys.accepted=[{name: 'a b', hash: x}]", "keys.accepted.0.name: "),
    ],
)
def test_what_is_wrong_names_its_place_and_shows_no_key(environ: dict[str, str], override: str, said: str) -> None:
    message = refusal(environ, *([override] if override else []))
    assert message.startswith(said)
    assert PLAIN not in message


@pytest.mark.parametrize(("name", "fits"), [("ann", True), ("a.b_c-9", True), ("", False), ("a b", False), ("-a", False)])
def test_names_fit_into_logs_and_commands(name: str, fits: bool) -> None:
    assert keys.is_name(name) == fits
