"""The MLflow store: a server where `MLFLOW_TRACKING_URI` names one, else `.mlflow/mlflow.db` in the repository's root.

mlflow costs seconds and 165 MB, so it is imported when a store is opened and not before.
"""

import importlib
import logging
import os
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from filelock import FileLock

from pipeline.errors import TrackingError

if TYPE_CHECKING:
    from mlflow import MlflowClient

_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",  # what goes wrong is raised as well, and said in one sentence here
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",  # the default waits four minutes for a server that is not there
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
}


def load_mlflow() -> Any:
    """Import mlflow without telemetry and log lines; settings that the environment has already are kept."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
    return importlib.import_module("mlflow")


def connect() -> "MlflowClient":
    """Open the store; the embedded one is made where it is missing, by one process at a time.

    Raises:
        TrackingError: the store cannot be opened, or no server answers.

    """
    mlflow = load_mlflow()
    with without_warnings(), reporting():
        uri = os.environ.get("MLFLOW_TRACKING_URI") or _make_embedded_store()
        client: MlflowClient = mlflow.MlflowClient(uri)
        client.search_experiments(max_results=1)
    return client


@contextmanager
def without_warnings() -> Iterator[None]:
    """Keep back the warnings of MLflow's own code about its own type hints and its use of SQLAlchemy."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def experiment_id(client: "MlflowClient", name: str) -> str:
    """Return the id of an experiment; it is made where it is missing.

    Raises:
        TrackingError: the store refuses.

    """
    with reporting():
        known = client.get_experiment_by_name(name)
        if known is not None:
            if known.lifecycle_stage == "deleted":
                client.restore_experiment(known.experiment_id)
            return str(known.experiment_id)
        database = embedded_database()
        embedded = client.tracking_uri == _uri(database)
        location = (database.parent / "artifacts" / name).as_uri() if embedded else None
        try:
            return str(client.create_experiment(name, location))
        except load_mlflow().exceptions.MlflowException:
            # Another process may have made it between the question and now.
            made = client.get_experiment_by_name(name)
            if made is None:
                raise
            return str(made.experiment_id)


def embedded_database() -> Path:
    """Return where the embedded store is, whether it exists or not."""
    # In DVC's temporary experiments the working directory is a copy, while DVC_ROOT stays the repository.
    here = Path(os.environ.get("DVC_ROOT") or Path.cwd()).resolve()
    roots = (folder for folder in (here, *here.parents) if (folder / ".dvc").is_dir() or (folder / ".git").exists())
    return next(roots, here) / ".mlflow" / "mlflow.db"


def failures() -> tuple[type[Exception], ...]:
    """Return what MLflow raises when its store fails."""
    exceptions = load_mlflow().exceptions
    # Of what it is told, such as an address that is none, its libraries raise a ValueError.
    return exceptions.MlflowException, importlib.import_module("sqlalchemy.exc").SQLAlchemyError, OSError, ValueError


def reason(error: Exception) -> str:
    """Say in a few words what a failure was, without the password that an address may hold."""
    try:
        server = urlsplit(os.environ.get("MLFLOW_TRACKING_URI", ""))
    except ValueError as wrong:  # such as an IPv6 address without its end
        return f"MLFLOW_TRACKING_URI is no address ({wrong})"
    if server.scheme in {"http", "https"}:
        address = f"{server.scheme}://{server.netloc.rpartition('@')[2]}{server.path}"
        if _wants_user(error):
            return f"{address} wants a user who may do this; set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        if _is_unreachable(error):
            return f"no MLflow server answers at {address}"
    return " ".join(str(error).split())[:300]


@contextmanager
def reporting() -> Iterator[None]:
    """Turn what MLflow raises into one sentence.

    Raises:
        TrackingError: MLflow failed.

    """
    try:
        yield
    except failures() as error:
        remedy = "" if _wants_user(error) else "; start the server, correct MLFLOW_TRACKING_URI"
        raise TrackingError(f"{reason(error)}{remedy}, or go on without it with GANVAS_TRACKING=off") from error


def _is_unreachable(error: BaseException | None) -> bool:
    """Tell whether no answer came; MLflow wraps what its HTTP library raises."""
    requests = importlib.import_module("requests")
    while error is not None:
        if isinstance(error, requests.ConnectionError | requests.Timeout):
            return True
        error = error.__cause__ or error.__context__
    return False


def _wants_user(error: Exception) -> bool:
    """Tell whether a server answered that it does not know who asks, or does not let them."""
    if isinstance(error, load_mlflow().exceptions.MlflowException):
        status = error.get_http_status_code()
    else:  # files are sent by requests, whose errors keep the answer
        status = getattr(getattr(error, "response", None), "status_code", None)
    return status in {401, 403}


def _make_embedded_store() -> str:
    database = embedded_database()
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(database.parent / "lock"):
            with closing(sqlite3.connect(database)) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
                empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
            if empty:
                _fill(database)
    except (OSError, sqlite3.Error) as error:
        remedy = "free it, move it away, or go on without it with GANVAS_TRACKING=off"
        raise TrackingError(f"the tracking store {database} cannot be used ({error}); {remedy}") from error
    return _uri(database)


def _fill(database: Path) -> None:
    # MLflow takes seconds to make its tables, step by step. They are made in a scratch file and copied in one
    # transaction, because a process that is killed in between would leave a store that never opens again.
    scratch = database.with_name("new.db")
    scratch.unlink(missing_ok=True)
    with reporting():
        load_mlflow().MlflowClient(_uri(scratch)).search_experiments(max_results=1)
    with closing(sqlite3.connect(scratch)) as source, closing(sqlite3.connect(database)) as target:
        source.backup(target)
    scratch.unlink()


def _uri(database: Path) -> str:
    return f"sqlite:///{database.as_posix()}"
