"""The cluster of `cluster.yaml` with raylets of this machine for nodes, which Ray's own autoscaler starts and stops.

It listens on loopback only, on ports of its own; whatever way a test ends, nothing of it stays.
"""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml
from ray.autoscaler._private.util import prepare_config

from parley import processes, rundir
from parley.environment import free_ports, ray_environment
from parley.launcher import make_run_dir
from parley.warden import Warden
from pipeline.config import Config

RAY = Path(sys.executable).parent / "ray"
CLUSTER = Path(__file__).parent.parent.parent / "cluster.yaml"
HEAD = "f" * 51 + "00000"
"""What the provider calls the head."""
HEAD_TYPE = "ray.head.default"
STORE_BYTES = 80_000_000
START_S = 60.0
TRIES = 3
"""Ray gives its node 30 s to start, whatever else the machine does."""
GATEWAY = "ray::ServeReplica:parley:gateway"


@dataclass(frozen=True, slots=True)
class Nodes:
    """A cluster that runs."""

    address: str
    run_dir: str
    token: dict[str, str]
    """What must be in the environment of whoever joins."""
    replica_ports: range

    def count(self) -> int:
        return len(self._raylets())

    def callers(self) -> list[int]:
        """How many callers the gateway's replicas of each node hold, for nodes that have one."""
        held: Counter[int] = Counter()
        for raylet in self._raylets():
            for process in _children(raylet):
                if _title(process).startswith(GATEWAY):
                    held[raylet.pid] += self._sockets(process)
        return sorted(held.values())

    def open_replicas(self) -> int:
        """Replicas to which the head's proxy sends new callers."""
        told = (Path(self.run_dir) / "h" / HEAD / "haproxy.cfg").read_text(encoding="utf-8")
        ports = {int(port) for port in re.findall(r"^ *server \S+ \S+:(\d+) ", told, re.MULTILINE)}
        return len(ports & set(self.replica_ports))

    def _sockets(self, process: psutil.Process) -> int:
        with suppress(psutil.Error):
            at = [link.laddr.port for link in process.net_connections("tcp") if link.status == psutil.CONN_ESTABLISHED]
            return sum(port in self.replica_ports for port in at)
        return 0

    def _raylets(self) -> list[psutil.Process]:
        return [process for process in processes.of_server(self.run_dir) if Path(_title(process)).name == "raylet"]


def _title(process: psutil.Process) -> str:
    try:
        return process.cmdline()[0]
    except (psutil.Error, IndexError):
        return ""


def _children(process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.Error):
        return process.children(recursive=True)
    return []


@contextmanager
def cluster(config: Config, head_cpus: int, worker_cpus: int, workers: int, idle_s: float) -> Iterator[Nodes]:
    """Starts the head; `config` is that of the server which will join."""
    run_dir = make_run_dir()
    # It clears up if nobody else can.
    warden = Warden(str(run_dir), 0, rundir.folder())
    try:
        gcs, client, proxy = free_ports(3)
        address = f"127.0.0.1:{gcs}"
        told = _autoscaling(address, head_cpus, worker_cpus, workers, idle_s)
        file = run_dir / "autoscaling.json"
        file.write_text(json.dumps(told), encoding="utf-8")
        environ = ray_environment(config, run_dir, {}) | {
            "RAY_FAKE_CLUSTER": "1",
            "AUTOSCALER_UPDATE_INTERVAL_S": "1",
            # As in parley.cluster: Ray takes loopback for its nodes.
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
            # Pools hear of load every second, not every tenth.
            "RAY_SERVE_REPLICA_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "1",
            "RAY_SERVE_HANDLE_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "1",
            # The proxies of all nodes are on this machine.
            "RAY_SERVE_WORKER_PROXY_HTTP_PORT": str(proxy),
        }
        _start(address, client, head_cpus, run_dir, file, os.environ | environ)
        token = {name: environ[name] for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH")}
        first, last = (int(environ[f"RAY_SERVE_DIRECT_INGRESS_{end}_HTTP_PORT"]) for end in ("MIN", "MAX"))
        yield Nodes(address, str(run_dir), token, range(first, last))
    finally:
        processes.sweep(str(run_dir))
        warden.dismiss()


def _start(address: str, client: int, cpus: int, run_dir: Path, autoscaling: Path, environ: dict[str, str]) -> None:
    host, port = address.split(":")
    command = [RAY, "start", "--head", "--include-dashboard=false", "--include-log-monitor=false"]
    command += ["--min-worker-port=0", "--max-worker-port=0"]
    command += [f"--node-ip-address={host}", f"--port={port}", f"--ray-client-server-port={client}"]
    command += ["--dashboard-agent-listen-port=0", f"--num-cpus={cpus}", f"--object-store-memory={STORE_BYTES}"]
    command += [f"--temp-dir={run_dir}", f"--autoscaling-config={autoscaling}"]
    said = run_dir / "start.log"
    for _ in range(TRIES):
        # Its output goes to a file, as the nodes keep it open.
        with said.open("w") as log:
            started = subprocess.run(command, env=environ, stdout=log, stderr=log, timeout=START_S, check=False)
        if started.returncode == 0:
            return
        processes.sweep(str(run_dir), keep_files=True)
    raise RuntimeError(f"Ray did not start:\n{said.read_text(encoding='utf-8')}")


def _autoscaling(address: str, head_cpus: int, worker_cpus: int, workers: int, idle_s: float) -> dict[str, Any]:
    """`cluster.yaml`, but for the machines and what is done on them."""
    machine: dict[str, Any] = {"node_config": {}, "min_workers": 0}
    types = {
        HEAD_TYPE: machine | {"resources": {"CPU": head_cpus}, "max_workers": 0},
        "worker": machine | {"resources": {"CPU": worker_cpus, "object_store_memory": STORE_BYTES}, "max_workers": workers},
    }
    provider = {
        "type": "fake_multinode",
        "head_node_id": HEAD,
        "gcs_address": address,
        # All nodes have one address, and nothing is installed on them.
        "use_node_id_as_ip": True,
        "disable_node_updaters": True,
        "disable_launch_config_check": True,
        "foreground_node_launch": True,
        "worker_liveness_check": False,
    }
    return prepare_config(yaml.safe_load(CLUSTER.read_text(encoding="utf-8"))) | {
        "provider": provider,
        "available_node_types": types,
        "head_node_type": HEAD_TYPE,
        "max_workers": workers,
        "idle_timeout_minutes": idle_s / 60,
        "file_mounts": {},
    }
