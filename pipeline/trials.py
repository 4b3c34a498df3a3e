"""The MLflow runs of a sweep: one parent for the study, which a resumed sweep finds again, and a child per trial."""

import importlib.util
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna

from pipeline.recipe import Recipe
from pipeline.store import connect, experiment_id, reporting
from pipeline.tracking import MlflowTracker, NullTracker, Tracker, lineage_tags, revision_tags, tracking_is_off

_STUDY, _STAGE, _PARENT = "ganvas.study", "ganvas.stage", "mlflow.parentRunId"


@contextmanager
def parent_run(recipe: Recipe, study: str, *, data_digest: str) -> Iterator[str]:
    """Yield the id of the study's run, '' without tracking; it is ended as what became of the block.

    Raises:
        TrackingError: the store cannot be opened.

    """
    if tracking_is_off() or importlib.util.find_spec("mlflow") is None:
        yield ""
        return
    client = connect()
    experiment = experiment_id(client, recipe.name)
    identity = lineage_tags(recipe.name, recipe_digest=recipe.digest, data_digest=data_digest)
    with reporting():
        known = client.search_runs([experiment], f"tags.`{_STUDY}` = '{study}' and tags.`{_STAGE}` = 'sweep'")
        tags = {_STAGE: "sweep", _STUDY: study, **identity, **revision_tags()}
        run_id = str((known[0] if known else client.create_run(experiment, tags=tags, run_name=study)).info.run_id)
        client.update_run(run_id, status="RUNNING")
        for child in client.search_runs(
            [experiment], f"tags.`{_PARENT}` = '{run_id}' and attributes.status = 'RUNNING'"
        ):
            client.set_terminated(child.info.run_id, "KILLED")
    status = "KILLED"
    try:
        yield run_id
        status = "FINISHED"
    finally:
        with reporting():
            client.set_terminated(run_id, status)


@contextmanager
def child_run(recipe: Recipe, parent: str, *, data_digest: str, number: int) -> Iterator[Tracker]:
    """Yield the tracker of a trial, a child of the run `parent`; a trial that was given up early ends as `KILLED`.

    Raises:
        TrackingError: the store refuses.

    """
    if not parent:
        yield NullTracker()
        return
    client = connect()
    identity = lineage_tags(recipe.name, recipe_digest=recipe.digest, data_digest=data_digest)
    tags = {_STAGE: "trial", _PARENT: parent, **identity, **revision_tags()}
    with reporting():
        run = client.create_run(experiment_id(client, recipe.name), tags=tags, run_name=f"trial {number}")
    with tempfile.TemporaryDirectory() as folder:
        tracker = MlflowTracker(client, run.info.run_id, memory=Path(folder) / "run.json")
        try:
            yield tracker
        except (optuna.TrialPruned, KeyboardInterrupt):
            tracker.finish("KILLED")
            raise
        except BaseException:
            tracker.finish("FAILED")
            raise
        tracker.finish("FINISHED")
