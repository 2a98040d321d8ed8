"""Keys on the command line: one that is made, and the one that this user calls with.

A key is shown once, when it is made, and is read from `PARLEY_KEY` alone: what stands on a command line is in the shell's
history, and every user of the machine sees it while the command runs.
"""

import os
from collections.abc import Mapping

from pipeline import keys
from pipeline.errors import ClientError


def new(name: str) -> str:
    """A new key, and where the halves of it go."""
    if not keys.is_name(name):
        wanted = "letters, digits, '.', '_' and '-', 64 of them at most, a letter or digit first"
        raise ClientError("key_name_invalid", f"'{name}' is no name for a key: {wanted}")
    key = keys.new()
    shown_hash = keys.hash_of(key)
    return (
        f"The key of {name}, shown only now; whoever calls sets it:\n\n"
        f"  export PARLEY_KEY={key}\n\n"
        "The server keeps its hash, in its configuration:\n\n"
        f'  keys:\n    accepted:\n      - {{name: "{name}", hash: "{shown_hash}"}}\n\n'
        "or in its environment, separated by commas from those that are there:\n\n"
        f"  export PARLEY_KEYS={name}:{shown_hash}"
    )


def mine(environ: Mapping[str, str] = os.environ) -> str:
    """The key that this user calls with; empty for none."""
    key = environ.get("PARLEY_KEY", "").strip()
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ClientError("key_malformed", "PARLEY_KEY holds no key: there are spaces or special characters in it")
    return key


def header(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"} if key else {}
