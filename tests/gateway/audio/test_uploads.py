import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from gateway.audio.uploads import FORM_BYTES, MAX_FIELD_BYTES, the_file, uploaded
from pipeline.config import Api
from pipeline.errors import ClientError

API = Api(max_upload_bytes=1_000_000, max_upload_s=300)
HEAD = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
TAIL = b"\r\n--x--\r\n"
MULTIPART = {"content-type": "multipart/form-data; boundary=x"}


def client(api: Api = API) -> httpx.AsyncClient:
    async def take(request: Request) -> JSONResponse:
        try:
            async with uploaded(request, api) as form:
                return JSONResponse({"size": the_file(form, api).size})
        except ClientError as error:
            return JSONResponse({"code": error.code, "param": error.param})

    app = Starlette(routes=[Route("/", take, methods=["POST"])])
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://server")


class Body:
    """A body without a length, that counts what is read of it."""

    def __init__(self, chunks: int, size: int = 65_536) -> None:
        self.chunks, self.size, self.read = chunks, size, 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield HEAD
        for _ in range(self.chunks):
            self.read += self.size
            yield b"a" * self.size
        yield TAIL


@pytest.mark.parametrize("size", [1, 1_000_000])
async def test_a_file_within_the_limit_is_taken(size: int) -> None:
    async with client() as http:
        answer = await http.post("/", files={"file": ("a.wav", b"a" * size)})
    assert answer.json() == {"size": size}


@pytest.mark.parametrize("size", [1_000_001, 1_000_000 + 2 * FORM_BYTES])
async def test_a_file_over_the_limit_is_refused(size: int) -> None:
    async with client() as http:
        answer = await http.post("/", files={"file": ("a.wav", b"a" * size)})
    assert answer.json() == {"code": "file_too_big", "param": "file"}


async def test_a_length_that_is_too_much_is_refused_before_anything_is_read() -> None:
    body = Body(1)
    async with client() as http:
        answer = await http.post("/", content=body, headers={**MULTIPART, "content-length": "99000000"})
    assert (answer.json()["code"], body.read) == ("file_too_big", 0)


@pytest.mark.parametrize("lie", [{}, {"content-length": "12"}, {"content-length": "nonsense"}])
async def test_reading_stops_at_the_limit_whatever_the_length_claims(lie: dict[str, str]) -> None:
    body = Body(1_000)
    async with client() as http:
        answer = await http.post("/", content=body, headers=MULTIPART | lie)
    assert answer.json() == {"code": "file_too_big", "param": "file"}
    assert body.read <= 1_000_000 + FORM_BYTES + 2 * body.size


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"data": {"model": "any"}}, "form_invalid"),
        ({"json": {"model": "any"}}, "form_invalid"),
        ({"content": b"rubbish", "headers": MULTIPART}, "form_invalid"),
        ({"content": b"", "headers": {"content-type": "multipart/form-data"}}, "form_invalid"),
        ({"files": [("file", b"a"), ("file", b"b")]}, "form_invalid"),
        ({"files": {"file": b"a"}, "data": {"prompt": "a" * (MAX_FIELD_BYTES + 1)}}, "form_invalid"),
        ({"files": {"file": (None, b"text")}}, "file_missing"),
        ({"files": {"other": b"a"}}, "file_missing"),
        ({"files": {"file": b""}}, "file_empty"),
    ],
)
async def test_a_form_that_cannot_be_used_is_refused(form: dict, code: str) -> None:
    async with client() as http:
        answer = await http.post("/", **form)
    assert answer.json()["code"] == code


async def test_an_upload_that_stops_is_given_up() -> None:
    async def nothing() -> dict:
        return await asyncio.get_running_loop().create_future()

    scope = {"type": "http", "headers": [(b"content-type", b"multipart/form-data; boundary=x")]}
    with pytest.raises(ClientError, match="upload_too_slow"):
        async with uploaded(Request(scope, nothing), Api(max_upload_s=0)):
            pytest.fail("there was no form")


async def test_who_leaves_during_the_upload_leaves_no_file_open(monkeypatch: pytest.MonkeyPatch) -> None:
    messages = iter([{"type": "http.request", "body": HEAD + b"abc", "more_body": True}, {"type": "http.disconnect"}])

    async def receive() -> dict:
        return next(messages)

    scope = {"type": "http", "headers": [(b"content-type", b"multipart/form-data; boundary=x")]}
    with pytest.raises(ClientDisconnect):
        async with uploaded(Request(scope, receive), API):
            pytest.fail("there was no form")


async def test_the_file_is_gone_afterwards() -> None:
    body = iter([{"type": "http.request", "body": HEAD + b"a" * 2_000_000 + TAIL, "more_body": False}])

    async def receive() -> dict:
        return next(body)

    scope = {"type": "http", "headers": [(b"content-type", b"multipart/form-data; boundary=x")]}
    api = Api()
    async with uploaded(Request(scope, receive), api) as form:
        file = the_file(form, api).file
        assert not file.closed
    assert file.closed
