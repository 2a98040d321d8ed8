import os
import socket

import pytest

from parley.cluster import LONGEST_GIST, check_reach, gist, holder_of, is_up, start_problem
from pipeline.errors import ServerError

OURS = """The deployment failed to start 1 times in a row. Error:
ray::ServeReplica:parley:asr.initialize() (pid=7)
  File "asr.py", line 3, in __init__
    raise ProviderUnavailable("no weights")
pipeline.errors.ProviderUnavailable: no weights for 'small' [provider_unavailable]
"""
THEIRS = """The deployment failed to start 3 times in a row. Error:
Traceback (most recent call last):
  File "tts.py", line 3, in __init__
ModuleNotFoundError: No module named 'torch'
"""


def test_our_own_error_ends_a_start_at_once() -> None:
    problem = start_problem("DEPLOYING", {"asr": OURS, "tts": ""})

    assert problem == "asr: no weights for 'small' [provider_unavailable]"


def test_another_error_gets_its_tries() -> None:
    assert start_problem("DEPLOYING", {"tts": THEIRS}) is None
    assert start_problem("DEPLOY_FAILED", {"asr": "", "tts": THEIRS}) == "tts: ModuleNotFoundError: No module named 'torch'"


def test_a_failure_without_words_still_says_something() -> None:
    assert start_problem("DEPLOY_FAILED", {"asr": "", "": ""}) == "DEPLOY_FAILED"
    assert start_problem("DEPLOY_FAILED", {"asr": "it\n  did not"}) == "it did not"


def test_what_goes_well_is_no_problem() -> None:
    assert start_problem("RUNNING", {"asr": "", "": ""}) is None


def test_a_gist_is_short() -> None:
    assert gist(THEIRS) == "ModuleNotFoundError: No module named 'torch'"
    assert len(gist("word " * 1000)) == LONGEST_GIST


@pytest.mark.parametrize("nodes", [["127.0.0.1"], ["127.0.0.1", "127.0.0.1"]])
def test_nodes_of_one_machine_reach_each_other_on_loopback(nodes: list[str]) -> None:
    check_reach("127.0.0.1", nodes)


@pytest.mark.parametrize("host", ["127.0.0.1", "192.0.2.7"])
def test_nodes_that_would_dial_replicas_in_vain_are_refused(host: str) -> None:
    nodes = ["192.0.2.7", "192.0.2.8"]

    check_reach("0.0.0.0", nodes)
    with pytest.raises(ServerError, match=r"set server.host=0\.0\.0\.0"):
        check_reach(host, nodes)


@pytest.mark.parametrize(
    ("replicas", "up"),
    [
        ({"new-1": "RUNNING", "new-2": "RUNNING"}, True),
        ({"old-1": "STOPPING", "new-1": "RUNNING", "new-2": "RUNNING"}, True),
        ({"old-1": "RUNNING", "new-1": "RUNNING", "new-2": "STARTING"}, False),
        ({"old-1": "RUNNING", "old-2": "RUNNING"}, False),
        ({}, False),
    ],
)
def test_a_deployment_is_up_when_its_new_replicas_are(replicas: dict[str, str], up: bool) -> None:
    listed = [{"replica_id": name, "state": state} for name, state in replicas.items()]
    assert is_up({"target_num_replicas": 2, "replicas": listed}, {"old-1", "old-2"}) is up


def test_who_holds_a_port() -> None:
    with socket.socket() as mine:
        mine.bind(("127.0.0.1", 0))
        mine.listen()
        assert holder_of(mine.getsockname()[1]).endswith(f"(process {os.getpid()})")
    assert holder_of(9) == ""
