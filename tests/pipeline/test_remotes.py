"""DVC's remote: a fresh clone takes everything from it, from a folder and from S3, and runs nothing again."""

import os
import shutil
import signal
import subprocess
import sys

import pytest
from clone import commit, git, succeed
from servers import free_port, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def clone(finished, tmp_path):
    """A clone that is finished and committed."""
    root = shutil.copytree(finished, tmp_path / "ganvas", symlinks=True)
    commit(root, "The first model")
    return root


def _take_over(clone, fresh, **variables):
    """Clone, take over what the remote has, and show that nothing is to do."""
    git(clone, "clone", "-q", str(clone), str(fresh))
    succeed(fresh, "dvc", "pull", "--run-cache", **variables)
    said = succeed(fresh, "dvc", "repro", **variables)
    assert "Running stage" not in said
    assert "up to date" in said
    for name in ("models/ink/model.onnx", "reports/ink/metrics.json", "data/ink/images.npy"):
        assert (fresh / name).read_bytes() == (clone / name).read_bytes()
    assert git(fresh, "status", "--porcelain") == ""
    return fresh


def test_the_folder_beside_the_clone_is_the_remote_by_default(clone, tmp_path):
    succeed(clone, "dvc", "push", "--run-cache")
    assert (tmp_path / "ganvas-storage" / "files").is_dir()
    fresh = _take_over(clone, tmp_path / "fresh")
    # Without the lock, too, the run-cache knows what these inputs give; only the registration has no outputs.
    (fresh / "dvc.lock").unlink()
    for folder in ("data", "checkpoints", "models", "reports"):
        shutil.rmtree(fresh / folder)
    said = succeed(fresh, "dvc", "repro", GANVAS_TRACKING="off")
    assert [line.split()[-2] for line in said.splitlines() if line.startswith("> ")] == ["register"]


def test_s3_is_a_remote_like_any_other(clone, tmp_path):
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}
    with (tmp_path / "log").open("wb") as log:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            wait_for(address, process)
            script = f"import boto3; boto3.client('s3', endpoint_url='{address}').create_bucket(Bucket='ganvas')"
            subprocess.run([sys.executable, "-c", script], env=os.environ | keys, check=True)
            succeed(clone, "dvc", "remote", "modify", "storage", "url", "s3://ganvas/storage")
            succeed(clone, "dvc", "remote", "modify", "storage", "endpointurl", address)
            commit(clone, "Keep what is made on S3")
            succeed(clone, "dvc", "push", "--run-cache", **keys)
            assert not (tmp_path / "ganvas-storage").exists()
            _take_over(clone, tmp_path / "fresh", **keys)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)


def test_a_remote_that_is_not_there_does_not_stop_a_fresh_clone(clone, tmp_path):
    fresh = tmp_path / "fresh"
    git(clone, "clone", "-q", str(clone), str(fresh))
    said = succeed(fresh, "dvc", "repro", "prepare@ink")
    assert "Running stage 'prepare@ink'" in said
