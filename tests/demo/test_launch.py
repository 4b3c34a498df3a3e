import os
import signal
import socket
import subprocess
import sys

import pytest

from demo import __version__

COMMAND = [sys.executable, "-m", "demo"]


def run(*arguments, **environment):
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "COLUMNS": "100", **environment},
    )


def test_version_is_told_without_loading_the_page():
    done = run("--version", PYTHONPROFILEIMPORTTIME="1")
    assert (done.returncode, done.stdout) == (0, f"ganvas {__version__}\n")
    assert "typer" in done.stderr
    for heavy in ("gradio", "onnxruntime", "numpy", "uvicorn"):
        assert heavy not in done.stderr


def test_help_names_every_option():
    done = run("--help")
    assert done.returncode == 0
    options = ("--models", "--registry", "--poll", "--engine", "--device", "--memory", "--host", "--port", "--open")
    options = (*options, "--cuda-graphs", "GANVAS_CUDA_GRAPHS")
    for option in (*options, "--version", "HOST", "PORT", "ENGINE_URL", "GANVAS_DEVICE", "GANVAS_MEMORY"):
        assert option in done.stdout


@pytest.fixture
def taken_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_port_in_use_is_one_sentence(taken_port):
    for done in (run("--port", str(taken_port)), run(PORT=str(taken_port))):
        assert done.returncode == 1
        assert done.stdout == ""
        assert done.stderr == (
            f"error: cannot listen on 127.0.0.1:{taken_port} (Address already in use); choose another with --port\n"
        )


def test_an_unknown_host_is_one_sentence():
    done = run(HOST="no.such.host.invalid")
    assert done.returncode == 1
    assert done.stderr == "error: the host 'no.such.host.invalid' is unknown; choose another with --host\n"
    assert run(HOST="a..b").stderr == "error: the host 'a..b' is unknown; choose another with --host\n"


@pytest.mark.parametrize("port", ["-1", "70000", "http"])
def test_an_impossible_port_is_refused(port):
    done = run("--port", port)
    assert done.returncode == 2
    assert "Invalid value for '--port'" in done.stderr


def test_a_folder_for_temporary_files_that_cannot_be_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    command = [*COMMAND, "--port", "0", "--models", str(tmp_path)]
    environment = {**os.environ, "GRADIO_TEMP_DIR": str(tmp_path / "file" / "cache")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: no temporary files can be written (")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(("number", "status", "said"), [(signal.SIGINT, 0, "Stopped.\n"), (signal.SIGTERM, 143, "")])
def test_it_ends_cleanly_by_ctrl_c_and_as_a_service(tmp_path, number, status, said):
    with subprocess.Popen(
        [*COMMAND, "--port", "0", "--models", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "GRADIO_TEMP_DIR": str(tmp_path / "cache")},
    ) as process:
        first = process.stdout.readline()
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=30)
    assert f"Ganvas {__version__} serves {tmp_path} at http://127.0.0.1:" in first
    assert (process.returncode, stdout, stderr) == (status, said, "")
    assert list((tmp_path / "cache").iterdir()) == [], "its own folder of temporary files is gone"
