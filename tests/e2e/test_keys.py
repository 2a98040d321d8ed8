"""A server that needs keys, with HAProxy in front."""

import asyncio
import os
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from bench.server import PARLEY, serving
from parley.client import Client
from pipeline import keys
from pipeline.errors import ClientError
from tests.e2e.talking import Talk

RIGHT, WRONG = keys.new(), keys.new()


async def status_of(port: int, key: str) -> tuple[int, str]:
    """What `parley status` says to somebody with that key."""
    process = await asyncio.create_subprocess_exec(
        *(str(PARLEY), "status", "--port", str(port)),
        env={**os.environ, "PARLEY_KEY": key},
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


async def test_only_who_has_a_key_comes_in() -> None:
    accepted = {"PARLEY_KEYS": f"bob:{keys.hash_of(RIGHT)}"}
    with serving("bench.yaml", "keys.required=always", keys=accepted) as server:
        port = urlsplit(server.url).port or 0
        async with httpx.AsyncClient(base_url=server.url, trust_env=False) as http:
            assert (await http.get("/health")).json() == {"status": "healthy"}
            for key, code in ((WRONG, 401), (RIGHT, 200)):
                assert (await http.get("/health", headers={"Authorization": f"Bearer {key}"})).status_code == code
            assert (await http.get("/v1/models")).status_code == 401
        for key, expected in (("", "key_missing"), (WRONG, "key_invalid")):
            async with Client(server.url, 16_000, key=key) as client:
                assert (await anext(aiter(client)))["code"] == expected  # type: ignore[call-overload]
                with pytest.raises(ClientError):
                    await anext(aiter(client))
        async with Client(server.url, 16_000, key=RIGHT) as client:
            talk = Talk(client)
            await client.send_text("hello")
            await talk.until("reply", final=True)
            await talk.stop()
        answers = [await status_of(port, key) for key in ("", WRONG, RIGHT)]
        assert [code for code, _ in answers] == [0, 1, 0]
        assert ["version" in said for _, said in answers] == [False, False, True]
