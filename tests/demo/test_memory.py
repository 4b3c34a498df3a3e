"""Freed memory goes back to the system."""

import subprocess
import sys

import pytest

SCRIPT = """
import threading
from demo import memory

def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) // 1024

kept = [bytearray(60_000) for _ in range(4000)]
last = bytearray(60_000)  # on top of them, so that the heap cannot shrink by itself
del kept
before = resident()
stopped = threading.Event()
memory._EVERY = 0.01
returning = threading.Thread(target=memory.keep_returning, args=(stopped,))
returning.start()
stopped.wait(1)
stopped.set()
returning.join(10)
assert not returning.is_alive()
print(before - resident())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc is asked")
def test_what_was_freed_below_what_is_kept_goes_back_to_the_system():
    result = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert int(result.stdout) > 150, "of 229 MiB"
