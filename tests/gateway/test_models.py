from collections.abc import AsyncIterator

import httpx
import pytest
from openai import AsyncOpenAI, NotFoundError
from starlette.applications import Starlette
from starlette.routing import Mount

from gateway.models import Models

PROVIDERS = {
    "tts": [{"name": "openai", "state": "unavailable", "reason": "no key"}, {"name": "espeak", "state": "healthy"}],
    "asr": [{"name": "sphinx", "state": "resting"}, {"name": "whisper", "state": "probing"}],
    "llm": [],
}
NAMES = ["parley", "asr-sphinx", "asr-whisper", "tts-espeak"]


@pytest.fixture
async def client() -> AsyncIterator[AsyncOpenAI]:
    app = Starlette(routes=[Mount("/v1", routes=Models(lambda: PROVIDERS).routes())])
    web = httpx.AsyncClient(transport=httpx.ASGITransport(app))
    async with AsyncOpenAI(api_key="none", base_url="http://parley/v1", http_client=web) as client:
        yield client


async def test_it_lists_who_is_there_and_the_conversation(client: AsyncOpenAI) -> None:
    models = [model async for model in client.models.list()]
    assert [model.id for model in models] == NAMES
    assert {(model.object, model.owned_by) for model in models} == {("model", "parley")}
    assert all(model.created > 1_700_000_000 for model in models)


async def test_each_can_be_looked_up(client: AsyncOpenAI) -> None:
    assert [(await client.models.retrieve(name)).id for name in NAMES] == NAMES


@pytest.mark.parametrize("name", ["gpt-4o", "tts-openai", "some/model"])
async def test_another_is_not_found(client: AsyncOpenAI, name: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        await client.models.retrieve(name)
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")
