"""Paint pictures, folders and videos: `python -m demo.stylize IN OUT --style NAME [--style OTHER=0.5 ...]`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

from demo.errors import DemoError
from demo.jobs import Job, plan


def main() -> None:
    """Run the command line; an expected failure prints its sentence and exits with 1."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(stylize)
    app()


def stylize(
    *,
    source: Annotated[Path, typer.Argument(metavar="IN", help="Picture, video, animation, or a folder of them.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="File to write, or a folder where IN is one.")],
    style: Annotated[
        list[str],
        typer.Option(help="Style of the gallery or picture file, with =WEIGHT behind it in a mixture. Repeatable."),
    ],
    strength: Annotated[float, typer.Option(help="0, the photograph itself, to 1.")] = 1.0,
    colours: Annotated[float, typer.Option(help="How far the photograph keeps its colours, 0 to 1.")] = 0.0,
    variation: Annotated[int, typer.Option(help="Seed for another take, 0 for none.")] = 0,
    size: Annotated[int, typer.Option(help="Longer side in pixels at most, 0 for the picture's own.")] = 0,
    mask: Annotated[
        Path | None, typer.Option(help="Picture as large as IN: white is painted, black stays as it is.")
    ] = None,
    feather: Annotated[float, typer.Option(help="Width of the mask's soft edge, a share of the longer side.")] = 0.01,
    refine: Annotated[int, typer.Option(help="Steps in which a style from a picture file is fitted to it.")] = 0,
    model: Annotated[str, typer.Option(help="Name of the model; by default the first that stylises.")] = "",
    models: Annotated[Path, typer.Option(help="Folder with one folder per model.")] = Path("models"),
) -> None:
    """Paint IN in a style, or in a mixture of several, and write OUT."""
    try:
        jobs = plan(source, target)
        # Loading the model takes a second, which wrong paths need not wait for.
        from demo.painting import Painter, Settings  # noqa: PLC0415

        settings = Settings(
            strength=strength, colours=colours, variation=variation, size=size, feather=feather, refine=refine
        )
        painter = Painter.open(models, model, styles=style, settings=settings, mask=mask)
        failures = _paint_all(jobs, painter.paint)
    except KeyboardInterrupt:
        typer.echo("Stopped; what was finished is there whole.", err=True)
        raise typer.Exit(130) from None
    except DemoError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    for failure in failures:
        typer.echo(f"error: {failure}", err=True)
    typer.echo(f"Painted {len(jobs) - len(failures)} of {len(jobs)} into {target}")
    if failures:
        raise typer.Exit(1)


def _paint_all(jobs: Sequence[Job], paint: Callable[[Job, Callable[[float], None]], None]) -> list[str]:
    """Paint one after the other under a progress bar, and return a sentence for each that could not be painted."""
    console = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    failures = []
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as display:
        everything = display.add_task(f"{len(jobs)} files", total=len(jobs), visible=len(jobs) > 1)
        for done, job in enumerate(jobs):
            task = display.add_task(job.name, total=1)

            def tell(share: float, task: TaskID = task, done: int = done) -> None:
                display.update(task, completed=share)
                display.update(everything, completed=done + share)

            try:
                paint(job, tell)
            except DemoError as error:
                failures.append(f"{job.name}: {error}" if len(jobs) > 1 else str(error))
            display.remove_task(task)
            if not console.is_terminal and len(jobs) > 1:
                console.print(f"{done + 1} of {len(jobs)}: {job.name}")
    return failures


if __name__ == "__main__":
    main()
