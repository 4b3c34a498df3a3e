"""Freed memory goes back to the system."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only glibc is asked")

SCRIPT = """
import threading
from demo import memory

def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) // 1024

def keep_returning():
    stopped = threading.Event()
    memory._EVERY = 0.01
    returning = threading.Thread(target=memory.keep_returning, args=(stopped,))
    returning.start()
    stopped.wait(1)
    stopped.set()
    returning.join(10)
    assert not returning.is_alive()
"""

BELOW = """
kept = [bytearray(60_000) for _ in range(4000)]
last = bytearray(60_000)  # on top of them, so that the heap cannot shrink by itself
del kept
before = resident()
keep_returning()
print(before - resident())
"""

BY_THREADS = """
memory.share_one_heap()
bytearray(30 * 2**20)  # from now on, less than 60 MiB at the end of a heap stay there
before = resident()
together = threading.Barrier(4)

def work():
    kept = [bytearray(60_000) for _ in range(800)]
    together.wait()

threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
keep_returning()
print(resident() - before)
"""


def run(script, **variables):
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT + script],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    return int(result.stdout)


def test_what_was_freed_below_what_is_kept_goes_back_to_the_system():
    assert run(BELOW) > 150, "of 229 MiB"


def test_what_threads_freed_goes_back_to_the_system():
    assert run(BY_THREADS) < 30, "of 183 MiB"
    assert run(BY_THREADS, MALLOC_ARENA_MAX="8") > 100, "who runs the page has chosen"
