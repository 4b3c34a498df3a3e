"""Stage: exported and evaluated model -> a version in MLflow's registry, under the alias `challenger`.

python -m pipeline register RECIPE

The gate judges the model on the way, but a version is made of every model; only `make promote` makes a champion. There
is no output file: the registry is the result, and it differs from machine to machine.
"""

import logging

from demo.errors import ModelError
from demo.modelfile import ModelFile
from pipeline.candidate import DIRTY, Candidate, read_candidate
from pipeline.errors import ExportError
from pipeline.gate import Verdict, judge
from pipeline.outbox import deliver_ended
from pipeline.progress import console
from pipeline.recipe import Recipe
from pipeline.registry import CHALLENGER, alias, keep
from pipeline.repository import is_committed
from pipeline.store import connect, reporting
from pipeline.tracking import revision_tags, tracking_is_off
from pipeline.workspace import Workspace

_log = logging.getLogger(__name__)


def register(recipe: Recipe, workspace: Workspace) -> None:
    """Make the model of `recipe` a registered version and the challenger; a known model with known metrics is found.

    Raises:
        ExportError: there is no model file, it is damaged, or it was made from another recipe.
        EvaluationError: the model was not scored.
        PromotionError: `champions.yaml` is damaged.
        TrackingError: the registry does not answer or refuses.

    """
    check_recipe(recipe, workspace)
    verdict = judge(recipe, workspace)
    for objection in verdict.objections:
        console.print(f"{recipe.name}: the gate refuses it: {objection}")
    if tracking_is_off():
        _log.warning("GANVAS_TRACKING is off, so %s is not registered", recipe.name)
        return
    client = connect()
    with reporting():
        deliver_ended(client)
    version, known = keep(client, candidate_of(recipe, workspace, verdict))
    alias(client, recipe.name, as_=CHALLENGER, version=version)
    console.print(
        f"{recipe.name}: version {version} {'was known' if known else 'is registered'} and is the {CHALLENGER}"
    )


def check_recipe(recipe: Recipe, workspace: Workspace) -> None:
    """Tell whether the model in the workspace was made from the recipe as it is now.

    Raises:
        ExportError: it was not, or there is no model file, or it is damaged.

    """
    try:
        made_from = ModelFile.read(workspace.model).card.provenance.get("recipe_digest")
    except ModelError as error:
        raise ExportError(str(error)) from error
    if made_from != recipe.digest:
        raise ExportError(
            f"{workspace.model} was made from another recipe; run `python -m pipeline export {recipe.name}`"
        )


def candidate_of(recipe: Recipe, workspace: Workspace, verdict: Verdict) -> Candidate:
    """Return the model in the workspace as the registry gets to know it.

    Raises:
        ExportError: there is no model file, or it is damaged.
        EvaluationError: the model was not scored.

    """
    parts = {"data": recipe.data, "network": recipe.network, "objective": recipe.objective, "loss": recipe.loss}
    sections = {**parts, "train": recipe.train, "export": recipe.export, "evaluate": recipe.evaluate}
    revision = revision_tags(workspace.root)
    if revision and not is_committed(recipe.name, workspace.root):
        revision[DIRTY] = "true"
    return read_candidate(
        workspace,
        settings={name: section.model_dump(mode="json") for name, section in sections.items()},
        revision=revision,
        reasons=verdict.reasons,
        passed=verdict.passed,
    )
