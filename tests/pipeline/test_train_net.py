"""Training the feature network again: its pictures, its augmentation, and one short run of the command."""

import json

import numpy as np
import PIL.Image
import pytest
import torch
import yaml

from pipeline.data.procedural import Procedural
from pipeline.features.ganvas_net import FeatureNet, checksum, load
from pipeline.features.train_net import augmented, main, read_task

SETTINGS = {
    "steps": 12,
    "batch": {"cifar10": 8, "families": 4},
    "learning_rate": 1e-3,
    "warmup": 0.1,
    "weight_decay": 0.0,
    "clip": 1.0,
    "precision": "fp32",
    "pictures_per_family": 4,
    "held_out": 0.25,
    "seed": 0,
}


def write_classes(folder):
    """Write red and blue pictures of 32 px, sixteen of each."""
    random = np.random.default_rng(0)
    for name, colour in (("red", (220, 40, 40)), ("blue", (40, 40, 220))):
        (folder / name).mkdir(parents=True)
        for index in range(16):
            pixels = np.array(colour) + random.integers(-30, 30, (32, 32, 1))
            PIL.Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / name / f"{index}.png")


def test_the_command_writes_weights_and_a_true_card(tmp_path):
    write_classes(tmp_path / "colours")
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump(SETTINGS))
    main(tmp_path / "colours", tmp_path / "settings.yaml", tmp_path / "net")
    path = tmp_path / "net" / "ganvas_net.npz"
    card = json.loads((tmp_path / "net" / "ganvas_net.json").read_text())
    assert card["sha256"] == checksum(path)
    assert card["settings"] == SETTINGS
    assert card["data"]["cifar10"]["classes"] == ["blue", "red"]
    assert card["data"]["cifar10"]["held_out"] == 8
    assert card["data"]["cifar10"]["held_out_accuracy"] == 1
    features = load(path).features(torch.rand(50, 3, 64, 64) * 2 - 1)
    assert features.shape == (50, 128)
    assert torch.isfinite(features).all()


def test_a_wrong_setting_ends_in_a_sentence(tmp_path, capsys):
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump(SETTINGS | {"stpes": 3}))
    with pytest.raises(SystemExit) as ended:
        main(tmp_path, tmp_path / "settings.yaml", tmp_path)
    assert ended.value.code == 1
    assert "stpes: unknown key; did you mean 'steps'?" in capsys.readouterr().err


def test_what_is_held_out_is_not_learnt_from():
    task = read_task(Procedural(count=40, size=16, families=("waves", "mondrian")), held_out=0.25, what="art")
    assert task.classes == ("mondrian", "waves")
    assert len(task.held_out) == 10
    assert sorted([*task.training.tolist(), *task.held_out.tolist()]) == list(range(40))
    assert task.labels[task.held_out].bincount().tolist() == [5, 5]


def test_augmented_pictures_are_mirrored_and_shifted_and_nothing_else():
    ramp = torch.arange(16, dtype=torch.uint8).expand(200, 1, 16, 16)
    result = augmented(ramp, torch.Generator().manual_seed(0))
    assert result.shape == ramp.shape
    assert (result == result[:, :, :1]).all()
    steps = result[:, 0, 0, 4:12].int().diff(dim=1)
    rising, falling = (steps == 1).all(dim=1), (steps == -1).all(dim=1)
    assert (rising | falling).all()
    assert 60 < rising.sum() < 140
    assert {int(row[8]) - 8 for row, up in zip(result[:, 0, 0], rising, strict=True) if up} == {-2, -1, 0, 1, 2}


def test_calibrated_features_have_deviations_near_one():
    torch.manual_seed(0)
    net = FeatureNet({"colours": 2}).requires_grad_(requires_grad=False)
    pictures = torch.rand(200, 3, 1, 1) + 0.3 * torch.rand(200, 3, 64, 64) - 1
    net.calibrate(net.pooled(pictures))
    features = net.features(pictures)
    assert features.mean(dim=0).abs().max() < 1e-3
    assert features.std(dim=0).square().mean() == pytest.approx(1, rel=0.2)
