"""Real processes that meet as ranks of one training, started as torchrun starts them."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def launch(*command: object, rank: int, port: int) -> subprocess.Popen[str]:
    """Start one rank of two that meet on `port`, with this project in reach."""
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2}
    ranks = {"RANK": rank, "LOCAL_RANK": rank}
    environment = os.environ | {name: str(value) for name, value in (meeting | ranks).items()}
    return subprocess.Popen(
        [sys.executable, "-X", "faulthandler", *map(str, command)],
        env=environment | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        stderr=subprocess.PIPE,
        text=True,
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def finish(*processes: subprocess.Popen[str]) -> list[tuple[int, str]]:
    """Return exit status and standard error of each; a rank that hangs ends with the lines where it stood."""
    results = []
    for process in processes:
        try:
            told = process.communicate(timeout=120)[1]
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)
            told = process.communicate()[1]
        results.append((process.returncode, told))
    return results
