"""A page of a server in real Chromium, with a recording for a microphone.

At the end of a visit nothing may have been complained about, and nothing asked for anywhere else.
"""

import os
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from playwright.async_api import ConsoleMessage, Page, Request, async_playwright, expect

from bench.speech import say
from tests import debian

RATE = 48_000
PATIENCE_S = 30.0


def record(path: Path, *parts: str | float) -> Path:
    """What somebody says, and for how many seconds nothing; not to be called from within an event loop."""
    sounds = [say(part, rate=RATE) if isinstance(part, str) else np.zeros(round(part * RATE), np.int16) for part in parts]
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        # Not as loud as it could be, as no voice is.
        file.writeframes((np.concatenate(sounds) // 2).tobytes())
    return path


class Visit:
    """A page that somebody looks at."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.expected: list[str] = []
        """Beginnings of complaints that belong to the test."""
        self._complaints: list[str] = []
        self._elsewhere: list[str] = []
        self._host = urlsplit(url).netloc
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self._complaints.append(str(error)))
        page.on("request", self._see)
        page.on("websocket", lambda socket: self._go(socket.url))

    async def until(self, condition: str) -> None:
        """Until something holds in the page, which is looked at as often as it is drawn."""
        looking = (
            "([wanted, ms]) => new Promise((resolve, reject) => {"
            f"  const look = () => ({condition}) ? resolve() : requestAnimationFrame(look);"
            f"  setTimeout(() => reject(wanted), ms); look(); }})"
        )
        await self.page.evaluate(looking, [condition, 1000 * PATIENCE_S])

    async def look(self, expression: str) -> Any:
        return await self.page.evaluate(expression)

    async def shows(self, place: str, text: str) -> None:
        await expect(self.page.locator(place)).to_have_text(text, timeout=1000 * PATIENCE_S)

    def check(self) -> None:
        unexpected = [one for one in self._complaints if not one.startswith(tuple(self.expected))]
        assert (unexpected, self._elsewhere) == ([], [])

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._complaints.append(message.text)

    def _see(self, request: Request) -> None:
        self._go(request.url)

    def _go(self, url: str) -> None:
        if urlsplit(url).netloc != self._host:
            self._elsewhere.append(url)


@asynccontextmanager
async def visiting(
    url: str, microphone: Path | None = None, *options: str, allowed: bool = True, **look: Any
) -> AsyncIterator[Visit]:
    """`microphone` is a recording that is heard once it is asked for; `look` is how the browser is set."""
    arguments = list(options)
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")
    if microphone is not None:
        arguments += ["--use-fake-device-for-media-stream", f"--use-file-for-fake-audio-capture={microphone}%noloop"]
    arguments.append("--use-fake-ui-for-media-stream" if allowed else "--deny-permission-prompts")
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=debian.program("chromium", "chromium"), args=arguments)
        try:
            page = await (await chromium.new_context(**look)).new_page()
            visit = Visit(page, url)
            await page.goto(url)
            yield visit
            visit.check()
        finally:
            await chromium.close()
