"""The page to talk on, in real Chromium against a real server: heard, answered, interrupted, cut off, and turned away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Route, WebSocketRoute, expect

from bench.server import Running
from tests.e2e.browsing import Visit, record, visiting
from tests.e2e.test_survival import GATEWAY, kill

QUESTION = "What are your opening hours on Saturday?"
ANSWER = "On Saturday we are open from nine until one."
SECOND = "Where are you located?"
AUDIBLE = 0.01


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of who speaks once, and of who speaks over the answer."""
    folder = tmp_path_factory.mktemp("recordings")
    record(folder / "question.wav", 1.0, QUESTION, 60.0)
    record(folder / "interruption.wav", 1.0, SECOND, 2.0, QUESTION, 60.0)
    return folder


@asynccontextmanager
async def talking(server: Running, microphone: Path) -> AsyncIterator[Visit]:
    async with visiting(f"{server.url}/", microphone) as visit:
        await visit.page.get_by_role("button", name="Talk").click()
        yield visit


async def type_in(visit: Visit, text: str) -> None:
    await visit.page.get_by_label("Type instead of talking").fill(text)
    await visit.page.keyboard.press("Enter")


# Talking


async def test_a_question_is_captioned_and_its_answer_sounds(offline: Running, recordings: Path) -> None:
    async with talking(offline, recordings / "question.wav") as visit:
        await visit.shows("#said", "what are your opening hours on saturday")
        await visit.until(f"parley.state === 'answering' && parley.loudness > {AUDIBLE}")
        await visit.shows("#reply", ANSWER)
        await visit.until("parley.turns[0]?.heard === parley.turns[0]?.words.length && parley.loudness < 0.001")
        await expect(visit.page.locator("#reply .heard")).to_have_count(len(ANSWER.split()))
        await expect(visit.page.locator("#turns .total")).to_have_text(f"{await _total(visit)} ms")
        assert await visit.page.locator("#turns .part").count() == 5


async def _total(visit: Visit) -> int:
    return await visit.look("parley.turns[0].report.latency.total_ms")


async def test_an_answer_that_is_spoken_over_stops(offline: Running, recordings: Path) -> None:
    async with talking(offline, recordings / "interruption.wav") as visit:
        await visit.until(f"parley.loudness > {AUDIBLE}")
        # The caller speaks, and nothing sounds any more: the next answer has not begun.
        await visit.until("parley.turns[0].cut && parley.turns.length === 1 && parley.loudness < 0.001")
        first = (await visit.look("parley.turns"))[0]
        assert 0 < first["heard"] < len(first["words"])
        await visit.shows("#reply", ANSWER)
        lost = visit.page.locator("#turns li").last.locator(".lost")
        assert await lost.count() == len(first["words"]) - first["heard"]


async def test_all_of_it_goes_by_the_keyboard(offline: Running, recordings: Path) -> None:
    async with visiting(f"{offline.url}/", recordings / "question.wav") as visit:
        await expect(visit.page.get_by_role("button", name="Talk")).to_be_visible()
        await visit.page.keyboard.press("Space")
        await visit.until(f"parley.loudness > {AUDIBLE}")
        await visit.page.keyboard.press("Escape")
        await visit.until("parley.turns[0].cut && parley.loudness < 0.001")
        await visit.page.keyboard.press("Space")
        await visit.until("parley.state === 'idle'")


async def test_who_types_is_answered_aloud(offline: Running) -> None:
    async with visiting(f"{offline.url}/") as visit:
        await visit.page.get_by_role("button", name=QUESTION).click()
        await visit.shows("#said", QUESTION)
        await visit.until(f"parley.loudness > {AUDIBLE}")
        await type_in(visit, "And on Sunday?")
        await visit.shows("#reply", "On Sunday we are closed.")
        await visit.until("parley.turns[0].cut && parley.turns[1].heard === 5")


async def test_another_language_is_another_conversation(offline: Running) -> None:
    async with visiting(f"{offline.url}/") as visit:
        await visit.page.get_by_label("Language").select_option("es")
        await visit.page.get_by_role("button", name="¿Dónde están ustedes?").click()
        await visit.shows("#reply", "Estamos en la calle del Molino número doce, al lado de la estación de tren.")
        assert await visit.page.locator("#reply").get_attribute("lang") == "es"


# The server goes away, or has no room


async def test_the_conversation_goes_on_when_its_gateway_dies(offline: Running) -> None:
    async with visiting(f"{offline.url}/") as visit:
        visit.expected = ["WebSocket connection to"]
        await type_in(visit, QUESTION)
        await visit.until("parley.turns[0]?.heard === parley.turns[0]?.words.length && parley.state === 'listening'")
        await asyncio.to_thread(kill, offline, GATEWAY)
        await visit.until("parley.state === 'again'")
        await visit.until("parley.state === 'listening'")
        await type_in(visit, "And on Sunday?")
        await visit.shows("#reply", "On Sunday we are closed.")


