"""Runs a server in the foreground, and takes all of it down again.

Whatever way a server ends, `_stop` leaves no process, port or file of it; when even that cannot run, the warden does the same
from outside. Once the end is under way, nothing interrupts it: a second Ctrl-C changes nothing.
"""

import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import httpx
import psutil
from rich.console import Console

from parley import cluster, processes, providers, rundir
from parley.environment import free_ports, is_free, ray_environment, token_file
from parley.warden import Warden
from parley.watch import Watch
from pipeline import keys
from pipeline.config import Config
from pipeline.errors import ConfigError, ParleyError, ServerError

LOOK_S = 2.0
"""Seconds between two looks at a running server's parts."""
LONGEST_ROOT = 9
"""Length of a temp dir that may hold run dirs: HAProxy's sockets lie 88 characters below it, and 97 are allowed."""


class _Stopped(BaseException):
    """Somebody asked for the end: Ctrl-C, SIGTERM or a closed terminal."""


def serve(config: Config, console: Console, keep_logs: bool = False) -> None:
    """Run a server until it is asked to stop; raises `ParleyError` when it cannot start."""
    config = with_address(config)
    _clean_up_before(config.server.port, console)
    check_port(config)
    chosen = providers.chosen(config)
    server = config.server
    where = rundir.folder()
    run_dir = make_run_dir()
    record = rundir.Record(server.port, server.host, os.getpid(), psutil.Process().create_time(), time.time(), str(run_dir))
    try:
        rundir.claim(record, where)
    except BaseException:
        shutil.rmtree(run_dir)
        raise
    warden = Warden(str(run_dir), server.port, where)
    with _signals_stop():
        try:
            _run(config, run_dir, console, chosen)
        except _Stopped:
            pass
        except ParleyError:
            raise
        except Exception as error:
            raise ServerError("start_failed", cluster.gist(str(error))) from error
        finally:
            _handle_signals(_ignore)
            _stop(config, run_dir, console, keep_logs)
            rundir.forget(server.port, where)
            warden.dismiss()


def with_address(config: Config) -> Config:
    """`localhost` is an address, and port 0 asks for any free one; where others can reach us there must be keys."""
    server = config.server
    host = "127.0.0.1" if server.host == "localhost" else server.host
    if not host or not is_free(host, 0):
        wanted = "take 127.0.0.1, 0.0.0.0 for all, or another IPv4 address of it"
        raise ConfigError("host_unknown", f"server.host is {host}, which is no address of this machine; {wanted}")
    keys.check(config.keys, host)
    changes = {"host": host, "port": server.port or free_ports(1)[0]}
    return config.model_copy(update={"server": server.model_copy(update=changes)})


def _clean_up_before(port: int, console: Console) -> None:
    """A server that was killed, its warden too, still holds the port it had."""
    where = rundir.folder()
    record = rundir.find(port, where)
    if record is not None and not record.alive():
        processes.sweep(record.run_dir)
        rundir.forget(port, where)
        console.print(f"[dim]cleaned up after a server on port {port} that was killed[/]", highlight=False, soft_wrap=True)


def check_port(config: Config) -> None:
    port = config.server.port
    if is_free(config.server.host, port):
        return
    record = rundir.find(port, rundir.folder())
    if record is not None:
        raise ServerError("port_taken", f"port {port} is taken by a Parley server; `parley down --port {port}` stops it")
    raise ServerError("port_taken", f"port {port} is taken{cluster.holder_of(port)}; choose another with --port")


def make_run_dir() -> Path:
    root = tempfile.gettempdir()
    return Path(tempfile.mkdtemp(prefix="parley-", dir=root if len(root) < LONGEST_ROOT else "/tmp"))


