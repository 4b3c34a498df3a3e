import subprocess
import sys
from pathlib import Path

import pytest
from commands import call

from demo import __version__
from pipeline.__main__ import STAGES


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipeline", *arguments], capture_output=True, text=True, check=False, timeout=120
    )


def test_the_version() -> None:
    answer = run("--version")
    assert (answer.returncode, answer.stdout) == (0, f"ganvas {__version__}\n")


def test_the_version_needs_none_of_the_slow_imports() -> None:
    code = (
        "import sys, runpy; sys.argv = ['pipeline', '--version']\n"
        "try: runpy.run_module('pipeline', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'mlflow', 'numpy', 'yaml', 'pydantic'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[-1] == "[]"


def test_the_help_names_every_stage_and_option(capfd: pytest.CaptureFixture[str]) -> None:
    answer = call(capfd, "--help")
    assert answer.returncode == 0
    for stage in STAGES:
        assert stage in answer.stdout
        assert "--params" in call(capfd, stage, "--help").stdout
    assert "project" in answer.stdout
    told = call(capfd, "project", "--help").stdout
    assert all(option in told for option in ("RECIPE", "PICTURE", "--class", "--steps", "--seed", "--params"))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("train", "paintr"), "there is no recipe 'paintr'; did you mean 'painter'? choose from painter, stylist"),
        (("train", "painter", "--params", "nowhere.yaml"), "nowhere.yaml: cannot be read"),
        (("export", "painter"), "run `python -m pipeline prepare painter`"),
    ],
)
def test_an_expected_failure_is_one_line_and_exit_1(
    workplace: Path, arguments: tuple[str, ...], sentence: str, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = call(capfd, *arguments)
    assert answer.returncode == 1
    assert answer.stdout == ""
    assert len(answer.stderr.splitlines()) == 1
    assert sentence in answer.stderr


def test_a_process_that_fails_as_expected_leaves_one_line_and_exit_1(workplace: Path) -> None:
    answer = run("export", "painter")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert len(answer.stderr.splitlines()) == 1
    assert "run `python -m pipeline prepare painter`" in answer.stderr


def test_results_stand_beside_the_params_file(workplace: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (workplace / "zoo").mkdir()
    (workplace / "params.yaml").rename(workplace / "zoo" / "params.yaml")
    answer = call(capfd, "prepare", "painter", "--params", "zoo/params.yaml")
    assert answer.returncode == 0
    assert (workplace / "zoo" / "data" / "painter" / "manifest.json").is_file()
    assert {path.name for path in workplace.iterdir()} == {"zoo"}


def test_a_wrong_command_is_usage_and_exit_2(workplace: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("trian", "painter").returncode == 2
    assert call(capfd, "train").returncode == 2