async def test_a_full_server_is_asked_again(offline: Running) -> None:
    turned_away = False

    async def door(socket: WebSocketRoute) -> None:
        nonlocal turned_away
        if turned_away:
            socket.connect_to_server()
            return
        turned_away = True
        socket.send('{"type": "error", "code": "server_busy", "message": "no room", "fault": "server", "retry_after_s": 1}')
        await socket.close(code=1013, reason="server_busy")

    async with visiting(f"{offline.url}/") as visit:
        await visit.page.route_web_socket("**/ws?*", door)
        await type_in(visit, QUESTION)
        await expect(visit.page.get_by_role("alert")).to_contain_text("The server is full.")
        await visit.shows("#reply", ANSWER)
        await expect(visit.page.get_by_role("alert")).to_be_hidden()


async def test_a_server_that_stays_away_is_given_up_until_asked(offline: Running) -> None:
    gone = True

    async def door(socket: WebSocketRoute) -> None:
        if gone:
            await socket.close(code=1012)
        else:
            socket.connect_to_server()

    async with visiting(f"{offline.url}/") as visit:
        await visit.page.route_web_socket("**/ws?*", door)
        await type_in(visit, QUESTION)
        await expect(visit.page.locator("#hint")).to_contain_text("trying again, 5 of 5", timeout=10_000)
        await expect(visit.page.get_by_role("alert")).to_contain_text("The server is gone.")
        gone = False
        await visit.page.get_by_role("button", name="Try again").click()
        await visit.shows("#reply", ANSWER)


async def test_a_key_is_asked_for_until_it_is_right(offline: Running) -> None:
    async def door(route: Route) -> None:
        shown = route.request.headers.get("authorization")
        if shown == "Bearer right":
            await route.fallback()
            return
        code = "key_invalid" if shown else "key_missing"
        await route.fulfill(status=401, json={"error": {"code": code, "message": "a key is needed"}})

    async with visiting(f"{offline.url}/") as visit:
        visit.expected = ["Failed to load resource: the server responded with a status of 401"]
        page = visit.page
        await page.route("**/about", door)
        await page.reload()
        field = page.get_by_label("Key", exact=True)
        await expect(page.locator("#door p")).to_contain_text("asks for a key")
        await field.fill("wrong")
        await field.press("Enter")
        await expect(page.locator("#door p")).to_contain_text("not accepted")
        await field.fill("right")
        await field.press("Enter")
        await expect(page.get_by_role("button", name="Talk")).to_be_visible()
        assert await page.evaluate("sessionStorage.getItem('parley-key')") == "right"


# The microphone


@pytest.mark.parametrize(
    ("microphone", "allowed", "told"),
    [("question.wav", False, "The microphone is refused."), ("", True, "There is no microphone.")],
)
async def test_a_microphone_that_cannot_be_had(
    offline: Running, recordings: Path, microphone: str, allowed: bool, told: str
) -> None:
    recording = recordings / microphone if microphone else None
    async with visiting(f"{offline.url}/", recording, allowed=allowed) as visit:
        await visit.page.get_by_role("button", name="Talk").click()
        await expect(visit.page.get_by_role("alert")).to_contain_text(told)
        await type_in(visit, QUESTION)
        await visit.shows("#reply", ANSWER)


async def test_on_plain_http_from_another_host_it_says_so(offline: Running) -> None:
    port = offline.url.rsplit(":", 1)[1]
    mapped = "--host-resolver-rules=MAP parley.test 127.0.0.1"
    async with visiting(f"http://parley.test:{port}/", None, mapped) as visit:
        await expect(visit.page.get_by_role("alert")).to_contain_text("No sound over plain http.")


# Its parts


PLAYER = """async () => {
  const told = [];
  globalThis.sampleRate = 48000;
  globalThis.AudioWorkletProcessor = class { constructor() { this.port = { postMessage: (message) => told.push(message) }; } };
  let Player;
  globalThis.registerProcessor = (_, processor) => (Player = processor);
  await import("/site/talk/playback-worklet.js");
  const player = new Player();
  const block = () => { const one = new Float32Array(128); player.process([], [[one]]); return one; };
  player.take({ kind: "begin", turn: 1, before: 480 });
  player.take({ kind: "audio", pcm: new Int16Array(4800).fill(16384).buffer });
  const playing = block();
  player.take({ kind: "stop" });
  const stopping = block();
  const after = block();
  player.take({ kind: "begin", turn: 1, before: 608 });
  player.take({ kind: "audio", pcm: new Int16Array(64).fill(16384).buffer });
  block();
  return { playing: playing.at(-1), stopping: stopping.at(-1), after: Math.max(...after), told };
}"""


async def test_what_is_held_is_silent_within_a_block_and_counted_to_the_sample(offline: Running) -> None:
    async with visiting(f"{offline.url}/") as visit:
        seen: dict[str, Any] = await visit.look(PLAYER)
    assert seen["playing"] == 0.5
    assert seen["stopping"] < 0.5 / 127
    assert seen["after"] == 0
    told = [(one["turn"], one["played"], one["dry"]) for one in seen["told"] if "turn" in one]
    assert told == [(1, 480 + 128, True), (1, 608 + 64, True)]
