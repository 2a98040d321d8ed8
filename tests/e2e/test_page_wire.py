"""The page against a stand-in for the conversation, which tells it what a test wants, and when."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
from playwright.async_api import WebSocketRoute, expect

from bench.server import Running
from tests.e2e.browsing import Visit, visiting

REPLY = "On Saturday we are open."
HEARD = "parley.turns[0].heard === parley.turns[0].words.length"


class Server:
    """The other end of the page's WebSocket."""

    def __init__(self) -> None:
        self.queries: list[dict[str, str]] = []
        """Of each connection."""
        self.told: list[dict[str, Any]] = []
        """What the page said, but for audio."""
        self._socket: WebSocketRoute | None = None
        self._came = asyncio.Condition()

    async def take(self, socket: WebSocketRoute) -> None:
        self._socket = socket
        self.queries.append({name: values[0] for name, values in parse_qs(urlsplit(socket.url).query).items()})
        socket.on_message(self._note)
        self.tell("session", resume=f"{1:016x}.{'s' * 16}", providers={}, resumed=len(self.queries) > 1)

    def tell(self, kind: str, **fields: Any) -> None:
        assert self._socket is not None
        self._socket.send(json.dumps({"type": kind, **fields}))

    def sound(self, ms: int) -> None:
        assert self._socket is not None
        rate = int(self.queries[-1]["out_rate"])
        times = np.arange(rate * ms // 1000) / rate
        self._socket.send((8_000 * np.sin(2 * np.pi * 440 * times)).astype(np.int16).tobytes())

    async def until(self, kind: str, count: int = 1) -> list[dict[str, Any]]:
        """What the page said of this kind, once it was said so often."""
        async with asyncio.timeout(30), self._came:
            await self._came.wait_for(lambda: len(self._all(kind)) >= count)
        return self._all(kind)

    def _all(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.told if message["type"] == kind]

    async def _note(self, message: str | bytes) -> None:
        if isinstance(message, str):
            async with self._came:
                self.told.append(json.loads(message))
                self._came.notify_all()


@asynccontextmanager
async def typing(offline: Running) -> AsyncIterator[tuple[Visit, Server]]:
    """Somebody has typed a turn."""
    server = Server()
    async with visiting(f"{offline.url}/") as visit:
        await visit.page.route_web_socket("**/ws?*", server.take)
        await visit.page.clock.install()
        await visit.page.get_by_label("Type instead of talking").fill("hello")
        await visit.page.keyboard.press("Enter")
        assert [message["text"] for message in await server.until("text")] == ["hello"]
        yield visit, server


def answer(server: Server) -> None:
    server.tell("reply", turn=1, text=REPLY, final=True)
    server.tell("audio_started", turn=1)


async def test_what_is_said_is_grey_until_it_is_sure(offline: Running) -> None:
    async with typing(offline) as (visit, server):
        said = visit.page.locator("#said")
        server.tell("transcript", turn=1, text="are you", final=False, language="en", confidence=None)
        await expect(said).to_have_text("are you")
        await expect(said).to_have_class("caption partial")
        server.tell("transcript", turn=1, text="are you open", final=True, language="en", confidence=0.9)
        await expect(said).to_have_text("are you open")
        await expect(said).to_have_class("caption")


async def test_words_are_marked_as_they_sound_and_what_was_played_is_told(offline: Running) -> None:
    async with typing(offline) as (visit, server):
        answer(server)
        await expect(visit.page.locator("#reply .to-come")).to_have_count(5)
        assert server.queries[0]["words"] == "1"
        server.sound(1_500)
        server.tell("voiced", turn=1, marks=[[300, 1], [600, 2], [1_200, 4]])
        server.tell("audio_done", turn=1, ms=1_500)
        for words in (2, 4):
            await visit.until(f"parley.turns[0].heard === {words}")
        await visit.until(HEARD)
        await server.until("played", 4)
        played = [message["ms"] for message in server.told if message["type"] == "played"]
        assert played == sorted(played)
        await visit.until("parley.loudness === 0")
        assert server.told[-1] == {"type": "played", "ms": 1_500}


async def test_what_is_held_stops_and_goes_on_where_it_stopped(offline: Running) -> None:
    async with typing(offline) as (visit, server):
        answer(server)
        server.sound(3_000)
        await visit.until("parley.loudness > 0.01")
        server.tell("held", turn=1, heard_ms=0)
        await visit.until("parley.loudness === 0")
        stopped_ms = (await server.until("played"))[-1]["ms"]
        assert stopped_ms < 3_000
        server.tell("resumed", turn=1, at_ms=stopped_ms)
        server.sound(600)
        server.tell("audio_done", turn=1, ms=stopped_ms + 600)
        await visit.until("parley.loudness > 0.01")
        await visit.until("parley.loudness === 0")
        # In whole samples of the page's rate.
        assert abs(server.told[-1]["ms"] - (stopped_ms + 600)) <= 1


async def test_what_was_cut_is_shown_as_cut(offline: Running) -> None:
    async with typing(offline) as (visit, server):
        answer(server)
        server.sound(1_000)
        server.tell("interrupted", turn=1, heard_ms=400, heard_text="On Saturday", told_by="client")
        await expect(visit.page.locator("#reply .lost")).to_have_text(["we", "are", "open."])
        await expect(visit.page.locator("#cut")).to_have_text("cut after “Saturday”")


async def test_a_wait_is_drawn_from_its_parts(offline: Running) -> None:
    latency = {"endpoint_ms": 140, "asr_ms": 70, "llm_ms": 0, "tts_ms": 35, "overhead_ms": 35, "total_ms": 280}
    async with typing(offline) as (visit, server):
        answer(server)
        server.tell("turn", turn=1, latency=latency, speculated=True, met="target", late=[], did=[])
        row = visit.page.locator("#turns li").last
        await expect(row.locator(".total")).to_have_text("280 ms")
        await expect(row.locator(".note")).to_have_text("prepared ahead")
        # The scale is 700 ms long.
        widths = await row.locator(".part").evaluate_all("parts => parts.map((part) => part.style.width)")
        assert widths == ["20%", "10%", "0%", "5%", "5%"]


async def test_a_server_without_a_sign_of_life_is_left_for_the_same_conversation(offline: Running) -> None:
    async with typing(offline) as (visit, server):
        await server.until("ping")
        server.tell("pong")
        await visit.until("document.querySelector('[data-of=trip]').textContent.endsWith('ms')")
        await visit.page.clock.fast_forward(30_000)
        await server.until("ping", 2)
        await visit.page.clock.fast_forward(10_000)
        await visit.until("parley.state === 'again'")
        await visit.page.clock.fast_forward(1_000)
        await visit.until("parley.state === 'listening'")
        first, second = server.queries
        assert "resume" not in first
        assert second == {**first, "resume": f"{1:016x}.{'s' * 16}"}


async def test_what_was_chosen_is_asked_for(offline: Running) -> None:
    server = Server()
    async with visiting(f"{offline.url}/") as visit:
        await visit.page.route_web_socket("**/ws?*", server.take)
        await visit.page.get_by_label("Language").select_option("es")
        await visit.page.get_by_label("Voice").select_option("es-419")
        await visit.page.get_by_role("button", name="Quisiera pedir una cita").click()
        await server.until("text")
        chosen = {name: server.queries[0][name] for name in ("flow", "lang", "voice")}
        assert chosen == {"flow": "clinic", "lang": "es", "voice": "es-419"}
        assert server.queries[0]["rate"] == server.queries[0]["out_rate"]
