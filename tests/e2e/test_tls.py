"""The page through `configs/nginx.conf`, with a certificate made for the test."""

import asyncio
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.server import ROOT, Running
from parley.environment import free_ports
from tests import debian
from tests.e2e.browsing import record, visiting

AROUND = """
daemon off;
pid nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    include {site};
}}
"""
CERTIFICATE = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout key.pem -out fullchain.pem"


def _wait_for(port: int) -> None:
    end = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert time.monotonic() < end, "nginx does not listen"
            time.sleep(0.05)


@pytest.fixture(scope="module")
def proxy(offline: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where nginx listens."""
    nginx, openssl = debian.program("nginx", "nginx-light"), debian.program("openssl", "openssl")
    folder = tmp_path_factory.mktemp("nginx")
    subprocess.run([openssl, *CERTIFICATE.split()], cwd=folder, check=True, capture_output=True)
    plain, secure = free_ports(2)
    site = (ROOT / "configs" / "nginx.conf").read_text()
    theirs = {
        "listen 80;": f"listen 127.0.0.1:{plain};",
        "listen 443 ssl;": f"listen 127.0.0.1:{secure} ssl;",
        "127.0.0.1:8000": offline.url.removeprefix("http://"),
        "parley.example.com": "localhost",
        "/etc/ssl/parley": str(folder),
    }
    for given, ours in theirs.items():
        assert given in site
        site = site.replace(given, ours)
    (folder / "site.conf").write_text(site)
    (folder / "nginx.conf").write_text(AROUND.format(site=folder / "site.conf"))
    process = subprocess.Popen([nginx, "-p", str(folder), "-c", str(folder / "nginx.conf")])
    try:
        _wait_for(secure)
        yield f"https://localhost:{secure}/"
    finally:
        process.terminate()
        process.wait(timeout=10)


async def test_a_spoken_question_is_answered_through_tls(proxy: str, tmp_path: Path) -> None:
    question = await asyncio.to_thread(record, tmp_path / "question.wav", 1.0, "What are your opening hours on Saturday?", 60.0)
    async with visiting(proxy, question, ignore_https_errors=True) as visit:
        await visit.page.get_by_role("button", name="Talk").click()
        await visit.shows("#said", "what are your opening hours on saturday")
        await visit.until("parley.loudness > 0.01")
        await visit.until("parley.turns[0].heard === parley.turns[0].words.length")
