"""MLflow servers as people run them: with users, with PostgreSQL, and one that serves a registered version."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from servers import MlflowServer, free_port, wait_for
from test_champions_served import _register

from demo.champions import Registry
from demo.errors import RegistryError
from pipeline.errors import TrackingError
from pipeline.registry import CHAMPION, alias
from pipeline.store import connect, reporting

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def connected(monkeypatch, tmp_path):
    """A function that opens a store by its address."""
    monkeypatch.delenv("GANVAS_TRACKING", raising=False)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))

    def open_store(address, **variables):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return connect()

    return open_store


def test_a_server_with_users_takes_and_gives_with_the_password_alone(connected, recipe, tmp_path, monkeypatch):
    folder = tmp_path / "server"
    folder.mkdir()
    config = (
        f"[mlflow]\ndefault_permission = READ\ndatabase_uri = sqlite:///{folder}/users.db\nadmin_username = admin\n"
    )
    config += "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
    (folder / "auth.ini").write_text(config)
    variables = {
        "MLFLOW_AUTH_CONFIG_PATH": str(folder / "auth.ini"),
        "MLFLOW_AUTH_ADMIN_PASSWORD": "correct horse battery",
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "for a test",
    }
    with MlflowServer(folder, "--app-name", "basic-auth", **variables) as server:
        wanted = "wants a user who may do this; set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or go on"
        with pytest.raises(TrackingError, match=f"^{server.address} {wanted}"):
            connected(server.address.replace("//", "//stranger:secret@"))
        mirror = Registry(server.address, tmp_path / "mirror")
        with pytest.raises(RegistryError, match="wants a user who may read; set MLFLOW_TRACKING_USERNAME"):
            mirror.refresh()
        user = {"MLFLOW_TRACKING_USERNAME": "admin", "MLFLOW_TRACKING_PASSWORD": "correct horse battery"}
        client = connected(server.address, **user)
        version, _ = _register(client, recipe, tmp_path, scale=1.0)
        alias(client, recipe.name, as_=CHAMPION, version=version)
        assert mirror.refresh() == [f"{recipe.name}: version {version} of {server.address} is served now"]
        run = client.get_model_version(recipe.name, version).run_id
        reader = {"username": "reader", "password": "looks and does not touch"}
        place = f"{server.address}/api/2.0/mlflow/users/create"
        assert requests.post(place, json=reader, auth=tuple(user.values()), timeout=30).ok
        for name, password in (tuple(reader.values()), ("admin", "forgotten")):
            monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", name)
            monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", password)
            with pytest.raises(TrackingError, match=wanted), reporting():
                client.set_tag(run, "mood", "good")
            with pytest.raises(TrackingError, match=wanted), reporting():
                client.log_text(run, "good", "mood.txt")


@contextmanager
def _postgres():
    """A PostgreSQL server of its own; yields the address of its database."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not installed:
        pytest.skip("PostgreSQL is not installed")
    as_root = os.geteuid() == 0  # PostgreSQL refuses to run as root
    if as_root and subprocess.run(["id", "postgres"], capture_output=True, check=False).returncode:
        pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
    user = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups"] if as_root else []
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        if as_root:
            shutil.chown(folder, "postgres")
        options = ["--username", "ganvas", "--auth", "trust", "--no-sync", "--pgdata", f"{folder}/data"]
        subprocess.run([*user, installed[-1] / "initdb", *options], check=True, capture_output=True)
        settings = ["-p", str(port), "-k", folder, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
        command = [*user, str(installed[-1] / "postgres"), "-D", f"{folder}/data", *settings]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            asked = [installed[-1] / "pg_isready", "-h", "127.0.0.1", "-p", str(port), "-t", "5"]
            while subprocess.run(asked, capture_output=True, check=False).returncode and process.poll() is None:
                time.sleep(0.1)
            yield f"postgresql://ganvas@127.0.0.1:{port}/postgres"
        finally:
            process.send_signal(signal.SIGQUIT)
            process.wait(30)


def test_a_server_on_postgresql_keeps_versions_and_serves_champions(connected, recipe, tmp_path):
    with _postgres() as database, MlflowServer(tmp_path / "server", database=database) as server:
        client = connected(server.address)
        first, _ = _register(client, recipe, tmp_path, scale=1.0)
        again, _ = _register(client, recipe, tmp_path, scale=1.0)
        second, _ = _register(client, recipe, tmp_path, scale=2.0)
        assert (first, again, second) == ("1", "1", "2")
        alias(client, recipe.name, as_=CHAMPION, version=second)
        told = Registry(server.address, tmp_path / "mirror").refresh()
        assert told == [f"{recipe.name}: version 2 of {server.address} is served now"]


def _ask(address, values):
    content = json.dumps({"inputs": {"latent": values}}).encode()
    request = urllib.request.Request(f"{address}/invocations", content, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["predictions"]["picture"]


def test_mlflow_serves_a_registered_version_and_its_signature_refuses_wrong_shapes(connected, server, recipe, tmp_path):
    client = connected(server)
    version, _ = _register(client, recipe, tmp_path, scale=1.0)
    port = free_port()
    model = f"models:/{recipe.name}/{version}"
    options = ["-m", model, "--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    address = f"http://127.0.0.1:{port}"
    with (tmp_path / "log").open("wb") as log:
        command = [sys.executable, "-m", "mlflow", "models", "serve", *options]
        # MLflow starts `uvicorn` by its name.
        place = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        process = subprocess.Popen(
            command, stdout=log, stderr=log, start_new_session=True, env=os.environ | {"PATH": place}
        )
        try:
            wait_for(f"{address}/ping", process)
            (picture,) = _ask(address, [[0.0, 0.5, -0.5, 3.0]])
            assert picture[0][0] == pytest.approx([0.0, 0.46211716], abs=1e-6)
            assert len(_ask(address, [[0.0] * 4] * 3)) == 3
            for wrong in ([[0.0] * 5], [0.0] * 4, [["blue"] * 4]):
                with pytest.raises(urllib.error.HTTPError) as caught:
                    _ask(address, wrong)
                caught.value.close()
                assert caught.value.code == 400
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)
