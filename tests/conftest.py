"""A working directory with tiny recipes, for all tests that run stages."""

import os
import signal
from pathlib import Path

import pytest
from recipes import PAINTER, STYLIST, write_params

# Nets of this size are slower on two threads than on one; read by torch when it loads, here and in child processes.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# A shell's job in the background ignores Ctrl-C, and so would every process that the tests start and stop.
signal.signal(signal.SIGINT, signal.default_int_handler)

_LONGEST = ("test_story.py", "test_experiments.py", "test_crashes.py", "test_ablations.py")
"""Files whose tests take minutes. Begun last, they would leave all processors but one idle."""

_MOST_WORKERS = 4
"""Each may hold a browser and several processes with torch in memory."""


def pytest_xdist_auto_num_workers() -> int:
    """Run one worker more than there are processors: tests wait for servers, browsers and processes of their own."""
    return min((os.cpu_count() or 1) + 1, _MOST_WORKERS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest tests."""
    items.sort(key=lambda item: item.path.name not in _LONGEST)


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory with a params file of two tiny recipes, and no tracking."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANVAS_TRACKING", "off")
    write_params(tmp_path / "params.yaml", painter=PAINTER, stylist=STYLIST)
    return tmp_path
