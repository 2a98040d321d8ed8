"""What the page is told, and who is told it."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from gateway.about import About
from gateway.guard import Guard
from pipeline import keys
from pipeline.loading import load_config

KIOSK = """
name: Kiosk
description: A kiosk.
languages: [en]
lines: {en: {goodbye: Bye., reprompt: Sorry., fallback: I did not understand., what_else: All right.}}
intents:
  bread: {examples: {en: ['Do you have bread?']}, answer: {en: 'Yes, we do.'}}
"""


class Health:
    def picture(self) -> dict[str, Any]:
        return {}

    def answering(self) -> dict[str, str]:
        return {"asr": "sphinx"}


async def ask(*overrides: str, key: str = "") -> httpx.Response:
    config = load_config(None, overrides, {})
    about = About(config, Guard(config), Health)
    transport = httpx.ASGITransport(Starlette(routes=[about.route()]))
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with httpx.AsyncClient(transport=transport, base_url="http://parley", headers=headers) as http:
        return await http.get("/about")


async def test_it_tells_what_there_is_to_choose(tmp_path: Path) -> None:
    (tmp_path / "kiosk.yaml").write_text(KIOSK, encoding="utf-8")
    (tmp_path / "broken.yaml").write_text("name: [", encoding="utf-8")
    told = (await ask(f"flows_dir={tmp_path}", "conversation.flow=kiosk", "budget.target_ms=250")).json()
    assert told.pop("version")
    kiosk = {"name": "kiosk", "title": "Kiosk", "description": "A kiosk.", "languages": {"en": ["Do you have bread?"]}}
    assert told == {
        "providers": {"asr": "sphinx"},
        "target_ms": 250,
        "ceiling_ms": 500,
        "flow": "kiosk",
        "language": "en",
        "flows": [kiosk],
    }


@pytest.mark.parametrize(("key", "status", "code"), [("", 401, "key_missing"), ("b", 401, "key_invalid"), ("a", 200, None)])
async def test_who_may_not_call_hears_why(key: str, status: int, code: str | None) -> None:
    accepted = f"keys.accepted=[{{name: ann, hash: '{keys.hash_of('a')}'}}]"
    answer = await ask(accepted, "server.host=0.0.0.0", key=key)
    assert (answer.status_code, answer.json().get("error", {}).get("code")) == (status, code)
