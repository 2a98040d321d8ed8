"""Programs of Debian that tests need and Python's packages do not bring."""

import os
import shutil
import subprocess

import pytest

_PATIENCE_S = 600


def program(name: str, package: str) -> str:
    """Where it is. Where it is missing it is installed, if that is allowed; otherwise the test says how."""
    found = shutil.which(name)
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        for words in (["update"], ["install", "--yes", "--no-install-recommends", package]):
            quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            subprocess.run(["apt-get", "--quiet", *words], env=quiet, check=True, capture_output=True, timeout=_PATIENCE_S)
        found = shutil.which(name)
    if found is None:
        pytest.fail(f"this test needs {name}; on Debian: apt-get install {package}")
    return found
