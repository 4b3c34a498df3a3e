"""What a run could not tell its server, kept on disk until it can: `.mlflow/unsent/RUN/`, one line per thing told."""

import json
import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from pipeline.store import embedded_database, load_mlflow, reason

if TYPE_CHECKING:
    from mlflow import MlflowClient

_log = logging.getLogger(__name__)

BATCH = 1000
"""The most metrics that a server takes in one request."""

PARAMS = 100
"""The most params that it takes."""

_TOLD = "told.jsonl"

Figure = tuple[str, float, int, int]
"""Name, value, milliseconds since 1970, step."""


@dataclass(frozen=True, slots=True)
class Outbox:
    """The unsent things of one run at one store."""

    store: str
    run_id: str

    @property
    def _folder(self) -> Path:
        return embedded_database().parent / "unsent" / self.run_id

    @property
    def pending(self) -> bool:
        return self._folder.exists()

    @property
    def ended(self) -> bool:
        """Whether the run has ended and told this store."""
        entries = self._entries() if self.pending else []
        return any("end" in entry for entry in entries) and entries[0]["store"] == self.store

    def add_batch(self, figures: Sequence[Figure], params: Mapping[str, str]) -> None:
        """Keep figures and params; a process that is killed now loses none of them."""
        if figures or params:
            self._add({"figures": list(figures), "params": dict(params)})

    def add_tag(self, name: str, value: str) -> None:
        self._add({"tag": [name, value]})

    def add_file(self, path: Path, place: str) -> None:
        """Keep a copy of a file, which may be gone when the server is back."""
        copy = self._folder / "files" / place / path.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        self._add({"file": [place, path.name]})

    def add_end(self, status: str) -> None:
        """Keep how the run ended: from now on any process may deliver it."""
        self._add({"end": status})

    def deliver(self, client: "MlflowClient") -> None:
        """Tell everything in order, and forget it; figures of steps that the server has are left out."""
        if not self.pending:
            return
        if not _is_wanted(client, self.run_id):
            shutil.rmtree(self._folder)
            return
        told = last_steps(client, self.run_id)
        for entry in self._entries():
            figures = [figure for figure in entry.get("figures", ()) if figure[3] > told.get(figure[0], -1)]
            send(client, self.run_id, figures, entry.get("params", {}))
            if "tag" in entry:
                client.set_tag(self.run_id, *entry["tag"])
            if "file" in entry:
                place, name = entry["file"]
                client.log_artifact(self.run_id, str(self._folder / "files" / place / name), place or None)
            if "end" in entry:
                client.set_terminated(self.run_id, entry["end"])
        shutil.rmtree(self._folder)

    def _add(self, entry: Mapping[str, Any]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / _TOLD).open("a", encoding="utf-8") as stream:
            stream.write("\n" + json.dumps({"store": self.store, **entry}) + "\n")  # apart from a line without its end

    def _entries(self) -> list[dict[str, Any]]:
        """Return what was kept; a line that a killed process or a full disk did not let finish is left out."""
        path = self._folder / _TOLD
        lines = path.read_bytes().split(b"\n") if path.exists() else []
        return [entry for line in lines if (entry := _read(line)) is not None]


def deliver_ended(client: "MlflowClient") -> None:
    """Deliver what runs of this store left when they ended; those that go on deliver for themselves.

    What cannot be delivered is kept, and told of.
    """
    folder = embedded_database().parent / "unsent"
    if not folder.exists():
        return
    with FileLock(folder / "lock"):
        for path in sorted(folder.glob(f"*/{_TOLD}")):
            outbox = Outbox(client.tracking_uri, path.parent.name)
            try:
                if outbox.ended:
                    outbox.deliver(client)
            except Exception as error:  # noqa: BLE001 - of an earlier run, whatever keeps it back must not stop this one
                _log.warning("What is left in %s cannot be delivered, and is kept: %s", path.parent, reason(error))


def _read(line: bytes) -> dict[str, Any] | None:
    try:
        return dict(json.loads(line))
    except ValueError:
        return None


def _is_wanted(client: "MlflowClient", run_id: str) -> bool:
    """Tell whether a run is still there: somebody may have deleted it."""
    try:
        return bool(client.get_run(run_id).info.lifecycle_stage == "active")
    except load_mlflow().exceptions.MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return False


def last_steps(client: "MlflowClient", run_id: str) -> dict[str, int]:
    """Return the last step that a run has of each figure."""
    known = client.get_run(run_id).data.metrics
    return {name: max(metric.step for metric in client.get_metric_history(run_id, name)) for name in known}


def send(client: "MlflowClient", run_id: str, figures: Sequence[Figure], params: Mapping[str, str]) -> None:
    """Log figures and params, in as many requests as that takes."""
    entities = load_mlflow().entities
    metrics = [entities.Metric(*figure) for figure in figures]
    named = [entities.Param(name, value) for name, value in params.items()]
    for start in range(0, max(len(metrics), len(named) * BATCH // PARAMS), BATCH):
        first = start // BATCH * PARAMS
        client.log_batch(run_id, metrics=metrics[start : start + BATCH], params=named[first : first + PARAMS])
