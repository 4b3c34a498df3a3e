"""The pipeline's command line: `python -m pipeline STAGE RECIPE [--params FILE]`, and `project` and `compare`."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from demo import __version__
from pipeline.errors import Interrupted, PipelineError, ShardError
from pipeline.shards import Shard
from pipeline.workspace import Workspace

STAGES = {
    "prepare": "Collect the pictures of RECIPE and pack them into data/RECIPE/.",
    "train": "Train the networks of RECIPE; run again after a stop, it goes on where it was.",
    "export": "Write models/RECIPE/model.onnx with its card, and check it against torch.",
    "evaluate": "Score the exported model and write figures and pictures to reports/RECIPE/.",
    "register": "Register the model in MLflow as the challenger of its name.",
}

RecipeName = Annotated[str, typer.Argument(metavar="RECIPE", help="The name of a recipe in the params file.")]
Picture = Annotated[Path, typer.Argument(metavar="PICTURE", help="The file of a picture; its central square is taken.")]
ClassName = Annotated[str | None, typer.Option("--class", metavar="NAME", help="The class; by default the best.")]
Steps = Annotated[int, typer.Option(min=1, max=100_000, help="How many steps the search takes.")]
Seed = Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Where the search begins.")]
Params = Annotated[Path, typer.Option(metavar="FILE", help="The file that holds the recipes; results go beside it.")]
StylePicture = Annotated[Path, typer.Argument(metavar="PICTURE", help="The file of a picture in that style.")]
StyleName = Annotated[str, typer.Option("--name", metavar="NAME", help="What the style is called.")]
StyleRecipe = Annotated[
    str | None, typer.Option("--recipe", metavar="RECIPE", help="The recipe; by default the first one that stylizes.")
]
Table = Annotated[Path, typer.Option(metavar="FILE", help="The table; its figures and the sheet go beside it.")]
ShardName = Annotated[
    str | None, typer.Option("--shard", metavar="I/N", help="Only share I of N, which another machine may take.")
]
ShardCount = Annotated[
    int | None, typer.Option("--merge", metavar="N", min=1, max=100_000, help="Join N shares that were made before.")
]
Folder = Annotated[Path, typer.Argument(metavar="OUT", help="The folder to write to; it is made if need be.")]
PictureCount = Annotated[int, typer.Option(min=1, max=1_000_000_000, help="How many pictures in all.")]
Subject = Annotated[
    str, typer.Argument(metavar="SUBJECT", help="A picture that the page made, NAME/VERSION or NAME@ALIAS.")
]

app = typer.Typer(
    help="Prepare data, train generative networks, export, evaluate and register them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ganvas {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    del version  # its callback has done the work


def _command(stage: str) -> Callable[..., None]:
    def command(recipe: RecipeName, params: Params = Path("params.yaml")) -> None:
        # A stage's imports take seconds (torch, mlflow), so they wait until one is asked for.
        read_recipe = importlib.import_module("pipeline.recipe").read_recipe
        run = importlib.import_module(f"pipeline.{stage}").__dict__[stage]
        run(read_recipe(params, recipe), Workspace(recipe, params.parent))

    return command


@app.command("prepare", help=STAGES["prepare"])
def _prepare(
    recipe: RecipeName, *, shard: ShardName = None, merge: ShardCount = None, params: Params = Path("params.yaml")
) -> None:
    if shard and merge:
        raise ShardError("--shard makes a share and --merge joins all of them; give one of the two")
    read_recipe = importlib.import_module("pipeline.recipe").read_recipe
    stage = importlib.import_module("pipeline.prepare")
    task = read_recipe(params, recipe), Workspace(recipe, params.parent)
    if shard:
        stage.prepare_shard(*task, Shard.parse(shard))
    elif merge:
        stage.merge(*task, merge)
    else:
        stage.prepare(*task)


for _stage, _help in STAGES.items():
    if _stage != "prepare":
        app.command(_stage, help=_help)(_command(_stage))


@app.command("project", help="Find the latent whose picture comes nearest to PICTURE: reports/RECIPE/projection.png.")
def _project(
    recipe: RecipeName,
    picture: Picture,
    *,
    class_name: ClassName = None,
    steps: Steps = 200,
    seed: Seed = 0,
    params: Params = Path("params.yaml"),
) -> None:
    read_recipe = importlib.import_module("pipeline.recipe").read_recipe
    run = importlib.import_module("pipeline.projection").project_file
    workspace = Workspace(recipe, params.parent)
    run(read_recipe(params, recipe), workspace, picture, class_name=class_name, steps=steps, seed=seed)


@app.command("add-style", help="Fit a further style, that of PICTURE, to a trained stylizer: models/_styles/.")
def _add_style(
    picture: StylePicture,
    *,
    name: StyleName,
    recipe: StyleRecipe = None,
    params: Params = Path("params.yaml"),
) -> None:
    recipes = importlib.import_module("pipeline.recipe")
    chosen = recipe or recipes.first_recipe(params, objective="stylization")
    run = importlib.import_module("pipeline.adding").add_style
    run(recipes.read_recipe(params, chosen), Workspace(chosen, params.parent), picture, name=name)


@app.command("compare", help="Rank the registered models of all recipes in one table, with a sheet of pictures.")
def _compare(params: Params = Path("params.yaml"), out: Table = Path("reports/models.md")) -> None:
    importlib.import_module("pipeline.compare").compare(params, out)


@app.command("sample", help="Draw any number of pictures from the exported model of RECIPE into the folder OUT.")
def _sample(
    recipe: RecipeName,
    out: Folder,
    *,
    count: PictureCount,
    shard: ShardName = None,
    merge: Annotated[bool, typer.Option("--merge", help="Draw nothing: check all parts, write the manifest.")] = False,
    params: Params = Path("params.yaml"),
) -> None:
    if shard and merge:
        raise ShardError("--shard makes a share and --merge joins all of them; give one of the two")
    share = Shard.parse(shard) if shard else None
    read_recipe = importlib.import_module("pipeline.recipe").read_recipe
    read_recipe(params, recipe)
    run = importlib.import_module("pipeline.sample").sample
    run(Workspace(recipe, params.parent), out, count, shard=share, merge=merge)


@app.command("check", help="Say whether RECIPE is right before anything runs long: parts, settings and networks.")
def _check(recipe: RecipeName, params: Params = Path("params.yaml")) -> None:
    read_recipe = importlib.import_module("pipeline.recipe").read_recipe
    importlib.import_module("pipeline.check").check(read_recipe(params, recipe), Workspace(recipe, params.parent))


@app.command("parts", help="List what a recipe may name, or the settings of one part or section.")
def _parts(
    kind: Annotated[str | None, typer.Argument(metavar="KIND", help="A place in a recipe: data, network, ...")] = None,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="A part of that kind: dcgan, hinge, ...")] = None,
) -> None:
    importlib.import_module("pipeline.parts").parts(kind, name)


@app.command("triton", help="Make the folder OUT a Triton model repository of all exported models.")
def _triton(out: Folder, params: Params = Path("params.yaml")) -> None:
    importlib.import_module("pipeline.triton").triton(params, out)


@app.command("sweep", help="Search better settings of RECIPE, as its section `sweep` says, and write them into FILE.")
def _sweep(recipe: RecipeName, params: Params = Path("params.yaml")) -> None:
    importlib.import_module("pipeline.sweep").sweep(recipe, params, Workspace(recipe, params.parent))


@app.command("promote", help="Make the model of RECIPE champion, if it is committed and the gate lets it pass.")
def _promote(recipe: RecipeName, params: Params = Path("params.yaml")) -> None:
    read_recipe = importlib.import_module("pipeline.recipe").read_recipe
    importlib.import_module("pipeline.promotion").promote(read_recipe(params, recipe), Workspace(recipe, params.parent))


@app.command("rollback", help="Make the champion before the last one champion of RECIPE again.")
def _rollback(recipe: RecipeName) -> None:
    importlib.import_module("pipeline.promotion").rollback(recipe, Path())


@app.command("registry-sync", help="Make MLflow's registry say what champions.yaml says; rebuild what it lacks.")
def _registry_sync() -> None:
    importlib.import_module("pipeline.promotion").registry_sync(Path())


@app.command("lineage", help="Walk from SUBJECT back to run, commit, data and recipe, and say what no longer matches.")
def _lineage(subject: Subject) -> None:
    for step in importlib.import_module("pipeline.lineage").lineage(subject, Path()):
        typer.echo(str(step))


def main() -> None:
    """Run the command line; an expected failure prints its sentence and exits with 1, a stop with 128 + signal."""
    try:
        app()
    except Interrupted as stop:
        sys.exit(_fail(stop, 128 + stop.signal_number))
    except PipelineError as error:
        sys.exit(_fail(error, 1))


def _fail(error: PipelineError, code: int) -> int:
    typer.echo(str(error), err=True)
    return code


if __name__ == "__main__":
    main()
