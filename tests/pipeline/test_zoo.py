"""Autoencoding and recurrent recipes through all stages, at tiny sizes."""

import json
from typing import Any

import numpy as np
import pytest
import torch
from recipes import PAINTER, write_params

from demo.codes import decode, encode
from demo.engine import Model, draw_noise
from pipeline.evaluate import evaluate
from pipeline.export import export
from pipeline.prepare import prepare
from pipeline.recipe import read_recipe
from pipeline.train import train
from pipeline.trained import load_trained
from pipeline.workspace import Workspace

pytestmark = pytest.mark.slow

TRAIN = {"budget": {"steps": 4}, "batch": 8, "log_every": 2, "snapshots": 2, "watch": {"samples": 16}}
CODING = {"name": "encoder_decoder", "code": 4, "width": 4}
RECIPES: dict[str, dict[str, Any]] = {
    "vae": {"network": CODING, "objective": {"name": "variational"}, "loss": {"name": "gaussian"}},
    "autoencoder": {
        "network": CODING | {"components": 2},
        "objective": {"name": "autoencoding"},
        "loss": {"name": "gaussian"},
    },
    "vae_gan": {
        "network": CODING | {"discriminator": True},
        "objective": {"name": "vae_gan"},
        "loss": {"name": "hinge"},
    },
    "recurrent_vae": {
        "network": {"name": "draw", "steps": 2, "step_code": 2, "hidden": 8, "reading": 2, "writing": 2},
        "objective": {"name": "variational"},
        "loss": {"name": "gaussian"},
    },
    "recurrent_gan": {
        "network": {"name": "gran", "latent": 4, "memory": 4, "steps": 2, "width": 4},
        "objective": {"name": "adversarial"},
        "loss": {"name": "hinge"},
    },
}
COMPANIONS = {
    "vae": {"encoder", "posterior"},
    "autoencoder": {"encoder", "decoder"},
    "vae_gan": {"encoder", "posterior"},
    "recurrent_vae": {"encoder", "posterior"},
    "recurrent_gan": set(),
}


@pytest.fixture(scope="module", params=RECIPES)
def workspace(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A recipe that went through all stages but the registry."""
    name, folder = request.param, tmp_path_factory.mktemp("zoo")
    roles = {"recurrent_gan": ["generator", "discriminator"], "vae_gan": ["autoencoder", "discriminator"]}
    rates = dict.fromkeys(roles.get(name, ["autoencoder"]), 1e-3)
    section = PAINTER | {"data": PAINTER["data"] | {"channels": 1}, "evaluate": {"samples": 16}, **RECIPES[name]}
    write_params(folder / "params.yaml", **{name: section | {"train": TRAIN | {"learning_rates": rates}}})
    recipe, workspace = read_recipe(folder / "params.yaml", name), Workspace(name, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANVAS_TRACKING", "off")
        for stage in (prepare, train, export, evaluate):
            stage(recipe, workspace)
    return workspace


def test_every_kind_of_model_goes_through_the_pipeline(workspace: Workspace) -> None:
    model = Model.open(workspace.model)
    assert model.card.task == "sample"
    assert {companion.name for companion in model.card.companions} == COMPANIONS[workspace.recipe]
    metrics = json.loads((workspace.reports / "metrics.json").read_text())
    sheets = {path.stem for path in (workspace.reports / "evaluation").glob("*.png")}
    coding = workspace.recipe != "recurrent_gan"
    assert ("reconstruction" in metrics) == coding
    assert ("reconstruction" in sheets) == coding
    assert ("steps" in sheets) == workspace.recipe.startswith("recurrent")
    assert ("bound" in metrics) == (workspace.recipe in {"vae", "recurrent_vae"})
    if "bound" in metrics:
        assert metrics["bound"]["elbo"] <= metrics["bound"]["importance_weighted"]


def test_what_an_autoencoding_model_decodes_of_codes_is_what_was_measured(workspace: Workspace) -> None:
    if workspace.recipe == "recurrent_gan":
        return
    model = Model.open(workspace.model)
    pictures = np.random.default_rng(0).uniform(-1, 1, (3, 1, 16, 16)).astype(np.float32)
    codes = encode(model, pictures)
    made = decode(model, codes)
    assert made.shape == pictures.shape
    if workspace.recipe != "autoencoder":
        feeds = {"picture": pictures, "noise": 0 * draw_noise(range(3), codes.shape[1])}
        np.testing.assert_allclose(model.companion("posterior").run(feeds, "decoded"), made, atol=1e-5)
    else:
        recipe = read_recipe(workspace.root / "params.yaml", workspace.recipe)
        autoencoder: Any = load_trained(recipe, workspace).graph.module.autoencoder
        np.testing.assert_allclose(autoencoder.decode(torch.from_numpy(codes)).numpy(), made, atol=1e-5)
        latent = draw_noise(range(3), codes.shape[1] + 1)
        assert model.run({"latent": latent}).shape == pictures.shape
