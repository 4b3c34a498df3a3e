"""From a served picture, or a version, back to the run, the commit, the data and the recipe that made it.

python -m pipeline lineage PICTURE.png | NAME/VERSION | NAME@ALIAS

Each step is looked up and compared with what is here now; what no longer matches is said.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import PIL.Image

from demo.errors import ModelError
from demo.modelfile import ModelFile
from pipeline.candidate import COMMIT, DIRTY, EXPERIMENT, GATE, LOCK_DIGEST, SHA256
from pipeline.champions import Champions
from pipeline.errors import LineageError
from pipeline.registry import find_model
from pipeline.repository import LOCK, Lock, find_commit, read_at
from pipeline.store import connect, load_mlflow, reporting
from pipeline.tracking import tracking_is_off
from pipeline.workspace import Workspace

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

PICTURE_KEY = "ganvas.recipe"
_NAMED = re.compile(r"(?:models:/)?(?P<name>[^/@]+)(?:/(?P<version>\d+)|@(?P<alias>[\w-]+))")
_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Step:
    """One link of the chain: what it is, what was found, and what does not match it any more ('' where all does)."""

    name: str
    found: str
    mismatch: str = ""

    def __str__(self) -> str:
        return f"{self.name:<9} {self.found}" + (f"\n{'':<9} ! {self.mismatch}" if self.mismatch else "")


def lineage(subject: str, root: Path) -> list[Step]:
    """Return the chain from a picture file, `name/version` or `name@alias` to what it was made from.

    Raises:
        LineageError: the subject is neither, the picture was not made here, the registry does not know its model, or
            tracking is off.
        TrackingError: the registry does not answer.

    """
    if tracking_is_off():
        raise LineageError("GANVAS_TRACKING is off, so there is no registry to ask; unset it")
    named, path = _NAMED.fullmatch(subject), Path(subject)
    try:
        is_picture = path.is_file()
    except OSError:  # such as a name that is too long for one
        is_picture = False
    if named is None and not is_picture:
        raise LineageError(f"'{subject}' is no picture file, and no version as name/3 or name@champion is; name either")
    steps: list[Step] = []
    client = connect()
    if is_picture:
        picture = _read_picture(path)
        steps.append(Step("picture", f"{path}: {', '.join(f'{key} {value}' for key, value in picture.items())}"))
        version = find_model(client, str(picture["model"]), str(picture["sha256"]))
        if version is None:
            raise LineageError(_unknown(picture, root))
    else:
        assert named is not None
        version = _named_version(client, **named.groupdict())
    with reporting():
        run = client.get_run(version.run_id)
        aliases = client.get_registered_model(version.name).aliases
    pointing = ", ".join(alias for alias, number in aliases.items() if str(number) == str(version.version))
    parent = run.data.tags.get("mlflow.parentRunId", "")
    steps += [
        Step(
            "version", f"{version.name}/{version.version} {f'({pointing}) ' if pointing else ''}{_gate(version.tags)}"
        ),
        _model_step(version, root),
        Step("run", version.run_id + (f", trained by run {parent}" if parent else ""), *_ended(run)),
    ]
    return steps + list(_commit_steps(version, root))


def _read_picture(path: Path) -> Mapping[str, Any]:
    try:
        with PIL.Image.open(path) as image:
            image.load()
            recipe = json.loads(image.info[PICTURE_KEY])
            recipe["model"], recipe["sha256"]
    except (OSError, KeyError, ValueError, TypeError, SyntaxError, PIL.Image.DecompressionBombError) as error:
        raise LineageError(f"{path} says nothing of how it was made; take a PNG that the page has made") from error
    assert isinstance(recipe, dict)
    return recipe


def _unknown(picture: Mapping[str, Any], root: Path) -> str:
    name, digest = picture["model"], str(picture["sha256"])
    try:
        here = ModelFile.read(Workspace(str(name), root).model).sha256 == digest
    except ModelError:
        here = False
    remedy = f"register it with `python -m pipeline register {name}`" if here else "try `make registry-sync`"
    place = ", but it stands in models here" if here else ""
    return f"the registry knows no version of '{name}' with the digest {digest[:_SHOWN]}{place}; {remedy}"


def _named_version(client: "MlflowClient", name: str, version: str | None, alias: str | None) -> "ModelVersion":
    exceptions = load_mlflow().exceptions
    with reporting():
        try:
            found = client.get_model_version_by_alias(name, alias) if alias else client.get_model_version(name, version)
        except exceptions.MlflowException as error:
            if error.error_code not in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                raise
            called = f"alias '{alias}'" if alias else f"version {version}"
            raise LineageError(
                f"the registry knows no {called} of '{name}'; look at what there is with `make mlflow`"
            ) from error
    return found


def _gate(tags: Mapping[str, str]) -> str:
    experiment = f", experiment {tags[EXPERIMENT]}" if EXPERIMENT in tags else ""
    return f"gate: {tags.get(GATE, 'not asked')}{experiment}"


def _model_step(version: "ModelVersion", root: Path) -> Step:
    digest = version.tags.get(SHA256, "")
    champion = Champions.read(root).champion(version.name)
    wrong = []
    try:
        here = ModelFile.read(Workspace(version.name, root).model).sha256
        if here != digest:
            wrong.append(f"models/{version.name} here is another one, {here[:_SHOWN]}")
    except ModelError:
        wrong.append(f"models/{version.name} is not here")
    if champion is None or champion.model != digest:
        wrong.append(f"champions.yaml names {champion.model[:_SHOWN] if champion else 'no champion'}")
    return Step("model", f"sha256 {digest}", "; ".join(wrong))


def _ended(run: Any) -> list[str]:
    return [] if run.info.status == "FINISHED" else [f"the run is {run.info.status}"]


def _commit_steps(version: "ModelVersion", root: Path) -> Iterator[Step]:
    """Yield commit, lock, data and recipe as the commit has them, beside what the version and this folder say."""
    tags, name = version.tags, version.name
    commit, recorded = tags.get(COMMIT, ""), tags.get(LOCK_DIGEST, "")
    lost = "" if commit else "it was registered outside git"
    if commit and tags.get(DIRTY) == "true":
        # Stages run before their results are committed: a later commit may hold the very lock that was stamped.
        later = find_commit(recorded, name, root)
        commit, lost = (later, "") if later else (commit, "it was made from changes that no commit holds")
    lock = None
    if not lost:
        try:
            lock = Lock.parse(read_at(commit, LOCK, root), name)
        except LineageError as error:
            lost = str(error)
    yield Step("commit", commit or "none", lost)
    if lock is None:
        yield Step("data", f"digest {tags.get('ganvas.data_digest', 'unknown')}")
        yield Step("recipe", f"digest {tags.get('ganvas.recipe_digest', 'unknown')}")
        return
    differs = f"the version was stamped with {recorded[:_SHOWN] or 'none'}" if recorded != lock.digest else ""
    yield Step("lock", f"{LOCK} of that commit, digest {lock.digest[:_SHOWN]}", differs)
    here = _lock_here(name, root)
    data = lock.outs.get(f"data/{name}", "unknown")
    yield Step("data", f"data/{name}, md5 {data}", _difference(here, data, f"data/{name}"))
    for key, value in sorted(lock.params.items()):
        now = here.params.get(key) if here else None
        differs = "" if here is None or now == value else f"here it is {json.dumps(now)}"
        yield Step("recipe", f"{key} = {json.dumps(value)}", differs)


def _lock_here(name: str, root: Path) -> Lock | None:
    try:
        return Lock.parse((root / LOCK).read_text(encoding="utf-8"), name)
    except (OSError, LineageError):
        return None


def _difference(here: Lock | None, wanted: str, path: str) -> str:
    if here is None or here.outs.get(path) == wanted:
        return ""
    return f"{path} here has md5 {here.outs.get(path, 'unknown')}"
