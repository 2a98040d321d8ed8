"""What this gateway replica counts itself: whom it turned away, and why."""

from pipeline import figures as of
from pipeline.errors import ParleyError
from pipeline.figures import Figures

FIGURES = Figures()
"""Of this process."""


def refused(error: ParleyError) -> None:
    FIGURES.count(of.ERRORS, error.code, error.fault.value)
