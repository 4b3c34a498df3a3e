"""Who may not become champion, each in one sentence, with git and DVC as they are."""

import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import PIL.Image
import pytest
import yaml
from clone import IDENTITY, commit, git

from demo.modelfile import ModelFile
from pipeline.candidate import COMMIT, DIRTY, LOCK_DIGEST, SHA256
from pipeline.champions import Champion, Champions
from pipeline.errors import LineageError, PipelineError, PromotionError
from pipeline.gate import fetch_champion
from pipeline.lineage import Step, _commit_steps, _ended, _model_step, _unknown, lineage
from pipeline.promotion import promote, registry_sync, rollback
from pipeline.recipe import read_recipe
from pipeline.repository import LOCK, Lock, find_commit, read_at, restore, uncommitted
from pipeline.store import connect
from pipeline.workspace import Workspace

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def root(finished, tmp_path, monkeypatch):
    """A finished clone with its lock not yet committed, as working directory, without tracking."""
    root = shutil.copytree(finished, tmp_path / "ganvas", symlinks=True)
    for name, value in {**IDENTITY, "GANVAS_TRACKING": "off"}.items():
        monkeypatch.setenv(name, value)
    for name in ("DVC_ROOT", "DVC_EXP_NAME", "DVC_EXP_BASELINE_REV"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")
    monkeypatch.chdir(root)
    return root


def _promote():
    promote(read_recipe(Path("params.yaml"), "ink"), Workspace("ink"))


def _refuse(words, action=_promote, error=PromotionError):
    before = Path("champions.yaml").read_bytes()
    with pytest.raises(error, match=words) as caught:
        action()
    assert "\n" not in str(caught.value)
    assert Path("champions.yaml").read_bytes() == before


def test_what_is_not_committed_or_not_described_by_the_lock_is_refused(root, monkeypatch):
    _refuse(f"the commit has no {LOCK} that knows 'ink'")
    commit(root, "The lock")
    with monkeypatch.context() as patch:
        patch.setenv("DVC_EXP_NAME", "pale-moon")
        _refuse("an experiment cannot be promoted")
    Path("dvc.yaml").write_text(Path("dvc.yaml").read_text() + "# changed\n")
    _refuse(r"uncommitted changes \(dvc\.yaml\); commit or undo them first")
    git(root, "checkout", "dvc.yaml")

    lock = Path(LOCK).read_text()
    digest = Lock.parse(lock, "ink").outs["models/ink"]
    Path(LOCK).write_text(lock.replace(digest, "0" * 32 + ".dir"))
    commit(root, "A lock edited by hand")
    _refuse(rf"{LOCK} does not describe what is here \(.*models/ink.*\); run `dvc repro`")
    Path(LOCK).write_text("stages: [")
    commit(root, "A damaged lock")
    _refuse(f"the commit has no {LOCK} that knows 'ink'")


def test_without_a_git_identity_nothing_changes(root, monkeypatch):
    commit(root, "The lock")
    monkeypatch.setenv("GIT_AUTHOR_NAME", "")
    monkeypatch.setenv("GIT_COMMITTER_NAME", "")
    _refuse(r"git did not commit champions\.yaml \(.*ident", error=LineageError)
    assert git(root, "status", "--porcelain") == ""


def test_a_model_is_promoted_without_a_registry_and_only_once(root):
    made = commit(root, "The lock")
    _promote()
    champion = Champions.read(root).champion("ink")
    assert champion.commit == made
    assert git(root, "log", "-1", "--format=%s") == f"Promote ink {champion.model[:12]}"
    assert git(root, "show", "--name-only", "--format=", "HEAD") == "champions.yaml"
    _refuse("is the champion already")
    _refuse("is the first champion, so there is none to go back to", lambda: rollback("ink", root))
    _refuse("'tusche' has no champion", lambda: rollback("tusche", root))
    Path("champions.yaml").write_text(Path("champions.yaml").read_text() + "# changed\n")
    _refuse("has changes that are not committed", lambda: rollback("ink", root))
    assert find_commit(Lock.parse(Path(LOCK).read_text(), "ink").digest, "ink", root) == made
    assert find_commit("0" * 64, "ink", root) is None


def test_where_there_is_no_git_one_sentence_says_so(root, monkeypatch):
    shutil.rmtree(root / ".git")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(root.parent))
    _refuse("there is no git commit here; run `git init`", error=LineageError)


def test_files_that_are_nowhere_are_named(root, tmp_path):
    made = commit(root, "The lock")
    shutil.rmtree(root / ".dvc" / "cache")
    with pytest.raises(LineageError, match=f"models/ink of commit {made[:12]} is neither in DVC's cache nor on its"):
        restore(made, ["models/ink"], tmp_path / "there", root)
    with pytest.raises(LineageError, match="is not in this clone"):
        read_at("0" * 40, LOCK, root)


