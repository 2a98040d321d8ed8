"""One call from the terminal: plays a recording or types a turn, and shows what comes back until the reply is complete.

`Call` is plain: messages go in with the time of their arrival, lines come out, and it knows when the reply is complete or will
not come. `run` does the talking.
"""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape

from parley.client import Client, Received
from parley.wav import Recording
from pipeline.errors import ServerError
from pipeline.ports import Samples

GREETING_WAIT_S = 1.0
"""Seconds in which a greeting begins, if there is one."""
NO_SPEECH_S = 5.0
"""Seconds of silence after a recording in which its speech must have been noticed."""
NO_REPLY_S = 30.0
"""Seconds without a word from the server after which a reply will not come."""
REPORT_S = 0.25
"""How often the server is told how much of a reply was played."""
REPORT_WAIT_S = 1.0
"""Seconds that the report of a turn may come after its audio."""


@dataclass(slots=True)
class Call:
    """What is known of a call so far."""

    out_rate: int
    opened_at: float
    audio: bytearray = field(default_factory=bytearray)
    """Reply audio, without the greeting's."""
    reply_from: int = 0
    """Where in it the newest reply begins."""
    sounded: int | None = None
    """The turn of that reply."""
    asked_at: float | None = None
    """When all of what we have to say had been said."""
    speaking: bool = False
    """Whether the server hears us speak."""
    noticed: bool = False
    """Whether the server has heard or read anything of us."""
    heard_at: float = 0.0
    """When the last message came."""
    playing: int | None = None
    """The turn whose audio comes in now."""
    plays_until: float = 0.0
    """When the audio received so far will have been played."""
    greeting_began: bool = False
    greeting_done: bool = False
    newest: int = 0
    """The newest turn of ours."""
    before: int = 0
    """The newest turn when we began to say what is being answered."""
    done_at: dict[int, float] = field(default_factory=dict)
    """When all audio of a turn's reply had come."""
    reported: set[int] = field(default_factory=set)
    shown: set[int] = field(default_factory=set)
    """Turns whose replies were shown; one who comes back is told of it again."""

    def take(self, message: Received, now: float) -> list[str]:
        """Note a message; what to show of it, as Rich markup."""
        self.heard_at = now
        if isinstance(message, bytes):
            self.plays_until = max(self.plays_until, now) + len(message) / 2 / self.out_rate
            if self.playing:
                self.audio += message
            return []
        return self._take_message(message, now)

    def _take_message(self, message: dict[str, Any], now: float) -> list[str]:
        turn = int(message.get("turn", 0))
        match message["type"]:
            case "session" if not message.get("resumed"):
                answering = ", ".join(f"{stage}: {name}" for stage, name in message.get("providers", {}).items())
                return [f"[dim]connected ({answering})[/]"]
            case "speech_started":
                self.speaking = self.noticed = True
            case "speech_stopped":
                self.speaking = False
            case "transcript" if message["final"]:
                self.noticed, self.newest = True, max(self.newest, turn)
                return [f"[bold cyan]you[/]     {escape(message['text']) or '[dim](nothing understood)[/]'}"]
            case "reply" if message["final"]:
                self.newest = max(self.newest, turn)
                if turn in self.shown:
                    return []
                self.shown.add(turn)
                return [f"[bold green]parley[/]  {escape(message['text'])}"]
            case "audio_started":
                self._sounds(turn)
                self.greeting_began = self.greeting_began or turn == 0
            case "audio_done":
                self.playing = None
                self.done_at[turn] = now
                self.greeting_done = self.greeting_done or turn == 0
            case "held":
                self.plays_until = now
                self._keep(turn, message["heard_ms"])
            case "resumed":
                if turn != self.sounded:
                    self._sounds(turn)
                self.playing = turn
                if self._keep(turn, message["at_ms"]):
                    # The rest of it comes again, and its end is told again.
                    self.done_at.pop(turn, None)
            case "reconnecting":
                self.plays_until = now
                tried = f"trying again, {message['tried']} of {message['tries']}"
                return [f"[yellow]connection lost[/] [dim]({escape(message['reason'])})[/], {tried}"]
            case "reconnected":
                return ["[dim]connected again[/]"]
            case "lost":
                return ["[red]the conversation is lost[/]"]
            case "interrupted":
                self.playing = None
                self.plays_until = now
                self.greeting_done = self.greeting_done or turn == 0
                return [f"[yellow]interrupted[/] after {message['heard_ms']} ms"]
            case "turn":
                self.reported.add(turn)
                return [_breakdown(turn, message["latency"])]
            case "error":
                return [f"[red]{message['fault']} error[/] {escape(message['message'])} [dim]({message['code']})[/]"]
            case _:
                pass
        return []

    def _sounds(self, turn: int) -> None:
        """The audio that comes now is that of another reply."""
        self.playing = self.sounded = turn
        self.reply_from = len(self.audio)

    def _keep(self, turn: int, ms: int) -> bool:
        """Throws away what comes again of a reply; whether there was anything to throw away."""
        end = self.reply_from + 2 * (ms * self.out_rate // 1000)
        if not turn or turn != self.sounded or end >= len(self.audio):
            return False
        del self.audio[end:]
        return True

    def played_ms(self, now: float) -> int | None:
        """How much of the newest reply would have been heard by now; None when none sounds."""
        if not self.sounded or now >= self.plays_until + REPORT_S:
            return None
        received_s = (len(self.audio) - self.reply_from) / 2 / self.out_rate
        return round(1000 * max(received_s - max(self.plays_until - now, 0), 0))

    def begin(self) -> None:
        """We start to say something."""
        self.before = self.newest
        self.asked_at = None
        self.noticed = False

    def may_speak(self, now: float) -> bool:
        """What is being said to us is heard to its end; where no greeting begins, we do."""
        if self.greeting_began and not self.greeting_done:
            return False
        return now >= max(self.plays_until, self.opened_at + GREETING_WAIT_S)

    def complete(self, now: float) -> bool:
        """All of the newest reply is here, with its report unless that is late."""
        if self.asked_at is None or self.speaking or self.newest == self.before or self.newest not in self.done_at:
            return False
        return self.newest in self.reported or now >= self.done_at[self.newest] + REPORT_WAIT_S

    def hopeless(self, now: float) -> str | None:
        """Why no reply will come, if that is so."""
        if self.asked_at is None:
            return None
        if not self.noticed and now >= self.asked_at + NO_SPEECH_S:
            return "the server heard no speech"
        if now >= max(self.asked_at, self.heard_at) + NO_REPLY_S:
            return f"no reply came within {NO_REPLY_S:.0f} s"
        return None


def _breakdown(turn: int, latency: dict[str, Any]) -> str:
    parts = "  ".join(
        f"{name.removesuffix('_ms')} {ms}" for name, ms in latency.items() if name != "total_ms" and ms is not None
    )
    return f"[dim]turn {turn}: {latency.get('total_ms')} ms  ({parts})[/]"


async def run(client: Client, recording: Recording | None, text: str, console: Console) -> Samples:
    """Hold the call and return the reply's audio; raises `ParleyError` when the reply does not come."""
    async with client:
        call = Call(client.out_rate, time.monotonic())
        listening = asyncio.create_task(_listen(client, call, console))
        talking = asyncio.create_task(_talk(client, call, recording, text))
        reporting = asyncio.create_task(_report(client, call))
        try:
            await asyncio.wait([listening, talking], return_when=asyncio.FIRST_COMPLETED)
            if listening.done():
                listening.result()
                raise ServerError("disconnected", "the server ended the conversation before the reply was complete")
            talking.result()
            await client.bye()
        finally:
            for task in (listening, talking, reporting):
                task.cancel()
                with suppress(BaseException):
                    await task
    return np.frombuffer(bytes(call.audio), "<i2").astype(np.int16)


async def _listen(client: Client, call: Call, console: Console) -> None:
    async for message in client:
        for line in call.take(message, time.monotonic()):
            console.print(line, highlight=False, soft_wrap=True)


async def _report(client: Client, call: Call) -> None:
    """Whoever comes back gets just what was not played yet."""
    while True:
        await asyncio.sleep(REPORT_S)
        ms = call.played_ms(time.monotonic())
        if ms is not None:
            await client.report_played(ms)


async def _talk(client: Client, call: Call, recording: Recording | None, text: str) -> None:
    """An open microphone: silence before, between and after what is said, until each reply is complete."""
    for said in (recording, text):
        if not said:
            continue
        while not call.may_speak(time.monotonic()):
            await _be_silent(client)
        call.begin()
        if isinstance(said, Recording):
            await client.speak(said.samples)
        else:
            call.noticed = True
            await client.send_text(said)
        call.asked_at = time.monotonic()
        while not call.complete(time.monotonic()):
            if reason := call.hopeless(time.monotonic()):
                raise ServerError("no_reply", reason)
            await _be_silent(client)


async def _be_silent(client: Client) -> None:
    await client.speak(np.zeros(client.rate // 10, np.int16))
