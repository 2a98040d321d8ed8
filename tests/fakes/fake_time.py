"""A job whose time jumps: both the event loop's clock and `time.monotonic` move only when there is nothing left to do."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar
from unittest.mock import patch

from tests.fakes.jumping_loop import JumpingLoop

T = TypeVar("T")


def run_in_fake_time(job: Callable[[], Coroutine[Any, Any, T]]) -> T:
    with asyncio.Runner(loop_factory=JumpingLoop) as runner, patch("time.monotonic", runner.get_loop().time):
        return runner.run(job())
