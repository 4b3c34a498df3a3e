"""Everything that may go wrong and be explained in one sentence.

PipelineError
├── RecipeError       params.yaml says something that cannot be
├── DataError         pictures that are missing, unreadable or too few
├── ShardError        a share of a long job that is missing, damaged or of another whole
├── StorageError      a file that cannot be read or written
├── TrainingError     a run that cannot go on
├── Interrupted       a run that was asked to stop and can continue later
├── CheckpointError   a checkpoint that is damaged or belongs to something else
├── ExportError       a graph that differs from its network
├── EvaluationError   a model that cannot be scored
├── TrackingError     the tracking server or the registry does not answer as it should
├── LineageError      what git, DVC or the registry remember does not fit together or is not there
└── PromotionError    a model that may not become champion, and why

The command line prints the sentence and exits with 1, for `Interrupted` with 128 plus the signal's number as shells
do; any other exception is a bug and keeps its traceback.
"""


class PipelineError(Exception):
    """Root of all expected failures; its text is one sentence that says what, where and what to do."""


class RecipeError(PipelineError):
    """A key, value or name in the params file is wrong.

    `where` is the dotted key (`painter.network.width`), `problem` what is wrong with it, `remedy` what may stand there.
    """

    def __init__(self, where: str, problem: str, remedy: str) -> None:
        super().__init__(f"{where}: {problem}; {remedy}")
        self._facts = where, problem, remedy

    def of(self, recipe: str) -> "RecipeError":
        """Return this error about the recipe of that name, for one that was raised where the name is not known."""
        where, problem, remedy = self._facts
        return RecipeError(f"{recipe}.{where}", problem, remedy)


class DataError(PipelineError):
    """Pictures are missing, unreadable or too few."""


class ShardError(PipelineError):
    """A share of a long job is missing, damaged, or belongs to another whole."""


class StorageError(PipelineError):
    """A file or folder cannot be read or written."""


class TrainingError(PipelineError):
    """A training run cannot go on."""


class Interrupted(PipelineError):  # noqa: N818  # like KeyboardInterrupt, it is no error
    """A run was asked to stop by `signal_number` and can continue from what it left."""

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.signal_number = signal_number


class CheckpointError(PipelineError):
    """A checkpoint is damaged or belongs to another recipe."""


class ExportError(PipelineError):
    """An exported graph is invalid or differs from its network."""


class EvaluationError(PipelineError):
    """A model cannot be scored."""


class TrackingError(PipelineError):
    """The tracking server or the registry does not answer as it should."""


class LineageError(PipelineError):
    """What git, DVC or the registry remember does not fit together, or is not there."""


class PromotionError(PipelineError):
    """A model may not become champion."""
