"""Two real MLflow stores: the embedded one, and a server on loopback with a database of its own."""

import os
import shutil
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from clone import make_clone, succeed
from filelock import FileLock
from recipes import PAINTER, STYLIST, write_params
from servers import MlflowServer

from pipeline.export import export
from pipeline.prepare import prepare
from pipeline.recipe import Recipe, read_recipe
from pipeline.store import connect
from pipeline.train import train
from pipeline.workspace import Workspace

PARAMS = """
recipes:
  {name}:
    description: Handwritten digits for a test.
    data: {{name: digits, size: 16, channels: 1}}
    network: {{name: mlp}}
    objective: {{name: adversarial}}
    loss: {{name: minimax}}
    train: {{budget: {{steps: 4}}, batch: 4, learning_rates: {{generator: 1.0e-3, discriminator: 1.0e-3}}}}
    export: {{}}
    evaluate: {{samples: 8}}
    gate: {{}}
"""


def make_once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Return a folder of the session that `make` has filled, whichever of xdist's workers came first."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # whose workers then share it
        folder = folder.parent
    root, making = folder / name, folder / f"making-{name}"
    with FileLock(folder / f"{name}.lock"):
        if not root.exists():
            make(making)
            making.rename(root)
    return root


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone with a tiny recipe after one real `dvc repro`, to be copied and not to be changed."""

    def make(folder: Path) -> None:
        succeed(make_clone(folder / "ganvas"), "dvc", "repro")

    return make_once(tmp_path_factory, "finished", make) / "ganvas"


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny painter and a tiny stylist, trained and exported, to be copied and not to be changed."""

    def make(folder: Path) -> None:
        folder.mkdir()
        params = write_params(folder / "params.yaml", painter=PAINTER, stylist=STYLIST | {"export": {}})
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            patch.setenv("GANVAS_TRACKING", "off")
            for name in ("painter", "stylist"):
                recipe, workspace = read_recipe(params, name), Workspace(name, folder)
                for stage in (prepare, train, export):
                    stage(recipe, workspace)

    return make_once(tmp_path_factory, "studio", make)


@pytest.fixture(scope="session")
def embedded_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a fresh embedded store, which takes seconds to make."""
    root = tmp_path_factory.mktemp("a folder with 100% of the odd names")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setenv("DVC_ROOT", str(root))
        connect()
    return root


@pytest.fixture(scope="session")
def server(embedded_root: Path, tmp_path_factory: pytest.TempPathFactory):
    """The address of a real `mlflow server`, which lives as long as the tests."""
    folder = tmp_path_factory.mktemp("server")
    shutil.copyfile(embedded_root / ".mlflow" / "mlflow.db", folder / "mlflow.db")
    with MlflowServer(folder) as running:
        yield running.address


@pytest.fixture(params=["embedded", "server"])
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch):
    """A client of each store in turn, and the environment that leads to it."""
    monkeypatch.delenv("GANVAS_TRACKING", raising=False)
    monkeypatch.setenv("DVC_ROOT", str(request.getfixturevalue("embedded_root")))
    if request.param == "server":
        monkeypatch.setenv("MLFLOW_TRACKING_URI", request.getfixturevalue("server"))
    else:
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return connect()


@pytest.fixture
def recipe(request: pytest.FixtureRequest, tmp_path: Path) -> Recipe:
    """A small recipe under a name of its own, so that tests share a store without meeting."""
    name = "".join(letter if letter.isalnum() else "-" for letter in request.node.name).strip("-")
    (tmp_path / "params.yaml").write_text(textwrap.dedent(PARAMS.format(name=name)))
    return read_recipe(tmp_path / "params.yaml", name)
