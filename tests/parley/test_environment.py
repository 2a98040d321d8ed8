import socket
import stat
import subprocess
from pathlib import Path

import pytest

from parley.environment import REPLICA_PORTS, free_ports, is_free, node_environment, ray_environment
from parley.processes import MARK
from pipeline.loading import load_config


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return tmp_path


def test_time_outs_lie_past_the_longest_conversation(run_dir: Path) -> None:
    assert times_of(["server.longest_conversation_s=900"], run_dir) == {
        "HARD_STOP_AFTER": "910",
        "TIMEOUT_CLIENT": "910",
        "TIMEOUT_SERVER": "910",
    }


def test_what_is_replaced_need_not_wait_for_the_longest(run_dir: Path) -> None:
    assert times_of(["server.longest_conversation_s=900", "server.drain_s=60"], run_dir) == {
        "HARD_STOP_AFTER": "70",
        "TIMEOUT_CLIENT": "910",
        "TIMEOUT_SERVER": "910",
    }


def times_of(settings: list[str], run_dir: Path) -> dict[str, str]:
    environ = ray_environment(load_config(None, settings, {}), run_dir, {})
    return {name: environ[f"RAY_SERVE_HAPROXY_{name}_S"] for name in ("HARD_STOP_AFTER", "TIMEOUT_CLIENT", "TIMEOUT_SERVER")}


def test_every_path_lies_in_the_run_dir(run_dir: Path) -> None:
    environ = ray_environment(load_config(None, (), {}), run_dir, {})

    paths = [value for value in environ.values() if value.startswith("/")]
    assert len(paths) == 9
    assert all(path.startswith(str(run_dir)) for path in paths)


def test_sockets_stay_within_what_haproxy_takes(run_dir: Path) -> None:
    environ = ray_environment(load_config(None, (), {}), run_dir, {})

    below = environ["RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH"].removeprefix(str(run_dir))
    node = "/" + 56 * "f"
    assert len("/tmp/parley-12345678" + node + below) <= 97


def test_two_servers_share_no_port(run_dir: Path) -> None:
    configs = [load_config(None, [f"server.port={port}"], {}) for port in (8000, 8001)]
    first, second = (ray_environment(config, run_dir, {}) for config in configs)

    ports = {name for name in first if name.endswith("_PORT")}
    assert len(ports) == 5
    assert all(first[name] != second[name] for name in ports)


def test_a_block_in_use_is_passed_over(run_dir: Path) -> None:
    config = load_config(None, (), {})
    usual = int(ray_environment(config, run_dir, {})["RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT"])
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", usual + 7))
        taken.listen()
        other = int(ray_environment(config, run_dir, {})["RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT"])

    assert other in REPLICA_PORTS
    assert other != usual


def test_each_server_has_a_token_that_only_its_user_can_read(run_dir: Path) -> None:
    environ = ray_environment(load_config(None, (), {}), run_dir, {})

    token = Path(environ["RAY_AUTH_TOKEN_PATH"])
    assert environ["RAY_AUTH_MODE"] == "token"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert len(token.read_text()) == 64


@pytest.mark.parametrize("own", [{"RAY_AUTH_MODE": "disabled"}, {"RAY_AUTH_TOKEN": "x"}, {"RAY_AUTH_TOKEN_PATH": "/x"}])
def test_what_the_user_decided_about_tokens_stands(run_dir: Path, own: dict[str, str]) -> None:
    environ = ray_environment(load_config(None, (), {}), run_dir, own)

    assert [name for name in environ if name.startswith("RAY_AUTH")] == []


def test_a_cluster_that_is_joined_brings_its_own(run_dir: Path) -> None:
    config = load_config(None, ["ray.address=auto"], {})

    assert ray_environment(config, run_dir, {}) == {MARK: str(run_dir)} | node_environment(config)
    assert list(run_dir.iterdir()) == []


def test_what_holds_on_every_node_holds_on_the_only_one(run_dir: Path) -> None:
    config = load_config(None, ["server.drain_s=60"], {})

    alike = node_environment(config)
    assert alike.items() <= ray_environment(config, run_dir, {}).items()
    assert not [value for value in alike.values() if str(run_dir) in value]


def test_ray_keeps_figures_of_itself_only_where_its_dashboard_shows_them(run_dir: Path) -> None:
    shown, hidden = (
        ray_environment(load_config(None, [f"ray.dashboard={wanted}"], {}), run_dir, {}) for wanted in ("true", "false")
    )
    assert hidden.keys() > shown.keys()
    assert hidden.keys() - shown.keys() == {
        "RAY_enable_metrics_collection",
        "RAY_task_events_report_interval_ms",
        "REPORTER_UPDATE_INTERVAL_MS",
    }


def test_haproxys_pages_are_closed_to_other_machines(run_dir: Path) -> None:
    wrapper = ray_environment(load_config(None, (), {}), run_dir, {})["RAY_SERVE_HAPROXY_BINARY_PATH"]
    file = run_dir / "haproxy.cfg"
    file.write_text(
        "defaults\n    mode http\n    timeout connect 1s\n    timeout client 1s\n    timeout server 1s\n"
        "frontend prometheus\n    bind :9101\nfrontend http_frontend\n    bind 127.0.0.1:8000\nlisten stats\n  bind *:8404\n"
    )

    checked = subprocess.run([wrapper, "-c", "-f", str(file)], capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stderr
    binds = [line.strip() for line in file.read_text().splitlines() if "bind" in line]
    assert binds == ["bind 127.0.0.1:9101", "bind 127.0.0.1:8000", "bind 127.0.0.1:8404"]


def test_callers_from_elsewhere_reach_their_port_and_no_other(run_dir: Path) -> None:
    config = load_config(None, ("server.host=0.0.0.0", "server.port=8123"), {})
    wrapper = ray_environment(config, run_dir, {})["RAY_SERVE_HAPROXY_BINARY_PATH"]
    file = run_dir / "haproxy.cfg"
    file.write_text(
        "defaults\n    mode http\n    timeout connect 1s\n    timeout client 1s\n    timeout server 1s\n"
        "frontend prometheus\n    bind :9101\nfrontend http_frontend\n    bind *:8123\nlisten stats\n  bind *:8404\n"
    )

    checked = subprocess.run([wrapper, "-c", "-f", str(file)], capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stderr
    binds = [line.strip() for line in file.read_text().splitlines() if "bind" in line]
    assert binds == ["bind 127.0.0.1:9101", "bind *:8123", "bind 127.0.0.1:8404"]


def test_free_ports_are_free_and_differ() -> None:
    ports = free_ports(5)

    assert len(set(ports)) == 5
    assert all(is_free("127.0.0.1", port) for port in ports)


def test_a_port_taken_on_every_address_is_not_free_here() -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        assert not is_free("127.0.0.1", taken.getsockname()[1])
