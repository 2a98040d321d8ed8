"""The dashboard in real Chromium, against a real server: it shows what happens, when it happens."""

import re
import subprocess
import time

import httpx
from playwright.async_api import Route, expect

from bench.server import Running
from parley.client import Client
from tests import debian
from tests.e2e.browsing import PATIENCE_S, Visit, visiting
from tests.e2e.talking import Talk

SOON_S = 2.0
EVENTS = "**/dashboard/events"


async def begun(visit: Visit) -> int:
    """How many conversations it has seen begin."""
    text = await visit.page.locator("#totals td").first.inner_text()
    return int(text.replace(",", "").split()[0])


async def test_a_conversation_is_there_within_two_seconds(simulated: Running) -> None:
    async with visiting(f"{simulated.url}/dashboard") as visit:
        await expect(visit.page.locator("#link")).to_have_text(re.compile("^live, "))
        before = await begun(visit)
        began_at = time.monotonic()
        async with Client(simulated.url, 16_000) as client:
            talk = Talk(client)
            place = visit.page.locator("#totals td").first
            await expect(place).to_have_text(re.compile(f"^{before + 1} begun"), timeout=1000 * SOON_S)
            assert time.monotonic() - began_at < SOON_S
            await expect(visit.page.locator("#sentence")).to_have_text(re.compile("(One person is|people are) talking"))
            await client.send_text("hello")
            await talk.until("turn")
            await expect(visit.page.locator("#turns li").first).to_be_visible()
            await expect(visit.page.locator("#sentence")).to_have_text(re.compile(r"in \d+ ms"))
            assert await visit.page.locator("#turns li").first.locator(".bar span").count() >= 2
            await talk.stop()
        await expect(visit.page.locator("#providers tbody tr")).to_have_count(3)
        await expect(visit.page.locator("#pools tbody tr")).to_have_count(6)
        await expect(visit.page.locator("#channels canvas")).to_have_count(9)


async def test_it_is_good_on_a_phone_in_the_dark(simulated: Running) -> None:
    phone = {"width": 390, "height": 844}
    async with visiting(f"{simulated.url}/dashboard", viewport=phone, color_scheme="dark") as visit:
        await expect(visit.page.locator("#board")).to_be_visible()
        assert await visit.look("document.documentElement.scrollWidth") == phone["width"]


async def test_moments_are_read_by_keys_too(simulated: Running) -> None:
    async with visiting(f"{simulated.url}/dashboard") as visit:
        await expect(visit.page.locator("#channels canvas").first).to_be_visible()
        await visit.page.locator("#channels").focus()
        await visit.page.keyboard.press("ArrowLeft")
        await expect(visit.page.locator("#moment")).to_have_text(re.compile(r"^at \d\d:\d\d:\d\d$"))
        await visit.page.keyboard.press("Escape")
        await expect(visit.page.locator("#moment")).to_have_text(re.compile("^point at a moment"))


async def test_it_asks_for_an_operators_key(simulated: Running) -> None:
    shown: list[str] = []

    async def guard(route: Route) -> None:
        key = route.request.headers.get("authorization", "")
        shown.append(key)
        code = {"": "key_missing", "Bearer callers": "operator_needed"}.get(key)
        if code is None:
            await route.continue_()
        else:
            await route.fulfill(status=401, json={"error": {"code": code, "message": "no"}})

    async with visiting(f"{simulated.url}/dashboard") as visit:
        visit.expected.append("Failed to load resource")
        await visit.page.route(EVENTS, guard)
        await visit.page.reload()
        for key, why in (("callers", "Their key opens it"), ("operators", "keys.operators")):
            await expect(visit.page.locator("#door")).to_contain_text(why)
            await visit.page.keyboard.type(key)
            await visit.page.keyboard.press("Enter")
        await expect(visit.page.locator("#board")).to_be_visible()
    assert shown == ["", "Bearer callers", "Bearer operators"]


async def test_when_the_server_is_gone_it_says_so_and_goes_on_when_it_is_back(simulated: Running) -> None:
    gone = True

    async def cut(route: Route) -> None:
        await (route.abort("connectionrefused") if gone else route.continue_())

    async with visiting(f"{simulated.url}/dashboard") as visit:
        visit.expected.append("Failed to load resource")
        await visit.page.route(EVENTS, cut)
        await visit.page.reload()
        await visit.shows("#link", "the server does not answer")
        gone = False
        await expect(visit.page.locator("#board")).to_be_visible(timeout=1000 * PATIENCE_S)


def test_prometheus_reads_what_it_says(simulated: Running) -> None:
    body = httpx.get(f"{simulated.url}/metrics", trust_env=False).text
    command = [debian.program("promtool", "prometheus"), "check", "metrics"]
    checked = subprocess.run(command, input=body, capture_output=True, text=True, check=False, timeout=30)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
    processes = set(re.findall(r'pool="(\w+)",process=', body))
    assert processes == {"gateway", "buffer", "vad", "asr", "llm", "tts"}
