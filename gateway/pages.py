"""The pages: files below `gateway/site`, read once, and nothing else of this machine.

`/` is the page to talk on and `/dashboard` the operator's; what they are made of lies below `/site/`. A page may load only what
comes from here, no part of it stands inside the HTML, and browsers ask each time whether a file has changed, which costs no
more than an empty answer.
"""

import hashlib
import mimetypes
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Self

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

SITE = Path(__file__).parent / "site"
_PAGES = {"/": "talk/index.html", "/dashboard": "dashboard/index.html"}
_TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml"}
"""What the machine's own tables say of these differs from one to the next."""
_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "connect-src": "'self'",
    "img-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
_HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {allowed}" for name, allowed in _POLICY.items()),
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    media_type: str
    etag: str

    @classmethod
    def read(cls, path: Path) -> Self:
        content = path.read_bytes()
        media_type = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return cls(content, media_type, f'"{hashlib.sha256(content).hexdigest()[:32]}"')

    def answer(self, request: Request) -> Response:
        headers = {**_HEADERS, "ETag": self.etag}
        if self.etag in request.headers.get("if-none-match", ""):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return Response(self.content, headers=headers, media_type=self.media_type)


class Pages:
    """The addresses in one gateway replica."""

    def __init__(self, site: Path = SITE) -> None:
        self._files = {path.relative_to(site).as_posix(): _File.read(path) for path in site.rglob("*") if path.is_file()}

    def routes(self) -> list[BaseRoute]:
        pages = [Route(path, self._page) for path, name in _PAGES.items() if name in self._files]
        return [*pages, Route("/site/{name:path}", self._file)]

    async def _page(self, request: Request) -> Response:
        return self._files[_PAGES[request.url.path]].answer(request)

    async def _file(self, request: Request) -> Response:
        file = self._files.get(request.path_params["name"])
        if file is None:
            return PlainTextResponse("There is no such file here.", HTTPStatus.NOT_FOUND, _HEADERS)
        return file.answer(request)
