"""Ray and Ray Serve underneath a server: start or join them, deploy the application, once or again, and leave nothing behind.

Ray is imported inside functions only, since its parts read the environment (parley.environment) when they are imported.
"""

import logging
import re
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from parley import processes
from parley.environment import free_ports, is_free
from pipeline.config import Config
from pipeline.errors import ServerError

APP = "parley"
NAMESPACE = "parley"
START_LIMIT_S = 180.0
"""Seconds in which all stages must be ready; loading weights is the long part."""
LONGEST_GIST = 400
DRAIN_S = 60.0
"""Seconds that Serve gets to let go of a cluster that goes on; the gateway's replicas stay for a few of them in any case."""
VITAL = {"raylet", "gcs_server"}
EVERYWHERE = "0.0.0.0"
_COMMON: dict[str, Any] = {"namespace": NAMESPACE, "log_to_driver": False, "logging_level": logging.ERROR}
_TAKEN_UP_S = 1.0
"""Seconds in which Serve begins with a deploy; until then it tells of the one before."""
GOODBYE_S = 10.0
"""Seconds that Ray gets to end by itself."""


def start_ray(config: Config, run_dir: Path) -> str:
    """Start or join a cluster; returns the address of its dashboard, if it has one."""
    import ray
    from ray._private import node, ray_constants, worker

    # What Ray tells on the terminal of a worker's end is a paragraph; parley.watch tells it in a line.
    worker.print_to_stdstream = lambda *_args, **_named: None
    # It reads all logs over and over for drivers that want to print them, and ours does not.
    node.Node.start_log_monitor = lambda self: None
    if not config.ray.dashboard:
        # Ray would run one all the same, without its pages.
        node.Node.start_api_server = lambda self, **_named: None
    if config.ray.address:
        # A node that listens on loopback only is not known by the machine's outward address.
        ray_constants.ENABLE_RAY_CLUSTER = not config.ray.address.startswith("127.0.0.1:")
        context: Any = ray.init(address=config.ray.address, **_COMMON)
    else:
        wanted = config.ray.dashboard_port
        # Otherwise Ray takes the machine's outward address for its node, and listens for other machines.
        ray_constants.ENABLE_RAY_CLUSTER = False
        context = ray.init(
            address="local",
            include_dashboard=config.ray.dashboard,
            dashboard_port=wanted if is_free("127.0.0.1", wanted) else free_ports(1)[0],
            object_store_memory=config.ray.object_store_mb * 1024 * 1024,
            _temp_dir=str(run_dir),
            **_COMMON,
        )
    address_file(run_dir).write_text(context.address_info["gcs_address"], encoding="ascii")
    return context.dashboard_url or ""


def address_file(run_dir: Path) -> Path:
    """Says where the cluster is, for `parley deploy`."""
    return run_dir / "cluster"


def start_serve(config: Config) -> None:
    from ray import serve
    from ray.serve.config import HTTPOptions
    from ray.serve.context import _get_global_client

    _hush_serve()
    host, port = config.server.host, config.server.port
    client: Any = _get_global_client(raise_if_no_controller_running=False) if config.ray.address else None
    if client is not None and (client.http_config.host, client.http_config.port) != (host, port):
        there = f"{client.http_config.host}:{client.http_config.port}"
        message = f"Ray Serve already runs on that cluster, at {there}; set server.host and server.port to that"
        raise ServerError("serve_elsewhere", message)
    if config.ray.address:
        check_reach(host, _node_addresses())
    serve.start(http_options=HTTPOptions(host=host, port=port))


def _node_addresses() -> list[str]:
    import ray

    return [node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]]


def check_reach(host: str, nodes: list[str]) -> None:
    """The proxies reach the gateway's replicas by the addresses of their nodes, and replicas listen where the server does."""
    apart = [node for node in nodes if node != host]
    if apart and host != EVERYWHERE:
        message = f"the nodes of that cluster reach each other at {apart[0]}, but server.host is {host}"
        raise ServerError("nodes_apart", f"{message}; set server.host={EVERYWHERE}, and accept keys")


def deploy(config: Config) -> None:
    """Hand the application to Serve, and wait until all of it runs or one part says why it cannot.

    What ran before is replaced, and goes on until its work is done, which nobody waits for here.
    """
    from ray import serve

    # The composition root imports Serve's parts, so it too comes after the environment.
    from serve_app import build

    _hush_serve()
    before = {replica["replica_id"] for part in _deployments() for replica in part["replicas"]}
    target = serve.RunTarget(build(config), name=APP, route_prefix="/")
    serve.run_many([target], wait_for_ingress_deployment_creation=False, wait_for_applications_running=False)
    if before:
        threading.Event().wait(_TAKEN_UP_S)
    end = time.monotonic() + START_LIMIT_S
    while time.monotonic() < end:
        application = serve.status().applications.get(APP)
        if application is not None:
            state = str(application.status.value)
            reports = {name: part.message for name, part in application.deployments.items()} | {"": application.message}
            if problem := start_problem(state, reports):
                raise ServerError("stage_failed", problem)
            parts = _deployments()
            if parts and all(is_up(part, before) for part in parts):
                return
        threading.Event().wait(0.2)
    raise ServerError("start_slow", f"the stages were not ready within {START_LIMIT_S:.0f} s")


