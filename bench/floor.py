"""The floor: the same work with nothing around it, one process and one event loop: `python -m bench.floor`.

Real voice activity detection, the same end of a turn, the same simulated providers and the same pace of the reply as Parley
with `configs/bench.yaml`, from the same settings; no Ray, no framework, no gateway, no conversation to speak of. It understands
what a caller of a measurement sends to `/ws`, and nothing else. What a server costs beyond this is what it adds.
"""

import asyncio
import json
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self, cast
from urllib.parse import parse_qs, urlsplit

import numpy as np
import typer
import uvloop

from actors.engines import sim
from actors.engines.silero import WINDOW, SileroVad
from bench import frames
from pipeline.audio import to_ms, to_samples
from pipeline.config import Config, Stage
from pipeline.endpointing import Began, Ended, Endpointer
from pipeline.loading import load_config
from pipeline.playout import Playout
from pipeline.ports import LISTENING_RATE, Message, Phrase, Prompt, TextDelta, Utterance

CONFIG = Path(__file__).parent.parent / "configs" / "bench.yaml"
OUT_RATE = 24_000
_WINDOW_BYTES = 2 * WINDOW
_GATHER_S = 0.01
"""Shortest time between two looks at what was heard; after a longer pause the next one comes at once."""
_LANGUAGE = "en"


@dataclass(frozen=True, slots=True)
class Engines:
    """The simulated providers, shared by all."""

    recogniser: sim.SimRecogniser
    thinker: sim.SimThinker
    speaker: sim.SimSpeaker

    @classmethod
    def of(cls, config: Config) -> Self:
        asr, llm, tts = (_engine(stage) for stage in (config.asr, config.llm, config.tts))
        assert isinstance(asr, sim.SimRecogniser)
        assert isinstance(llm, sim.SimThinker)
        assert isinstance(tts, sim.SimSpeaker)
        return cls(asr, llm, tts)


def _engine(stage: Stage[Any]) -> object:
    return sim.make(stage.engines[stage.providers[0]], Path())


class Judge:
    """Voice activity detection of all callers at once."""

    def __init__(self) -> None:
        self._vad = SileroVad()
        self._waiting: list[tuple[Talk, bytes]] = []
        self._looked_at = 0.0
        self._due = False

    def push(self, talk: "Talk", window: bytes) -> None:
        self._waiting.append((talk, window))
        if not self._due:
            self._due = True
            loop = asyncio.get_running_loop()
            loop.call_at(max(loop.time(), self._looked_at + _GATHER_S), self._look)

    def forget(self, talk: "Talk") -> None:
        self._waiting = [waiting for waiting in self._waiting if waiting[0] is not talk]
        self._vad.forget([id(talk)])

    def _look(self) -> None:
        self._due = False
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        now = self._looked_at = asyncio.get_running_loop().time()
        windows = np.frombuffer(b"".join(window for _, window in waiting), np.int16).reshape(-1, WINDOW)
        judged = self._vad.detect([id(talk) for talk, _ in waiting], windows, now)
        for (talk, window), probability in zip(waiting, judged.tolist(), strict=True):
            talk.judged(window, probability)