def _run(config: Config, run_dir: Path, console: Console, chosen: dict[str, str]) -> None:
    os.environ.update(ray_environment(config, run_dir))
    url = f"http://{config.server.host}:{config.server.port}"
    with _step(console, "Ray"):
        dashboard = cluster.start_ray(config, run_dir)
        # Ray has put its own handler for SIGTERM in place of ours.
        _handle_signals(_stop_now)
    with _step(console, "Ray Serve with HAProxy"):
        cluster.start_serve(config)
    with _step(console, f"the stages ({', '.join(f'{stage}: {name}' for stage, name in chosen.items())})"):
        cluster.deploy(config)
        wait_healthy(url, cluster.START_LIMIT_S)
    _announce(config, run_dir, console, url, dashboard)
    watch = Watch(cluster.APP)
    while True:
        threading.Event().wait(LOOK_S)
        if lost := cluster.lost_part():
            raise ServerError("ray_lost", f"Ray's {lost} died, and nothing runs without it")
        for line in watch.look():
            console.print(line, markup=False, highlight=False, soft_wrap=True)


def wait_healthy(url: str, limit_s: float) -> None:
    """Wait until /health says so: HAProxy hears of the replicas a moment after Serve does."""
    end = time.monotonic() + limit_s
    answer = "nothing"
    while time.monotonic() < end:
        with suppress(httpx.HTTPError, ValueError):
            response = httpx.get(f"{url}/health", timeout=5.0, trust_env=False)
            answer = f"{response.status_code} {response.text[:200]}"
            if response.status_code == 200 and response.json().get("status") == "healthy":
                return
        threading.Event().wait(0.1)
    raise ServerError("not_healthy", f"{url}/health did not become healthy; it answered {answer}")


def _announce(config: Config, run_dir: Path, console: Console, url: str, dashboard: str) -> None:
    port = config.server.port
    console.print(f"\n[bold green]Parley listens on {url}[/]   Ctrl-C stops it", highlight=False, soft_wrap=True)
    near = url.replace("//0.0.0.0:", "//127.0.0.1:")
    console.print(f"  try it     parley call speech.wav --url {near}", highlight=False, soft_wrap=True)
    console.print(f"  keys       {told_of_keys(config)}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"  state      parley status --port {port}", highlight=False, soft_wrap=True)
    if dashboard:
        token = token_file(run_dir)
        entry = f"   its token: cat {token}" if token.exists() else ""
        console.print(f"  dashboard  http://{dashboard.removeprefix('http://')}{entry}", highlight=False, soft_wrap=True)
    if not config.ray.address:
        console.print(f"  logs       {run_dir}/session_latest/logs", highlight=False, soft_wrap=True)


def told_of_keys(config: Config) -> str:
    accepted = len(config.keys.accepted)
    if keys.needed(config.keys, config.server.host):
        return f"needed ({accepted} accepted); callers set PARLEY_KEY"
    unused = f" ({accepted} accepted; keys.required=always asks for them here too)" if accepted else ""
    return f"not needed, as only this machine gets here{unused}"


@contextmanager
def _step(console: Console, what: str) -> Iterator[None]:
    begun = time.monotonic()
    with console.status(f"Starting {what} ..."):
        yield
    console.print(f"[green]started[/] {what} [dim]in {time.monotonic() - begun:.1f} s[/]", highlight=False, soft_wrap=True)


def _stop(config: Config, run_dir: Path, console: Console, keep_logs: bool) -> None:
    begun = time.monotonic()
    # The terminal may be gone by now; that must not keep anything alive.
    with suppress(OSError):
        console.print("Stopping ...")
    if config.ray.address:
        cluster.leave()
    else:
        cluster.stop_own(run_dir)
    processes.sweep(str(run_dir), keep_files=keep_logs)
    with suppress(OSError):
        logs = f"; the logs are in {run_dir}" if keep_logs else ""
        console.print(f"Stopped in {time.monotonic() - begun:.1f} s{logs}", highlight=False, soft_wrap=True)


_Handler = Callable[[int, FrameType | None], None]
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _stop_now(_signal: int, _frame: FrameType | None) -> None:
    _handle_signals(_ignore)
    raise _Stopped


def _ignore(_signal: int, _frame: FrameType | None) -> None:
    """A handler, not SIG_IGN: that would be inherited by what is started."""


def _handle_signals(handler: _Handler) -> None:
    for number in _SIGNALS:
        signal.signal(number, handler)


@contextmanager
def _signals_stop() -> Iterator[None]:
    before = [signal.getsignal(number) for number in _SIGNALS]
    _handle_signals(_stop_now)
    try:
        yield
    finally:
        for number, handler in zip(_SIGNALS, before, strict=True):
            signal.signal(number, handler)