def _hush_serve() -> None:
    """What it has to say on the terminal we say in our way; it begins to speak when it is imported."""
    logging.getLogger("ray.serve").setLevel(logging.ERROR)


def _deployments() -> list[dict[str, Any]]:
    from ray.serve.context import _get_global_client

    client: Any = _get_global_client()
    application = client.get_serve_details()["applications"].get(APP)
    return [] if application is None else list(application["deployments"].values())


def is_up(deployment: dict[str, Any], before: set[str]) -> bool:
    """Whether it has all the replicas that it should, not counting those of a deploy before."""
    running = [one for one in deployment["replicas"] if one["state"] == "RUNNING" and one["replica_id"] not in before]
    return len(running) >= deployment["target_num_replicas"]


def check_shards(config: Config) -> None:
    """Shards and VAD actors hold conversations: their numbers stay as long as the server runs."""
    import ray

    from actors.names import shard_names, vad_names

    actors: list[Any] = ray.util.list_named_actors(all_namespaces=True)
    running = {actor["name"] for actor in actors if actor["namespace"] == NAMESPACE}
    if running != {*shard_names(config), *vad_names(config)}:
        message = "buffer.replicas and vad.replicas cannot change while a server runs; stop it, and start it with the others"
        raise ServerError("shards_differ", message)


_OWN_ERROR = re.compile(r"^(?:[\w.]+\.)?[A-Z]\w+: (.+ \[[a-z_]+\])$", re.MULTILINE)
_ANY_ERROR = re.compile(r"^((?:[\w.]+\.)?[A-Z]\w*(?:Error|Exception|Exit|Interrupt)(?:: .*)?)$", re.MULTILINE)


def start_problem(state: str, reports: dict[str, str]) -> str | None:
    """Why an application cannot start, in one line, out of its state and what Serve reports of each deployment.

    Our own errors (their code stands in brackets at the end) will not pass by trying again, so they end the start at once.
    """
    for name, report in reports.items():
        if found := _OWN_ERROR.findall(report):
            return f"{name}: {found[-1]}" if name else str(found[-1])
    if state not in ("DEPLOY_FAILED", "UNHEALTHY"):
        return None
    for name, report in reports.items():
        if _ANY_ERROR.search(report):
            return f"{name}: {gist(report)}" if name else gist(report)
    return gist(" ".join(reports.values())) or state


def gist(report: str) -> str:
    """The line of a traceback that names the error, or all of a report that has none; never more than a few lines."""
    found = _ANY_ERROR.findall(report)
    return " ".join((found[-1] if found else report).split())[:LONGEST_GIST]


def lost_part() -> str | None:
    """The process of our own Ray that has died and without which nothing goes on."""
    from ray._private import worker

    node: Any = worker._global_node
    return next((kind for kind, _ in node.dead_processes() if kind in VITAL), None)


def stop_own(run_dir: Path) -> None:
    """End a cluster of our own. Serve is not asked to drain: that waits for conversations, for hours if it must."""
    import ray

    processes.end(processes.proxies(str(run_dir)))
    # A Ray that has lost its parts may never answer; the sweep that follows ends it all the same.
    goodbye = threading.Thread(target=ray.shutdown, daemon=True)
    goodbye.start()
    goodbye.join(GOODBYE_S)


def leave() -> None:
    """End what is ours in a cluster that goes on: the application, its actors, and Serve if nobody else uses it."""
    import ray
    from ray import serve
    from ray.serve.context import _get_global_client

    if not ray.is_initialized():
        return
    with suppress(Exception):
        client: Any = _get_global_client()
        if set(serve.status().applications) - {APP}:
            serve.delete(APP)
        else:
            client.shutdown(timeout_s=DRAIN_S)
    with suppress(Exception):
        actors: list[Any] = ray.util.list_named_actors(all_namespaces=True)
        for name in [actor["name"] for actor in actors if actor["namespace"] == NAMESPACE]:
            ray.kill(ray.get_actor(name, namespace=NAMESPACE), no_restart=True)
    ray.shutdown()


def holder_of(port: int) -> str:
    """Who listens on a port, as far as this user may know."""
    with suppress(psutil.Error, OSError):
        for link in psutil.net_connections("tcp"):
            local: Any = link.laddr
            if link.status == psutil.CONN_LISTEN and local.port == port and link.pid:
                return f" by {psutil.Process(link.pid).name()} (process {link.pid})"
    return ""