class Talk(asyncio.Protocol):
    """One caller: the socket, when the turn ends, and the reply to it."""

    def __init__(self, config: Config, engines: Engines, judge: Judge) -> None:
        self._config, self._engines, self._judge = config, engines, judge
        self._endpointer = Endpointer(config.turn, WINDOW, WINDOW)
        self._received = bytearray()
        self._heard = bytearray()
        self._spoken: list[bytes] = []
        """Windows of the turn that is being spoken, and some from before it."""
        self._kept = to_samples(config.turn.prefix_padding_ms + config.turn.min_speech_ms, LISTENING_RATE) // WINDOW
        self._upgraded = False
        self._turn = 0
        self._reply: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are of no class of asyncio's.
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._judge.forget(self)
        self._stop_reply()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._upgraded and not self._upgrade():
            return
        at = 0
        while (place := frames.find(self._received, at)) is not None:
            at = place.end
            self._frame(place.opcode, frames.payload(self._received, place))
        del self._received[:at]

    def _upgrade(self) -> bool:
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return False
        lines = self._received[:end].decode("latin-1").split("\r\n")
        del self._received[: end + 4]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        if "sec-websocket-key" not in headers or not _understood(lines[0]):
            self._write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            self._close()
            return False
        accepted = frames.accept(headers["sec-websocket-key"])
        self._write(
            f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accepted}\r\n\r\n".encode()
        )
        self._upgraded = True
        self._tell("session", id=f"{id(self):016x}", rate=LISTENING_RATE, out_rate=OUT_RATE)
        return True

    def _frame(self, opcode: int, payload: bytes) -> None:
        match opcode:
            case frames.BINARY:
                self._hear(payload)
            case frames.TEXT:
                self._message(json.loads(payload)["type"])
            case frames.PING:
                self._write(frames.frame(payload, frames.PONG, masked=False))
            case frames.CLOSE:
                self._close()
            case _:
                pass

    def _message(self, kind: str) -> None:
        if kind == "ping":
            self._tell("pong")
        elif kind == "bye":
            self._close()

    def _hear(self, pcm: bytes) -> None:
        self._heard += pcm
        while len(self._heard) >= _WINDOW_BYTES:
            self._judge.push(self, bytes(self._heard[:_WINDOW_BYTES]))
            del self._heard[:_WINDOW_BYTES]

    def judged(self, window: bytes, probability: float) -> None:
        self._spoken.append(window)
        match self._endpointer.push(probability):
            case Began(at):
                self._stop_reply()
                self._turn += 1
                self._tell("speech_started", at_ms=to_ms(at, LISTENING_RATE))
            case Ended(at):
                self._tell("speech_stopped", at_ms=to_ms(at, LISTENING_RATE))
                said, self._spoken = b"".join(self._spoken), []
                silence_ms = to_ms(self._endpointer.position - at, LISTENING_RATE)
                self._reply = asyncio.create_task(self._answer(said, silence_ms))
                self._reply.add_done_callback(_loud)
            case _ if not self._endpointer.speaking:
                # Of silence only the last is kept: a turn may have begun in it.
                del self._spoken[: -self._kept]
            case _:
                pass

    async def _answer(self, said: bytes, silence_ms: int) -> None:
        """One provider after the other, and the sound as it comes, a little ahead of its playing."""
        now = time.monotonic
        began = now()
        transcript = await self._engines.recogniser.transcribe(Utterance(np.frombuffer(said, np.int16), _LANGUAGE))
        self._tell("transcript", turn=self._turn, text=transcript.text, final=True)
        heard = now()
        prompt = Prompt((Message("user", transcript.text),), _LANGUAGE, "")
        words = [part.text async for part in self._engines.thinker.reply(prompt) if isinstance(part, TextDelta)]
        text = "".join(words)
        self._tell("reply", turn=self._turn, text=text, final=True)
        thought = now()
        playout = Playout(self._config.playout, OUT_RATE, holds=False)
        playout.ledger.begin_phrase(text)
        async for sound in self._engines.speaker.speak(Phrase(text, _LANGUAGE)):
            playout.add(sound.samples.tobytes(), ())
            if playout.sent:
                # A simulated voice makes all the rest at once.
                continue
            self._tell("audio_started", turn=self._turn)
            self._play(playout, now())
            times = {"endpoint": silence_ms / 1000, "asr": heard - began, "llm": thought - heard, "tts": now() - thought}
            latency = {f"{stage}_ms": round(1000 * took) for stage, took in times.items()}
            self._tell("turn", turn=self._turn, latency={**latency, "total_ms": sum(latency.values())})
        playout.close()
        while not playout.all_sent:
            self._play(playout, now())
            await asyncio.sleep(max((playout.due() or 0.0) - now(), 0.0))
        self._tell("audio_done", turn=self._turn, ms=to_ms(playout.made, OUT_RATE))

    def _play(self, playout: Playout, now: float) -> None:
        if pcm := playout.take(now):
            self._write(frames.frame(pcm, masked=False))

    def _stop_reply(self) -> None:
        if self._reply is not None:
            self._reply.cancel()
            self._reply = None

    def _tell(self, kind: str, **fields: object) -> None:
        self._write(frames.frame(json.dumps({"type": kind, **fields}).encode(), frames.TEXT, masked=False))

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def _loud(reply: asyncio.Task[None]) -> None:
    """What failed shows on the terminal, through the event loop."""
    if not reply.cancelled():
        reply.result()


def _understood(request: str) -> bool:
    """Only the rates that need no resampling."""
    method, address, *_ = [*request.split(), "", ""]
    parts = urlsplit(address)
    asked = parse_qs(parts.query)
    rates = (asked.get("rate", [str(LISTENING_RATE)]), asked.get("out_rate", [str(OUT_RATE)]))
    return method == "GET" and parts.path == "/ws" and rates == ([str(LISTENING_RATE)], [str(OUT_RATE)])


async def serve(port: int) -> None:
    config = load_config(CONFIG, (), {})
    engines, judge = Engines.of(config), Judge()
    server = await asyncio.get_running_loop().create_server(
        lambda: Talk(config, engines, judge), "127.0.0.1", port, backlog=512
    )
    async with server:
        taken = server.sockets[0].getsockname()[1]
        print(f"The floor listens on http://127.0.0.1:{taken}   Ctrl-C stops it", flush=True)
        await server.serve_forever()


def main(port: Annotated[int, typer.Option(help="TCP port to listen on; 0 for any free one.")] = 8000) -> None:
    with suppress(KeyboardInterrupt):
        uvloop.run(serve(port))


if __name__ == "__main__":
    typer.run(main)
