"""Cleans up after a server that could not do it itself.

`parley serve` starts it first, writes three lines to it (run dir, port, folder of the servers' files) and keeps that pipe open.
A fourth line means that the server stopped as it should, and the warden leaves. The end of the pipe without one means that the
server died (`kill -9`, out of memory, Ray took it down): whatever belongs to its run dir ends, and its files go. Until then it
only waits, at no cost.
"""

import subprocess
import sys
from pathlib import Path

from parley import processes, rundir


class Warden:
    """The server's end of the pipe."""

    def __init__(self, run_dir: str, port: int, where: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "parley.warden"],
            stdin=subprocess.PIPE,
            # Its own session: Ctrl-C in the terminal is for the server.
            start_new_session=True,
            text=True,
        )
        self._tell(f"{run_dir}\n{port}\n{where}\n")

    def dismiss(self) -> None:
        self._tell("done\n")
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line)
            self._process.stdin.flush()
        except BrokenPipeError:
            # Somebody killed it; the server does without.
            return


def main() -> None:
    run_dir, port, where, *stopped = sys.stdin.read().splitlines()
    if not stopped:
        processes.sweep(run_dir)
        rundir.forget(int(port), Path(where))


if __name__ == "__main__":
    main()
