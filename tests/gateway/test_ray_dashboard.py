"""The link to Ray's own dashboard, which is there only where that is."""

import pytest
from ray._private import services

from gateway import ray_dashboard


@pytest.mark.parametrize(
    ("found", "expected"),
    [("127.0.0.1:8265", "http://127.0.0.1:8265"), ("http://10.0.0.1:8265", "http://10.0.0.1:8265"), ("", ""), (None, "")],
)
def test_the_address_is_a_link(monkeypatch: pytest.MonkeyPatch, found: str | None, expected: str) -> None:
    monkeypatch.setattr(services, "get_webui_url_from_internal_kv", lambda: found)
    assert expected == ray_dashboard.url()


def test_a_cluster_that_does_not_say_has_none() -> None:
    # This process is in no cluster.
    assert ray_dashboard.url() == ""
