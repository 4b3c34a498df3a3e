"""The command line of the measurements."""

import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from contests import compare, decoding_contest, machine, model_contests, table
from johnson import johnson_contest
from overhead import measure as measure_overhead
from overhead import table as overhead_table
from steps import step_contests, throughput

from demo.engine import Model
from demo.errors import DemoError
from pipeline.errors import PipelineError
from pipeline.recipe import read_recipe
from pipeline.workspace import Workspace

RESULTS = Path(__file__).parent / "results.json"


def main(
    params: Annotated[Path, typer.Option(metavar="FILE", help="The file that holds the recipes.")] = Path(
        "params.yaml"
    ),
) -> None:
    """Time exported models, training steps and the decoding of pictures against their baselines."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            contests = (
                *model_contests(params),
                johnson_contest(Model.open(Workspace("stylist", params.parent).model), Path(folder)),
                *step_contests(read_recipe(params, "painter")),
                decoding_contest(Path(folder)),
            )
            outcomes = [compare(contest) for contest in contests]
        sizes = throughput(read_recipe(params, "painter"))
        overhead = measure_overhead()
    except (PipelineError, DemoError) as error:
        sys.exit(str(error))
    report = {
        "machine": machine(),
        "outcomes": [asdict(outcome) for outcome in outcomes],
        "painter_training": sizes,
        "pipeline_overhead": asdict(overhead),
    }
    RESULTS.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(table(outcomes))
    print("\n| painter's training, px | images per second | peak memory | on the GPU |\n|---|---|---|---|")
    for row in sizes:
        print(f"| {row['side']} | {row['images_per_second']} | {row['peak_mib']} MiB | {row['peak_gpu_mib']} MiB |")
    print("\n" + overhead_table(overhead))
