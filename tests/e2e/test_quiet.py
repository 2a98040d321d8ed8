"""A server with little to do: what does not run there, and a caller who is silent for long and then speaks."""

import asyncio
from urllib.parse import urlsplit

import numpy as np

from bench.server import Running
from parley import processes, rundir
from parley.client import Client
from tests.e2e.conftest import Spoken
from tests.e2e.talking import Talk


def test_nothing_runs_that_only_tells_of_ray(offline: Running) -> None:
    record = rundir.find(urlsplit(offline.url).port or 80, rundir.folder())
    assert record is not None
    lines = [" ".join(process.cmdline()) for process in processes.of_server(record.run_dir)]
    assert [line for line in lines if "gcs_server" in line] != []
    assert [line for line in lines if "log_monitor.py" in line or "dashboard/dashboard.py" in line] == []


async def test_who_was_silent_for_long_is_heard_from_the_first_word_on(offline: Running, spoken: Spoken) -> None:
    speech = await asyncio.to_thread(spoken, "What are your opening hours on Saturday?")
    async with Client(offline.url, 16_000) as client:
        talk = Talk(client)
        await talk.say(np.concatenate([np.zeros(4 * 16_000, np.int16), speech]))
        heard = await talk.until("transcript", final=True)
        await talk.until("audio_done", turn=1)
        await talk.stop()
    assert heard["text"] == "what are your opening hours on saturday"
    assert talk.kinds().count("speech_started") == 1
