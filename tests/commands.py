"""The pipeline's command line: called in this process, or struck by a signal in a process of its own."""

import subprocess

import pytest

from pipeline import __main__ as command_line

_STRUCK = """
import os, pkgutil
place = pkgutil.resolve_name("{place}")
honest, left = place.{name}, [{at}]
def striking(*arguments, **named):
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), {number:d})
    return honest(*arguments, **named)
place.{name} = striking
from pipeline.__main__ import main
main()
"""


def struck(number: int, function: str, *, at: int) -> list[str]:
    """Return the options of a Python that runs the command line and gets a signal at the n-th call of a function."""
    place, name = function.rsplit(".", 1)
    return ["-c", _STRUCK.format(place=place, name=name, at=at, number=number)]


def call(told: pytest.CaptureFixture[str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in this process, with all that it writes in `told`, the fixture `capfd`."""
    told.readouterr()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["pipeline", *arguments])
        with pytest.raises(SystemExit) as end:
            command_line.main()
    assert isinstance(end.value.code, int)
    return subprocess.CompletedProcess(arguments, end.value.code, *told.readouterr())
