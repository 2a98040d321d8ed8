"""What a running server says of itself, for the terminal."""

import time
from typing import Any

import httpx
from rich.console import Group, RenderableType
from rich.table import Table

from parley import keys
from parley.rundir import Record
from pipeline.errors import ClientError, ServerError


def ask(record: Record, key: str = "") -> dict[str, Any]:
    """The answer of /health, whether healthy or not; of a server that needs keys it is short without one."""
    if not record.alive():
        raise ServerError(
            "killed", f"the server on port {record.port} was killed; `parley down --port {record.port}` cleans up"
        )
    try:
        response = httpx.get(f"{record.url}/health", headers=keys.header(key), timeout=5.0, trust_env=False)
        answer: dict[str, Any] = response.json()
    except (httpx.HTTPError, ValueError) as error:
        problem = str(error) or type(error).__name__
        raise ServerError("no_answer", f"the server on port {record.port} runs but does not answer: {problem}") from None
    if response.status_code == httpx.codes.UNAUTHORIZED:
        raise ClientError("key_invalid", f"the server on port {record.port} does not accept the key in PARLEY_KEY")
    return answer


def picture(record: Record, health: dict[str, Any], now: float) -> RenderableType:
    """Everything that /health says: a head of single values, and a table for each section."""
    head = Table("", "", show_header=False, box=None)
    head.add_row("address", record.url)
    head.add_row("status", str(health.get("status")))
    head.add_row(
        "since", f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(record.since))} ({duration(now - record.since)})"
    )
    for key, value in health.items():
        if not isinstance(value, dict | list) and key not in ("status", "uptime_s"):
            head.add_row(key, text(value))
    sections = [table(key, value) for key, value in health.items() if isinstance(value, dict | list) and value]
    return Group(head, *sections)


def table(title: str, section: dict[str, Any] | list[Any]) -> Table:
    """A section of /health: a row for each of its entries."""
    out = Table(title=title, title_justify="left", show_header=False)
    rows = section.items() if isinstance(section, dict) else enumerate(section, 1)
    for key, value in rows:
        out.add_row(str(key), text(value))
    return out


def text(value: Any) -> str:
    match value:
        case None:
            return "-"
        case dict():
            return "  ".join(f"{key} {text(inner)}" for key, inner in value.items() if inner != "")
        case list():
            return "\n".join(text(inner) for inner in value)
        case float():
            return f"{value:g}"
        case _:
            return str(value)


def duration(seconds: float) -> str:
    """Days, hours, minutes and seconds, the two greatest that are there."""
    rest = int(seconds)
    parts: list[str] = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"
