"""What a training tells while it runs, and to whom: an MLflow run, or nobody with `GANVAS_TRACKING=off`."""

import importlib.util
import json
import logging
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pipeline.outbox import Figure, Outbox, deliver_ended, last_steps, send
from pipeline.recipe import Recipe
from pipeline.repository import revision
from pipeline.store import connect, experiment_id, load_mlflow, reason, reporting
from pipeline.workspace import writing

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

Status = Literal["FINISHED", "FAILED", "KILLED"]

SECONDS = "ganvas.training_seconds"
"""The tag for how long a run has trained, without the pauses of one that was stopped and went on."""

_log = logging.getLogger(__name__)

_FLUSH_VALUES = 500
_FLUSH_SECONDS = 10.0
_PAUSE_SECONDS = 60.0


class Tracker(ABC):
    """Takes what a training tells. An open tracker never stops a training: it warns once and goes on."""

    @abstractmethod
    def log_params(self, params: Mapping[str, Any]) -> None:
        """Keep flat settings of the run; those that a resumed run has already are left alone."""

    @abstractmethod
    def log_metrics(self, step: int, values: Mapping[str, float]) -> None:
        """Keep figures of a step, sent in batches; steps that the run has already are dropped."""

    @abstractmethod
    def log_picture(self, path: Path) -> None:
        """Keep a copy of a picture file under the run's `samples`."""

    @abstractmethod
    def log_file(self, path: Path) -> None:
        """Keep a copy of a file with the run."""

    @abstractmethod
    def tag(self, name: str, value: str) -> None:
        """Mark the run."""

    @abstractmethod
    def flush(self) -> None:
        """Send what is buffered."""

    @abstractmethod
    def finish(self, status: Status) -> None:
        """Send what is buffered and end the run; after `KILLED` or `FAILED` it can be resumed."""


class NullTracker(Tracker):
    """Tells nobody."""

    def log_params(self, params: Mapping[str, Any]) -> None:
        pass

    def log_metrics(self, step: int, values: Mapping[str, float]) -> None:
        pass

    def log_picture(self, path: Path) -> None:
        pass

    def log_file(self, path: Path) -> None:
        pass

    def tag(self, name: str, value: str) -> None:
        pass

    def flush(self) -> None:
        pass

    def finish(self, status: Status) -> None:
        pass


class MlflowTracker(Tracker):
    """Tells an MLflow run. `memory` is the file that names the run to a resumed training; it goes when that ends well.

    What a server that is away cannot be told is kept on disk, and delivered when it is back: by this run, or by a later
    one of any training.
    """

    def __init__(self, client: "MlflowClient", run_id: str, *, memory: Path) -> None:
        self.run_id = run_id
        self._client = client
        self._memory = memory
        self._outbox = Outbox(client.tracking_uri, run_id)
        self._outbox.deliver(client)
        self._known_params = set(client.get_run(run_id).data.params)
        self._last_steps = last_steps(client, run_id)
        self._params: dict[str, str] = {}
        self._figures: list[Figure] = []
        self._next_flush = time.monotonic() + _FLUSH_SECONDS
        self._away_until = 0.0
        self._warned = self._lost = False

    def log_params(self, params: Mapping[str, Any]) -> None:
        fresh = {name: str(value) for name, value in params.items() if name not in self._known_params}
        self._params.update(fresh)
        self._known_params.update(fresh)
        self.flush()

    def log_metrics(self, step: int, values: Mapping[str, float]) -> None:
        now = int(time.time() * 1000)
        for name, value in values.items():
            if step > self._last_steps.get(name, -1):
                self._figures.append((name, float(value), now, step))
                self._last_steps[name] = step
        if len(self._figures) >= _FLUSH_VALUES or time.monotonic() >= self._next_flush:
            self.flush()

    def log_picture(self, path: Path) -> None:
        self._log_file(path, "samples")

    def log_file(self, path: Path) -> None:
        self._log_file(path, "")

    def tag(self, name: str, value: str) -> None:
        if not self._told(lambda: self._client.set_tag(self.run_id, name, value)):
            self._keep(lambda: self._outbox.add_tag(name, value))

    def flush(self) -> None:
        self._next_flush = time.monotonic() + _FLUSH_SECONDS
        if not self._told(lambda: send(self._client, self.run_id, self._figures, self._params)):
            self._keep(lambda: self._outbox.add_batch(self._figures, self._params))
        self._figures, self._params = [], {}

    def finish(self, status: Status) -> None:
        self._away_until = 0.0
        self.flush()
        if not self._told(lambda: self._client.set_terminated(self.run_id, status)):
            self._keep(lambda: self._outbox.add_end(status))
        if status == "FINISHED":
            self._memory.unlink(missing_ok=True)

    def _log_file(self, path: Path, place: str) -> None:
        if not self._told(lambda: self._client.log_artifact(self.run_id, str(path), place or None)):
            self._keep(lambda: self._outbox.add_file(path, place))

    def _told(self, tell: Callable[[], object]) -> bool:
        """Tell the server, what it missed first; return False where it is away, after one warning.

        A server that is away is not asked again at once, because every question costs seconds of training.
        """
        if time.monotonic() < self._away_until:
            return False
        try:
            self._outbox.deliver(self._client)
            tell()
        except Exception as error:  # noqa: BLE001 - a store of artifacts raises what its own libraries raise
            self._away_until = time.monotonic() + _PAUSE_SECONDS
            if not self._warned:
                _log.warning(
                    "The training goes on, and its figures are kept until they can be tracked: %s", reason(error)
                )
            self._warned = True
            return False
        return True

    def _keep(self, add: Callable[[], None]) -> None:
        """Keep what the server missed; where that cannot be written either, warn once and go on."""
        try:
            add()
        except OSError as error:
            if not self._lost:
                _log.warning("The training goes on, but some of its figures are lost: %s", error)
            self._lost = True


