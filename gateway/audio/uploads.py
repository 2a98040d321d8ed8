"""Forms that bring a file: read to disk within limits that hold while bytes arrive, whatever a request says of its length."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.types import Message, Receive

from pipeline.config import Api
from pipeline.errors import ClientError

MAX_FIELDS = 64
MAX_FIELD_BYTES = 16_384
FORM_BYTES = 262_144
"""What a form may hold beside its file."""


@asynccontextmanager
async def uploaded(request: Request, api: Api) -> AsyncGenerator[FormData, None]:
    """The form with its file, which is gone afterwards."""
    _refuse_announced(request, api)
    limited = Request(request.scope, _limited(request.receive, api))
    try:
        async with asyncio.timeout(api.max_upload_s):
            form = await limited.form(max_files=1, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_BYTES)
    except TimeoutError:
        raise ClientError("upload_too_slow", f"the upload was not whole after {api.max_upload_s:g} s; try again") from None
    except (HTTPException, MultiPartException) as error:
        detail = error.detail if isinstance(error, HTTPException) else error.message
        raise ClientError("form_invalid", f"the form cannot be read: {detail}") from None
    try:
        yield form
    finally:
        await form.close()


def the_file(form: FormData, api: Api) -> UploadFile:
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise ClientError("file_missing", "send the audio as the file `file` of a multipart form", "file")
    if not file.size:
        raise ClientError("file_empty", "the file has no bytes", "file")
    if file.size > api.max_upload_bytes:
        raise _too_big(api)
    return file


def _refuse_announced(request: Request, api: Api) -> None:
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise ClientError("form_invalid", "send a form of the type multipart/form-data")
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > api.max_upload_bytes + FORM_BYTES:
        raise _too_big(api)


def _limited(receive: Receive, api: Api) -> Receive:
    taken = 0

    async def counted() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > api.max_upload_bytes + FORM_BYTES:
            raise _too_big(api)
        return message

    return counted


def _too_big(api: Api) -> ClientError:
    limit = f"{api.max_upload_bytes / 1_048_576:g} MiB"
    return ClientError("file_too_big", f"a file may have {limit}; send it in a smaller format, or in parts", "file")
