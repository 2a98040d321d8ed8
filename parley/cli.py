"""The `parley` command. Thin: each command checks its arguments, calls one function, and turns an error into one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from pipeline.config import Config, load_config
from pipeline.errors import ParleyError

app = typer.Typer(
    help="A real-time voice-conversation server on Ray.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
console = Console()
problems = Console(stderr=True)

ConfigFile = Annotated[Path | None, typer.Option("--config", help="YAML file with what differs from the defaults.")]
Settings = Annotated[list[str] | None, typer.Option("--set", help="Override a setting, such as turn.silence_ms=300.")]


@contextmanager
def _one_line() -> Iterator[None]:
    """An error of ours is one line and exit code 1, never a traceback."""
    try:
        yield
    except ParleyError as error:
        problems.print(
            f"[bold red]error[/] {' '.join(error.message.split())} [dim]\\[{error.code}][/]", highlight=False, soft_wrap=True
        )
        raise typer.Exit(1) from None


@app.command()
def serve(
    config: ConfigFile = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="TCP port to listen on; 0 for any free one.")] = None,
    settings: Settings = None,
    keep_logs: Annotated[bool, typer.Option(help="Leave Ray's logs behind at the end.")] = False,
) -> None:
    """Run a server in the foreground until Ctrl-C."""
    from parley import launcher

    with _one_line():
        launcher.serve(_load(config, settings, host, port), console, keep_logs)


def _load(config: Path | None, settings: list[str] | None, host: str | None, port: int | None) -> Config:
    """The flags are overrides like any other, and come last."""
    overrides = list(settings or [])
    overrides += [f"server.host={host}"] if host is not None else []
    overrides += [f"server.port={port}"] if port is not None else []
    return load_config(config, overrides)


@app.command()
def down(port: Annotated[int | None, typer.Option(help="The server's port; needed when several run.")] = None) -> None:
    """Stop a server of this machine, or clean up after one that was killed."""
    from parley import down as ending
    from parley import rundir

    with _one_line():
        where = rundir.folder()
        console.print(ending.stop(ending.pick(port, where), where), highlight=False)
