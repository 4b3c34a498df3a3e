"""Everything that a user of the page may be told in one sentence.

DemoError
├── PictureError   a picture that cannot be taken
├── ModelError     a model file that is missing, damaged or not ours
├── RequestError   an argument out of range
├── BusyError      too many ask at once
└── LaunchError    the service cannot start
"""


class DemoError(Exception):
    """Root of all expected failures; its text is one sentence that says what, where and what to do."""


class PictureError(DemoError):
    """A picture is damaged, too large or of a format that is not taken."""


class ModelError(DemoError):
    """A model file is missing, damaged or not one of ours."""


class RequestError(DemoError):
    """An argument of a request is out of range."""


class BusyError(DemoError):
    """More is asked for at once than can be served."""


class LaunchError(DemoError):
    """The service cannot start as asked."""