def open_tracker(recipe: Recipe, *, data_digest: str, memory: Path, resume: bool) -> Tracker:
    """Open the run of a training: a new one, or with `resume` the one that the file `memory` names, if it is there.

    Raises:
        TrackingError: the store cannot be opened, or no server answers.

    """
    if tracking_is_off():
        return NullTracker()
    if importlib.util.find_spec("mlflow") is None:
        _log.warning("mlflow is not installed, so the training is not tracked; `pip install mlflow` changes that")
        return NullTracker()
    client = connect()
    experiment = experiment_id(client, recipe.name)
    with reporting():
        deliver_ended(client)
        identity = lineage_tags(recipe.name, recipe_digest=recipe.digest, data_digest=data_digest)
        remembered = _remembered_run(client, memory)
        if remembered and resume and identity.items() <= remembered.data.tags.items():
            client.update_run(remembered.info.run_id, status="RUNNING")
            return MlflowTracker(client, remembered.info.run_id, memory=memory)
        if remembered and remembered.info.status == "RUNNING":
            Outbox(client.tracking_uri, remembered.info.run_id).deliver(client)
            client.set_terminated(remembered.info.run_id, "KILLED")
        tags = {"ganvas.stage": "train", **identity, **revision_tags()}
        run_id = client.create_run(experiment, tags=tags, run_name=recipe.name).info.run_id
    with writing(memory) as scratch:
        scratch.write_text(json.dumps({"store": client.tracking_uri, "run": run_id}))
    return MlflowTracker(client, run_id, memory=memory)


def tracking_is_off() -> bool:
    """Tell whether the user wants no MLflow: `GANVAS_TRACKING=off`."""
    return os.environ.get("GANVAS_TRACKING", "").lower() in {"off", "0", "false", "no"}


def lineage_tags(name: str, *, recipe_digest: str, data_digest: str) -> dict[str, str]:
    """Return the tags by which a model version finds the training that made it."""
    return {"ganvas.recipe": name, "ganvas.recipe_digest": recipe_digest, "ganvas.data_digest": data_digest}


def revision_tags(root: Path = Path()) -> dict[str, str]:
    """Return as tags the git commit and whether tracked files differ from it; nothing where there is no git."""
    found = revision(root)
    return {"mlflow.source.git.commit": found.commit, "ganvas.dirty": str(found.dirty).lower()} if found else {}


def _remembered_run(client: "MlflowClient", memory: Path) -> "Run | None":
    try:
        content = json.loads(memory.read_text())
        run = client.get_run(content["run"]) if content["store"] == client.tracking_uri else None
    except (OSError, ValueError, KeyError, TypeError, load_mlflow().exceptions.MlflowException):
        return None
    return run if run is not None and run.info.lifecycle_stage == "active" else None