@pytest.mark.parametrize(
    ("subject", "words"),
    [
        ("ink@nobody", "the registry knows no alias 'nobody' of 'ink'; look at what there is with `make mlflow`"),
        ("models:/nothing/7", "the registry knows no version 7 of 'nothing'"),
        ("nothing.png", "'nothing.png' is no picture file, and no version"),
        ("n" * 300, "nnn' is no picture file, and no version"),
        ("plain.png", "plain.png says nothing of how it was made"),
    ],
)
def test_an_unknown_subject_is_one_sentence(subject, words, *, root, monkeypatch):
    PIL.Image.new("L", (2, 2)).save("plain.png")
    monkeypatch.delenv("GANVAS_TRACKING")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(LineageError, match=words) as caught:
        lineage(subject, root)
    assert "\n" not in str(caught.value)


def test_changes_of_a_file_are_found_where_the_top_of_git_is_above(tmp_path):
    root = tmp_path / "studio"
    root.mkdir()
    for name in ("champions.yaml", "other.yaml"):
        (root / name).write_text("{}")
    git(tmp_path, "init", "--quiet")
    commit(tmp_path, "All")
    (root / "champions.yaml").write_text("{a: 1}")
    assert uncommitted(root) == uncommitted(root, "champions.yaml") == ["studio/champions.yaml"]
    assert uncommitted(root, "other.yaml") == []


def test_a_picture_of_too_many_pixels_is_one_sentence(root, monkeypatch):
    PIL.Image.new("L", (2, 2)).save("plain.png")
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 1)
    monkeypatch.delenv("GANVAS_TRACKING")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(LineageError, match=r"plain\.png says nothing of how it was made"):
        lineage("plain.png", root)


def test_a_registry_that_is_down_or_off_is_one_sentence(root, monkeypatch):
    commit(root, "The lock")
    _refuse("GANVAS_TRACKING is off", lambda: registry_sync(root))
    with pytest.raises(LineageError, match="GANVAS_TRACKING is off"):
        lineage("ink/1", root)
    monkeypatch.delenv("GANVAS_TRACKING")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    _refuse("no MLflow server answers at http://127.0.0.1:9", error=PipelineError)


def test_a_champion_of_another_repository_stays_one(root, monkeypatch, capsys):
    commit(root, "The lock")
    monkeypatch.delenv("GANVAS_TRACKING")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    client = connect()
    client.create_registered_model("theirs")
    client.create_model_version("theirs", "somewhere", tags={SHA256: "c" * 64})
    client.set_registered_model_alias("theirs", "champion", "1")
    registry_sync(root)
    assert "theirs" not in capsys.readouterr().err
    assert str(client.get_model_version_by_alias("theirs", "champion").version) == "1"


def test_only_models_of_the_root_can_be_champions(root):
    commit(root, "The lock")
    elsewhere = root / "zoo"
    elsewhere.mkdir(exist_ok=True)
    shutil.copy(root / "params.yaml", elsewhere / "own.yaml")
    with pytest.raises(PromotionError, match=r"only models of the params file beside \.dvc can be found again"):
        promote(read_recipe(elsewhere / "own.yaml", "ink"), Workspace("ink", elsewhere))


def test_a_champion_that_is_not_of_ganvas_stays_one(root, monkeypatch, capsys):
    commit(root, "The lock")
    monkeypatch.delenv("GANVAS_TRACKING")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    client = connect()
    client.create_registered_model("fraud")
    client.create_model_version("fraud", "somewhere")
    client.set_registered_model_alias("fraud", "champion", "1")
    Champions({}).write(root)
    registry_sync(root)
    assert "fraud" not in capsys.readouterr().err
    assert str(client.get_model_version_by_alias("fraud", "champion").version) == "1"


def test_the_registry_forgets_a_champion_that_git_does_not_name(root, monkeypatch, capsys):
    commit(root, "The lock")
    monkeypatch.delenv("GANVAS_TRACKING")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    _promote()
    Champions({}).write(root)
    registry_sync(root)
    assert "ink: no champion any more, because champions.yaml names none" in capsys.readouterr().err
    with pytest.raises(LineageError, match="no alias 'champion' of 'ink'"):
        lineage("ink@champion", root)
    lost = Champion(model="a" * 64, commit="b" * 40)
    Champions({}).promoted("ink", lost).write(root)
    with pytest.raises(LineageError, match=r"commit bbbbbbbbbbbb with its dvc\.lock is not in this clone"):
        registry_sync(root)


def test_a_champion_that_is_not_the_file_of_its_commit_is_said(root, tmp_path):
    made = commit(root, "The lock")
    Champions({}).promoted("ink", Champion(model="a" * 64, commit=made)).write(root)
    found = f"the model of 'ink' at commit {made[:12]} has the digest {_digest(root)[:12]}"
    words = rf"{found}, but champions\.yaml says aaaaaaaaaaaa;"
    with pytest.raises(LineageError, match=words):
        fetch_champion("ink", Champions.read(root).champion("ink"), tmp_path / "there", root=root)


