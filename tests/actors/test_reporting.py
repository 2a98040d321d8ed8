"""A replica tells how it stands, again and again."""

import asyncio

from actors.reporting import Reporting, process_name
from pipeline import figures as of
from pipeline.figures import Figures, Report, values
from tests.fakes.fake_time import run_in_fake_time


def test_it_tells_its_figures_and_how_late_its_loop_is() -> None:
    told: list[Report] = []
    figures = Figures()

    async def job() -> None:
        Reporting("tts", figures.snapshot, told.append)
        figures.count(of.PROVIDER_REQUESTS, "espeak")
        await asyncio.sleep(3)
        figures.count(of.PROVIDER_REQUESTS, "espeak")
        await asyncio.sleep(2)

    run_in_fake_time(job)
    assert [(report.pool, report.process) for report in told] == 2 * [("tts", process_name("tts"))]
    assert [values(report.figures, of.PROVIDER_REQUESTS) for report in told] == [{("espeak",): 1}, {("espeak",): 2}]
    assert [values(report.figures, of.LOOP_LAG) for report in told] == 2 * [{(): 0.0}]
