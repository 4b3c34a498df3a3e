"""The command line of the measurements."""

import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from contests import compare, decoding_contest, machine, model_contests, table

from demo.errors import DemoError
from pipeline.errors import PipelineError

RESULTS = Path(__file__).parent / "results.json"


def main(
    params: Annotated[Path, typer.Option(metavar="FILE", help="The file that holds the recipes.")] = Path(
        "params.yaml"
    ),
) -> None:
    """Time the exported models and the decoding of pictures against their baselines."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            outcomes = [compare(contest) for contest in (*model_contests(params), decoding_contest(Path(folder)))]
    except (PipelineError, DemoError) as error:
        sys.exit(str(error))
    report = {"machine": machine(), "outcomes": [asdict(outcome) for outcome in outcomes]}
    RESULTS.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(table(outcomes))
