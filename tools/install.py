"""Install the pinned versions into the environment that runs this: `.venv/bin/python tools/install.py`.

Standard library only, because nothing else is there yet.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
PIP = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]


def main() -> int:
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)$", CONSTRAINTS.read_text(), re.MULTILINE))
    python = platform.python_version()
    print(f"Installing up to {len(pins)} pinned packages for Python {python} into {sys.prefix}", flush=True)
    index = os.environ.get("TORCH_INDEX", "" if _plain_torch_will_do() else CPU_INDEX)
    if index and not _install_torch(pins["torch"], index):
        print(f"No build of torch {pins['torch']} for {index}; the standard one is installed instead", flush=True)
    return _run([*PIP, "--constraint", str(CONSTRAINTS), "--editable", f"{ROOT}[pipeline,dev]"], total=len(pins))


def _plain_torch_will_do() -> bool:
    """Tell whether the standard build of torch fits: for Linux on x86-64 it brings gigabytes of CUDA along."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return True
    driver = shutil.which("nvidia-smi")
    return driver is not None and subprocess.run([driver, "-L"], capture_output=True, check=False).returncode == 0


def _install_torch(version: str, index: str) -> bool:
    """Install the build that the index is named after, from pip's own configuration before the index itself."""
    requirement = f"torch=={version}+{index.rstrip('/').rpartition('/')[2]}"
    print(f"First {requirement}, the largest of them", flush=True)
    install = [*PIP, "--no-deps", "--retries", "0", "--timeout", "15"]
    if subprocess.run([*install, requirement], capture_output=True, check=False).returncode == 0:
        return True
    # Out of pip's hands come a progress bar on standard output and complaints on standard error.
    from_index = [*install, "--extra-index-url", index, requirement]
    return subprocess.run(from_index, stderr=subprocess.DEVNULL, check=False).returncode == 0


def _run(command: list[str], *, total: int) -> int:
    """Run pip behind a progress bar; where it fails, show what it said."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "PIP_PROGRESS_BAR": "off"},
    )
    said: list[str] = []
    reader = threading.Thread(target=said.extend, args=[process.stdout])
    reader.start()
    started, shown = time.monotonic(), -1
    while reader.is_alive():
        reader.join(0.3)
        done = (_collected(said) + _installed()) / (2 * total)
        shown = _show(min(done, 0.99), time.monotonic() - started, shown)
    code = process.wait()
    if code:
        print("\n" + "".join(line for line in said if not line.startswith("WARNING: Location")), file=sys.stderr)
        print("The installation failed; what pip said stands above.", file=sys.stderr)
    else:
        _show(1.0, time.monotonic() - started, shown)
        print(flush=True)
    return code


def _collected(lines: Iterable[str]) -> int:
    """Return how many packages pip has looked at."""
    found = (re.match(r"(?:Collecting|Requirement already satisfied:) ([\w.-]+)", line) for line in list(lines))
    return len({match[1] for match in found if match})


def _installed() -> int:
    return len(list(Path(sysconfig.get_path("purelib")).glob("*.dist-info")))


def _show(done: float, elapsed: float, shown: int) -> int:
    """Draw the bar, or off a terminal a line now and then; return what was shown, in percent."""
    percent = int(100 * done)
    seconds = round(elapsed / done * (1 - done)) if done else 0
    left = f", {seconds // 60}:{seconds % 60:02} left" if 0.05 < done < 1 else ""
    if sys.stdout.isatty():
        print(f"\r[{'#' * (percent // 2):50}] {percent:3} %{left:15}", end="", flush=True)
        return percent
    if percent >= shown + 25 or (done == 1 and percent > shown):
        print(f"{percent} %{left}", flush=True)
        return percent
    return shown


if __name__ == "__main__":
    sys.exit(main())
