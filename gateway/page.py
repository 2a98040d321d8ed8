"""The page at `/`: what runs here, whether it is well, and how to talk to it."""

from html import escape
from typing import Any

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Parley</title>
<style>
  :root {{ color-scheme: light dark; --ink: light-dark(#1c1b19, #eceae4); --soft: light-dark(#6b675f, #a29d92);
          --paper: light-dark(#fbfaf7, #171614); --line: light-dark(#e2ded5, #33302b); --good: light-dark(#24733f, #7fcf98);
          --bad: light-dark(#a33a1d, #f0906f); }}
  body {{ background: var(--paper); color: var(--ink); font: 17px/1.6 ui-serif, Georgia, serif; max-width: 42rem;
         margin: 12vh auto 6rem; padding: 0 1.25rem; }}
  h1 {{ font-size: 2.6rem; font-weight: 500; letter-spacing: -.02em; margin: 0; }}
  h2 {{ font-size: 1rem; font-weight: 600; margin: 2.5rem 0 .5rem; }}
  p.state {{ margin: .25rem 0 0; color: var(--soft); }} .healthy {{ color: var(--good); }} .degraded {{ color: var(--bad); }}
  table {{ border-collapse: collapse; width: 100%; font-size: .95rem; }}
  td {{ border-top: 1px solid var(--line); padding: .45rem .75rem .45rem 0; vertical-align: top; }}
  td:first-child {{ color: var(--soft); width: 5rem; }} .why {{ color: var(--soft); }}
  pre {{ border: 1px solid var(--line); border-radius: 6px; padding: .8rem 1rem; overflow-x: auto; font-size: .85rem; }}
</style>
<h1>Parley</h1>
<p class="state"><span class="{status}">{status}</span> · version {version} · {active} talking now, {total} so far</p>
<h2>Call it</h2>
<pre>parley say "What are your opening hours on Saturday?" -o question.wav
parley call question.wav --save reply.wav</pre>
<p>Or open a WebSocket at <code>/ws</code> and send 16-bit mono audio; what comes back is audio and small JSON messages.
Flows here: {flows}. State for machines: <a href="/health">/health</a>.</p>
<h2>Who answers</h2>
<table>{providers}</table>
</html>
"""


def render(picture: dict[str, Any], flows: list[str]) -> str:
    return _PAGE.format(
        status=escape(picture["status"]),
        version=escape(picture["version"]),
        active=picture["sessions"]["active"],
        total=picture["sessions"]["total"],
        flows=", ".join(f"<code>{escape(flow)}</code>" for flow in flows),
        providers="".join(_row(stage, providers) for stage, providers in picture["providers"].items()),
    )


def _row(stage: str, providers: list[dict[str, str]]) -> str:
    lines = "<br>".join(
        f'{escape(provider["name"])} <span class="why">{escape(provider["reason"] or provider["state"])}</span>'
        for provider in providers
    )
    return f"<tr><td>{escape(stage)}</td><td>{lines}</td></tr>"
