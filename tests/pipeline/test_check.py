from pathlib import Path
from typing import Any

import pytest
from commands import call
from recipes import PAINTER, STYLIST, TRANSLATOR, UNPAIRED, write_params

ALL = {"painter": PAINTER, "stylist": STYLIST, "translator": TRANSLATOR, "unpaired": UNPAIRED}


def changed(**sections: dict[str, Any]) -> dict[str, Any]:
    return PAINTER | {key: PAINTER[key] | content for key, content in sections.items()}


@pytest.mark.parametrize("name", ALL)
def test_a_right_recipe_is_told_with_sizes_and_what_was_not_checked(
    name: str, workplace: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_params(workplace / "params.yaml", **ALL)
    answer = call(capfd, "check", name)
    assert (answer.returncode, answer.stderr) == (0, "")
    right, weights, batch, budget, unchecked = answer.stdout.splitlines()
    assert right.startswith(f"{name}: its parts fit each other")
    assert all(role in weights for role in ("generator", "discriminator"))
    assert "px, 3 channels" in batch
    assert budget.endswith(f"{ALL[name]['train']['budget']['steps']} steps")
    assert f"run `python -m pipeline prepare {name}` first" in unchecked
    assert [path.name for path in workplace.iterdir()] == ["params.yaml"]


def test_weights_and_batch_are_those_of_the_networks(workplace: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_params(
        workplace / "params.yaml",
        painter=changed(data={"size": 8, "channels": 1}) | {"network": {"name": "mlp", "latent": 3, "width": 2}},
    )
    told = call(capfd, "check", "painter").stdout
    generator, discriminator = (3 + 1) * 2 + (2 + 1) * 2 + (2 + 1) * 64, (64 + 1) * 2 + (2 + 1) * 2 + 2 + 1
    assert f"generator {generator}, discriminator {discriminator}\n" in told
    assert "8 pictures of 8 x 8 px, 1 channel\n" in told


def test_prepared_data_are_checked_as_well(workplace: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert call(capfd, "prepare", "painter").returncode == 0
    assert "unchecked" not in call(capfd, "check", "painter").stdout
    write_params(workplace / "params.yaml", painter=changed(train={"batch": 64}))
    answer, training = call(capfd, "check", "painter"), call(capfd, "train", "painter")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr == training.stderr
    assert "43 training pictures are fewer than a batch" in answer.stderr


@pytest.mark.parametrize(
    ("section", "content"),
    [
        ("network", {"widht": 4}),
        ("data", {"size": 24}),
        ("loss", {"name": "gaussian"}),
        ("objective", {"gradient_penalty": 10.0}),
        ("train", {"learning_rates": {"generator": 1e-3}}),
    ],
)
def test_a_wrong_recipe_gets_the_sentence_of_the_training(
    section: str, content: dict[str, Any], workplace: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    network = {"network": PAINTER["network"] | {"normalization": "batch"}}
    wrong = PAINTER | (network if section == "objective" else {}) | {section: PAINTER[section] | content}
    write_params(workplace / "params.yaml", painter=wrong)
    answer = call(capfd, "check", "painter")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr.startswith("painter.")
    call(capfd, "prepare", "painter")
    assert answer.stderr == call(capfd, "train", "painter").stderr


@pytest.mark.parametrize(
    ("setting", "content"),
    [
        ("evaluate.weights.lpips", {"weights": {"lpips": "lost.pth"}}),
        ("evaluate.extractor.path", {"extractor": {"name": "inception", "path": "lost.pth"}}),
    ],
)
def test_a_file_that_only_the_evaluation_reads_is_missed_before_the_training(
    setting: str, content: dict[str, Any], workplace: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_params(workplace / "params.yaml", painter=changed(evaluate=content))
    answer = call(capfd, "check", "painter")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr == f"painter.{setting}: names lost.pth, where no file is; correct it, or leave it out\n"
    (workplace / "lost.pth").touch()
    assert call(capfd, "check", "painter").returncode == 0


def test_compiling_is_left_to_the_training(workplace: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_params(workplace / "params.yaml", painter=changed(train={"compile": True, "budget": {"minutes": 2.0}}))
    told = call(capfd, "check", "painter").stdout
    assert "unchecked  train.compile" in told
    assert "budget     2 minutes\n" in told


def test_how_many_pictures_there_will_be_is_not_guessed(workplace: Path, capfd: pytest.CaptureFixture[str]) -> None:
    network = {"name": "encoder_decoder", "width": 4, "code": 2, "components": 500}
    coding = {"network": network, "objective": {"name": "autoencoding"}, "loss": {"name": "gaussian"}}
    rates = {"learning_rates": {"autoencoder": 1e-3}}
    write_params(workplace / "params.yaml", painter=changed(train=rates) | coding)
    assert "unchecked  the pictures, their number and classes" in call(capfd, "check", "painter").stdout
    assert call(capfd, "prepare", "painter").returncode == 0
    answer = call(capfd, "check", "painter")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert "network.components: is 500, more than the 43 training pictures" in answer.stderr
