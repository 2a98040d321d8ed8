"""The `parley` command. Thin: each command checks its arguments, calls one function, and turns an error into one line."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipeline.config import Config
from pipeline.errors import ClientError, ParleyError
from pipeline.loading import load_config

app = typer.Typer(
    help="A real-time voice-conversation server on Ray.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
console = Console()
problems = Console(stderr=True)
keys_app = typer.Typer(help="Keys of callers.", no_args_is_help=True)
app.add_typer(keys_app, name="keys")

ConfigFile = Annotated[Path | None, typer.Option("--config", help="YAML file with what differs from the defaults.")]
Settings = Annotated[list[str] | None, typer.Option("--set", help="Override a setting, such as turn.silence_ms=300.")]


@contextmanager
def _one_line() -> Iterator[None]:
    """An error of ours is one line and exit code 1, never a traceback."""
    try:
        yield
    except ParleyError as error:
        problems.print(
            f"[bold red]error[/] {escape(' '.join(error.message.split()))} [dim]\\[{error.code}][/]",
            highlight=False,
            soft_wrap=True,
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
def deploy(
    config: ConfigFile = None,
    port: Annotated[int | None, typer.Option(help="The server's port; needed when several run.")] = None,
    settings: Settings = None,
) -> None:
    """Give a server of this machine a new configuration, or new code, while it runs; no conversation is cut."""
    from parley import deploy as deploying
    from parley import down, rundir

    with _one_line():
        loaded = load_config(config, settings or [])
        record = down.pick(port, rundir.folder())
        with console.status("Starting new replicas ..."):
            took_s = deploying.deploy(loaded, record)
        console.print(f"the server on port {record.port} is up to date after {took_s:.1f} s", highlight=False)


@app.command()
def down(port: Annotated[int | None, typer.Option(help="The server's port; needed when several run.")] = None) -> None:
    """Stop a server of this machine, or clean up after one that was killed."""
    from parley import down as ending
    from parley import rundir

    with _one_line():
        where = rundir.folder()
        console.print(ending.stop(ending.pick(port, where), where), highlight=False, soft_wrap=True)


@app.command()
def call(
    file: Annotated[
        Path | None, typer.Argument(help="A WAV file to play to the server: PCM16, 8 to 48 kHz, mono or stereo.")
    ] = None,
    url: Annotated[str, typer.Option(help="Address of the server.")] = "http://127.0.0.1:8000",
    lang: Annotated[str, typer.Option(help="Language of the conversation, such as en.")] = "",
    flow: Annotated[str, typer.Option(help="Call flow of the conversation.")] = "",
    save: Annotated[Path | None, typer.Option(help="WAV file for the reply's audio.")] = None,
    text: Annotated[str, typer.Option(help="A turn to type, after the recording if there is one.")] = "",
) -> None:
    """Play a recording to a server in real time, and show its reply and how long each part took.

    A server that needs a key finds it in the environment, as PARLEY_KEY.
    """
    from parley import call as calling
    from parley import keys, wav
    from parley.client import Client

    with _one_line():
        if file is None and not text:
            raise ClientError("nothing_to_say", "name a recording, or type a turn with --text")
        recording = wav.read(file) if file is not None else None
        rate = recording.rate if recording is not None else 16_000
        client = Client(url, rate, lang=lang, flow=flow, key=keys.mine())
        reply = asyncio.run(calling.run(client, recording, text, console))
        if save is not None:
            wav.write(save, reply, client.out_rate)
            console.print(f"saved {len(reply) / client.out_rate:.1f} s of speech to {save}", highlight=False)


@app.command()
def say(
    text: Annotated[str, typer.Argument(help="What to say.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="WAV file to write.")],
    voice: Annotated[str, typer.Option(help="A voice that the provider knows; empty for the language's own.")] = "",
    lang: Annotated[str, typer.Option(help="Language of the text.")] = "en",
    config: ConfigFile = None,
    settings: Settings = None,
) -> None:
    """Turn text into speech on this machine, without a server."""
    from parley import say as saying
    from parley import wav
    from pipeline.ports import Phrase

    with _one_line():
        provider, speech = asyncio.run(saying.say(load_config(config, settings or []), Phrase(text, lang, voice)))
        wav.write(output, speech.samples, speech.rate)
        console.print(f"{provider} said {speech.seconds:.1f} s at {speech.rate} Hz into {output}", highlight=False)


@app.command()
def status(port: Annotated[int | None, typer.Option(help="The server's port; needed when several run.")] = None) -> None:
    """Show the state of a server of this machine; where keys are needed, PARLEY_KEY gets more than a word."""
    from parley import down, keys, rundir
    from parley import status as state

    with _one_line():
        record = down.pick(port, rundir.folder())
        console.print(state.picture(record, state.ask(record, keys.mine()), time.time()), highlight=False)


@keys_app.command("new")
def keys_new(name: Annotated[str, typer.Argument(help="Whose key it is.")]) -> None:
    """Make a key: it is printed once, with the line for the server that accepts it."""
    from parley import keys

    with _one_line():
        console.print(keys.new(name), markup=False, highlight=False, soft_wrap=True)


@app.command()
def doctor(config: ConfigFile = None, settings: Settings = None) -> None:
    """Look over this machine: which providers would answer, which ports are free, what is missing."""
    from parley import doctor as examination

    with _one_line():
        loaded = load_config(config, settings or [])
    colours = {"ok": "green", "answers": "bold green", "waits": "green", "note": "yellow", "fault": "bold red"}
    findings = [examination.providers(loaded), examination.machine(loaded)]
    for title, part in zip(("Providers", "Machine"), findings, strict=True):
        table = Table("", "", "", title=title, title_justify="left", show_header=False)
        for finding in part:
            table.add_row(finding.what, f"[{colours[finding.result]}]{finding.result}[/]", escape(finding.detail))
        console.print(table, highlight=False)
    if any(finding.stops_us for part in findings for finding in part):
        problems.print("[bold red]error[/] something essential is missing", highlight=False)
        raise typer.Exit(1)
