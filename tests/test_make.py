import os
import re
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LINES = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
PINS = {canonicalize_name(name): version for name, version in (line.split("==") for line in LINES)}


def _make(*arguments, cwd=ROOT):
    # `make test` runs this: what it hands to a make inside of it would change what that one says.
    outside = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}}
    return subprocess.run(["make", *arguments], cwd=cwd, env=outside, capture_output=True, text=True, check=False)


def test_help_has_a_line_for_every_command():
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    lines = _make("help").stdout.splitlines()
    assert phony is not None
    assert [line.split()[1] for line in lines] == phony[1].split()
    assert all(len(line.split()) > 3 for line in lines)
    assert _make().stdout.splitlines() == lines


def test_without_a_python_one_sentence_says_what_is_needed(tmp_path):
    for name in ("Makefile", "constraints.txt", "pyproject.toml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "install.py").touch()
    result = _make("setup", "PYTHON=", cwd=tmp_path)
    assert result.returncode != 0
    assert result.stderr.splitlines()[0].startswith("Ganvas needs Python 3.11 or later")
    assert not (tmp_path / ".venv").exists()


def test_every_requirement_has_a_pin_that_fits():
    extras = PROJECT["optional-dependencies"]
    for text in [*PROJECT["dependencies"], *(text for extra in extras.values() for text in extra)]:
        requirement = Requirement(text)
        assert requirement.specifier.contains(PINS[canonicalize_name(requirement.name)]), text
    assert len(PINS) == len(LINES)
    assert PINS["torch"] == "2.13.0"
    assert PINS["onnxruntime"] == PINS["onnxruntime-gpu"]


@pytest.mark.parametrize(
    ("system", "machine", "expected"),
    [
        ("linux", "x86_64", "onnxruntime-gpu"),
        ("linux", "aarch64", "onnxruntime"),
        ("win32", "AMD64", "onnxruntime-gpu"),
        ("win32", "ARM64", "onnxruntime"),
        ("darwin", "arm64", "onnxruntime"),
        ("darwin", "x86_64", "onnxruntime"),
    ],
)
def test_every_platform_gets_one_onnx_runtime(system, machine, expected):
    runtimes = [Requirement(text) for text in PROJECT["dependencies"] if text.startswith("onnxruntime")]
    environment = {"sys_platform": system, "platform_machine": machine}
    assert [one.name for one in runtimes if one.marker and one.marker.evaluate(environment)] == [expected]


@pytest.mark.slow
def test_the_build_of_torch_that_is_at_hand_is_taken_and_an_index_out_of_reach_is_no_failure(tmp_path):
    venv.create(tmp_path / "venv", with_pip=True)
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    _write_wheel(wheels / "torch-9.9+cpu-py3-none-any.whl", "torch", "9.9+cpu")
    # Nothing answers on port 9 of loopback.
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); import install\n"
        "print(install._install_torch('9.8', 'http://127.0.0.1:9/whl/cpu'))\n"
        "print(install._install_torch('9.9', 'http://127.0.0.1:9/whl/cpu'))\n"
    )
    result = subprocess.run(
        [tmp_path / "venv" / "bin" / "python", "-c", script, ROOT / "tools"],
        env={
            "PIP_FIND_LINKS": str(wheels),
            "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
            "PIP_CONFIG_FILE": "/dev/null",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert [line for line in result.stdout.splitlines() if line in {"False", "True"}] == ["False", "True"]
    installed = list((tmp_path / "venv").rglob("torch-9.9+cpu.dist-info"))
    assert len(installed) == 1
    assert sys.prefix not in str(installed[0])


def _write_wheel(path, name, version):
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{name}.py", "")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
