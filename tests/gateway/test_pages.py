"""Pages come with what keeps them to themselves, are asked for once, and nothing but their files can be had."""

import re
from html.parser import HTMLParser

import httpx
import pytest
from starlette.applications import Starlette

from gateway.pages import SITE, Pages

FILES = sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*") if path.is_file())


async def get(path: str, **headers: str) -> httpx.Response:
    transport = httpx.ASGITransport(Starlette(routes=Pages().routes()))
    async with httpx.AsyncClient(transport=transport, base_url="http://parley", headers=headers) as http:
        return await http.get(path)


@pytest.mark.parametrize("path", ["/", "/site/look.css", "/site/nothing"])
async def test_what_a_page_may_do_comes_with_every_answer(path: str) -> None:
    headers = (await get(path)).headers
    policy = dict(rule.split(" ", 1) for rule in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert {policy[name] for name in ("script-src", "style-src", "connect-src")} == {"'self'"}
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("path", "media_type"),
    [("/", "text/html"), ("/site/look.css", "text/css"), ("/site/talk/talk.js", "text/javascript")],
)
async def test_a_file_says_what_it_is(path: str, media_type: str) -> None:
    response = await get(path)
    assert (response.status_code, response.headers["content-type"].split(";")[0]) == (200, media_type)


async def test_what_has_not_changed_is_not_sent_again() -> None:
    first = await get("/site/look.css")
    again = await get("/site/look.css", **{"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert first.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", ["/site/", "/site/talk", "/site/../pages.py", "/site/%2e%2e/pages.py", "/site//etc/passwd"])
async def test_nothing_else_can_be_had(path: str) -> None:
    assert (await get(path)).status_code == 404


class Reader(HTMLParser):
    """What a page loads, and what it should hold elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.loaded += [value for name in ("src", "href") if tag in ("script", "link", "img") and (value := given.get(name))]
        if tag == "style" or (tag == "script" and "src" not in given):
            self.inside.append(tag)
        self.inside += [name for name in given if name == "style" or name.startswith("on")]


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".html")])
def test_a_page_holds_nothing_inside_and_loads_what_is_here(name: str) -> None:
    reader = Reader()
    reader.feed((SITE / name).read_text())
    assert reader.inside == []
    assert [path for path in reader.loaded if path.removeprefix("site/") not in FILES] == []


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".js") and not name.startswith("vendor/")])
def test_a_module_imports_what_is_here(name: str) -> None:
    module = SITE / name
    wanted = re.findall(r'^(?:import|export)\b[^;"()=]*"([^"]+)";', module.read_text(), re.MULTILINE)
    assert [path for path in wanted if not (module.parent / path).resolve().is_file()] == []
