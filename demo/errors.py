"""Everything that a user of the page may be told in one sentence.

DemoError
├── PictureError   a picture that cannot be taken
├── ModelError     a model file that is missing, damaged or not ours
│   └── FailedRunError      its graph failed on what it was given
├── RequestError   an argument out of range
│   └── NothingGivenError   what the work begins with is still to be given, drawn or painted
├── OutputError    a result that cannot be written
├── EngineError    an inference server that does not answer as it should
├── GoneError      nobody waits for the answer any more
├── BusyError      too many ask at once
├── RegistryError  a registry that does not answer, or offers what cannot be served
└── LaunchError    the service cannot start
"""


class DemoError(Exception):
    """Root of all expected failures; its text is one sentence that says what, where and what to do."""


def sentence_of(error: Exception) -> str:
    """Return what an error says as text that can be sent: what it quotes may hold halves of characters."""
    return str(error).encode("utf-8", "replace").decode()


class PictureError(DemoError):
    """A picture is damaged, too large or of a format that is not taken."""


class ModelError(DemoError):
    """A model file is missing, damaged or not one of ours."""


class FailedRunError(ModelError):
    """A graph failed on what it was given, which fits its card."""


class RequestError(DemoError):
    """An argument of a request is out of range."""


class NothingGivenError(RequestError):
    """What the work begins with is still to be given, drawn or painted."""


class OutputError(DemoError):
    """A result cannot be written where it was asked for."""


class EngineError(DemoError):
    """An inference server does not answer, answers wrongly, or runs another model than the one that is shown."""


class GoneError(DemoError):
    """Who asked has left, so the work was not done."""


class BusyError(DemoError):
    """More is asked for at once than can be served."""


class RegistryError(DemoError):
    """An MLflow server does not answer as it should, or its champion cannot be served."""


class LaunchError(DemoError):
    """The service cannot start as asked."""