def _digest(root):
    return ModelFile.read(Workspace("ink", root).model).sha256


def _version(**tags):
    return SimpleNamespace(name="ink", tags=tags)


def _mismatches(version, root):
    return {step.name: step.mismatch for step in _commit_steps(version, root) if step.mismatch}


def test_lineage_says_which_model_stands_here_and_which_is_champion(root):
    digest = _digest(root)
    version = _version(**{SHA256: digest})
    assert _model_step(version, root) == Step("model", f"sha256 {digest}", "champions.yaml names no champion")
    Champions({}).promoted("ink", Champion(model=digest, commit="b" * 40)).write(root)
    assert _model_step(version, root).mismatch == ""
    other = f"models/ink here is another one, {digest[:12]}; champions.yaml names {digest[:12]}"
    assert _model_step(_version(**{SHA256: "a" * 64}), root).mismatch == other
    Workspace("ink", root).model.unlink()
    assert _model_step(version, root).mismatch == "models/ink is not here"


def test_lineage_says_what_to_do_with_a_model_that_the_registry_does_not_know(root):
    digest = _digest(root)
    here = f"the registry knows no version of 'ink' with the digest {digest[:12]}, but it stands in models here"
    remedy = "register it with `python -m pipeline register ink`"
    assert _unknown({"model": "ink", "sha256": digest}, root) == f"{here}; {remedy}"
    for name in ("ink", "tusche"):
        elsewhere = f"the registry knows no version of '{name}' with the digest {'a' * 12}; try `make registry-sync`"
        assert _unknown({"model": name, "sha256": "a" * 64}, root) == elsewhere


def test_lineage_says_how_a_run_ended_unless_it_finished():
    assert _ended(SimpleNamespace(info=SimpleNamespace(status="FINISHED"))) == []
    assert _ended(SimpleNamespace(info=SimpleNamespace(status="KILLED"))) == ["the run is KILLED"]


def test_lineage_finds_the_commit_or_says_why_there_is_none(root):
    digests = {"ganvas.data_digest": "d1", "ganvas.recipe_digest": "r1"}
    before = git(root, "rev-parse", "HEAD")
    stamp = Lock.parse(Path(LOCK).read_text(), "ink").digest
    dirty = {COMMIT: before, DIRTY: "true", LOCK_DIGEST: stamp}
    foreign = {COMMIT: "b" * 40, DIRTY: "false", LOCK_DIGEST: stamp}
    for tags, found, words in (
        ({}, "none", "it was registered outside git"),
        (dirty, before, "it was made from changes that no commit holds"),
        (foreign, "b" * 40, "commit bbbbbbbbbbbb with its dvc.lock is not in this clone"),
    ):
        first, *rest = _commit_steps(_version(**digests, **tags), root)
        assert (first.name, first.found, first.mismatch.partition(";")[0]) == ("commit", found, words)
        assert rest == [Step("data", "digest d1"), Step("recipe", "digest r1")]
    later = commit(root, "The lock")
    first, *rest = _commit_steps(_version(**dirty), root)
    assert first == Step("commit", later)
    assert [step.name for step in rest[:3]] == ["lock", "data", "recipe"]
    assert not any(step.mismatch for step in rest)


def test_lineage_says_what_is_no_longer_what_the_commit_says(root):
    made = commit(root, "The lock")
    lock = Lock.parse(Path(LOCK).read_text(), "ink")
    version = _version(**{COMMIT: made, DIRTY: "false", LOCK_DIGEST: lock.digest})
    assert _mismatches(version, root) == {}
    assert _mismatches(_version(**{COMMIT: made}), root) == {"lock": "the version was stamped with none"}
    other = _version(**{COMMIT: made, LOCK_DIGEST: "0" * 64})
    assert _mismatches(other, root) == {"lock": "the version was stamped with 000000000000"}

    text = Path(LOCK).read_text()
    Path(LOCK).write_text(text.replace(lock.outs["data/ink"], "0" * 32 + ".dir"))
    assert _mismatches(version, root) == {"data": f"data/ink here has md5 {'0' * 32}.dir"}
    changed = yaml.safe_load(text)
    for stage in changed["stages"].values():
        for section in stage.get("params", {}).values():
            section.update({key: {"name": "dcgan"} for key in section if key == "recipes.ink.network"})
    Path(LOCK).write_text(yaml.safe_dump(changed))
    assert _mismatches(version, root) == {"recipe": 'here it is {"name": "dcgan"}'}
    Path(LOCK).unlink()
    assert _mismatches(version, root) == {}
