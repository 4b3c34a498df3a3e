"""Keeps a folder equal to the champions of an MLflow server, so that the catalogue serves them and nothing else.

Plain REST (https://mlflow.org/docs/latest/rest-api.html), because mlflow itself costs seconds and 165 MB. Every file is
checked against the digest that its version or its card names before it is served.
"""

import base64
import datetime as dt
import hashlib
import json
import logging
import os
import re
import shutil
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import unquote, urlencode, urlsplit, urlunsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from demo.errors import ModelError, OutputError, RegistryError
from demo.figures import NOTE
from demo.modelfile import MAX_BYTES, ModelFile
from demo.writing import writing

ALIAS = "champion"
DIGEST = "ganvas.model_sha256"
METRIC = "metric."
"""What the names of a version's tags begin with that hold figures of its evaluation."""
MAIN = "model.onnx"

_TIMEOUT = 15.0
_NAME = re.compile(r"\w[\w.-]*")
_NUMBER = re.compile(r"-?\d+(\.\d+)?(e[-+]?\d+)?")
_UNFINISHED = ".unfinished"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Registry:
    """An MLflow server at `url` (`http://[user:password@]host[:port]`), mirrored in `folder` as `<name>/model.onnx`.

    Without a user in the address, `MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD` are taken, as MLflow does.
    """

    url: str
    folder: Path

    def __post_init__(self) -> None:
        try:
            sound = urlsplit(self.url).scheme in {"http", "https"} and urlsplit(self.url).hostname
        except ValueError:  # such as an IPv6 address without its end
            sound = False
        if not sound:
            raise RegistryError(f"the registry '{self.url}' is no http or https address; correct it with --registry")

    @property
    def address(self) -> str:
        """The address without its password, to be shown."""
        parts = urlsplit(self.url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))

    def refresh(self) -> list[str]:
        """Make the folder say what the server says, and return a sentence for each champion that was taken up or went.

        Raises:
            RegistryError: the server does not answer, refuses, or offers what is not its champion; what it offers
                beside that is taken up, and the folder keeps the last good champion.

        """
        champions = self._champions()
        told, problems = [], []
        for name, version in champions.items():
            try:
                if self._take_up(name, version):
                    told.append(f"{name}: version {version['version']} of {self.address} is served now")
            except RegistryError as error:
                problems.append(str(error))
        for path in _mirrored(self.folder):
            if path.name not in champions:
                shutil.rmtree(path)
                told.append(f"{path.name}: {self.address} names no champion any more, so it is not served")
        if problems:
            raise RegistryError("; ".join(problems))
        return told

    def _champions(self) -> dict[str, Mapping[str, Any]]:
        """Return the champion's version by the name of its model."""
        names, token, seen = [], "", {""}
        while True:
            page = self._ask("registered-models/search", {"max_results": "100", "page_token": token})
            names += [str(model["name"]) for model in page.get("registered_models", ())]
            token = page.get("next_page_token", "")
            if not token:
                break
            if token in seen:
                raise self._odd_answer()
            seen.add(token)
        found = {name: self._ask("registered-models/alias", {"name": name, "alias": ALIAS}) for name in names}
        return {name: answer["model_version"] for name, answer in found.items() if "model_version" in answer}

    def _take_up(self, name: str, version: Mapping[str, Any]) -> bool:
        """Return whether the champion was another one than that in the folder; its files take their places in turn."""
        if not _NAME.fullmatch(name):
            raise RegistryError(f"the model '{name}' of {self.address} has a name that is no file's; rename it")
        tags = {tag["key"]: tag.get("value", "") for tag in version.get("tags", ())}
        wanted = tags.get(DIGEST, "")
        if not wanted:
            raise RegistryError(
                f"version {version['version']} of '{name}' at {self.address} has no tag {DIGEST}; register it with "
                f"`python -m pipeline register {name}`"
            )
        place = self.folder / name
        if _is_whole(place, wanted):
            _write_note(place, version, tags)
            return False
        scratch = place / _UNFINISHED
        shutil.rmtree(scratch, ignore_errors=True)
        try:
            scratch.mkdir(parents=True)
            self._fetch(name, version, MAIN, wanted, scratch)
            card = ModelFile.read(scratch / MAIN).card
            for companion in card.companions:
                self._fetch(name, version, f"{companion.name}.onnx", companion.sha256, scratch)
            for companion in card.companions:
                (scratch / f"{companion.name}.onnx").replace(place / f"{companion.name}.onnx")
            (scratch / MAIN).replace(place / MAIN)  # last, because the catalogue looks at this file
            _write_note(place, version, tags)
        except ModelError as error:
            raise RegistryError(f"the champion of '{name}' at {self.address} cannot be used: {error}") from error
        except OSError as error:
            raise RegistryError(
                f"{place} cannot be written ({error.strerror}); free the disk or its permissions"
            ) from error
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return True

    def _fetch(self, name: str, version: Mapping[str, Any], file: str, sha256: str, folder: Path) -> None:
        wanted = {"name": name, "version": str(version["version"]), "path": file}
        content = self._get("/model-versions/get-artifact", wanted)
        found = hashlib.sha256(content).hexdigest()
        if found != sha256:
            raise RegistryError(
                f"{file} of version {version['version']} of '{name}' at {self.address} has the digest {found[:12]}, "
                f"but {sha256[:12]} was promoted; register it again"
            )
        (folder / file).write_bytes(content)

    def _ask(self, question: str, arguments: Mapping[str, str]) -> dict[str, Any]:
        """Return the answer of MLflow's API; what does not exist is an empty answer."""
        try:
            answer = json.loads(self._get(f"/api/2.0/mlflow/{question}", arguments))
        except (ValueError, RecursionError) as error:
            raise self._odd_answer() from error
        if not isinstance(answer, dict):
            raise self._odd_answer()
        return answer

    def _odd_answer(self) -> RegistryError:
        return RegistryError(f"{self.address} does not answer as MLflow does; correct --registry")

    def _get(self, path: str, arguments: Mapping[str, str]) -> bytes:
        query = urlencode({key: value for key, value in arguments.items() if value})
        request = Request(f"{self.address}{path}?{query}", headers=self._headers())  # noqa: S310 - http or https
        try:
            with _OPENER.open(request, timeout=_TIMEOUT) as answer:
                content: bytes = answer.read(MAX_BYTES + 1)
        except HTTPError as error:
            return _explain(error, self.address)
        except (OSError, HTTPException) as error:
            raise RegistryError(
                f"no MLflow server answers at {self.address}; start it, or correct --registry"
            ) from error
        return content

    def _headers(self) -> dict[str, str]:
        parts = urlsplit(self.url)
        user = unquote(parts.username or "") or os.environ.get("MLFLOW_TRACKING_USERNAME", "")
        password = unquote(parts.password or "") or os.environ.get("MLFLOW_TRACKING_PASSWORD", "")
        if not user:
            return {}
        return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def follow(registry: Registry, *, every: float, stopped: threading.Event) -> threading.Thread:
    """Refresh the mirror, then again in a thread every so many seconds until `stopped`; what changes is logged once."""
    last = _refresh(registry, "")

    def run() -> None:
        told = last
        while not stopped.wait(every):
            told = _refresh(registry, told)

    thread = threading.Thread(target=run, name="champions", daemon=True)
    thread.start()
    return thread


def _refresh(registry: Registry, last: str) -> str:
    """Refresh, and return the problem that there is; one that is the `last` one is not told again."""
    problem = ""
    try:
        for sentence in registry.refresh():
            _log.warning(sentence)
    except (RegistryError, OSError) as error:
        problem = str(error)
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
        problem = f"{registry.address} does not answer as MLflow does ({type(error).__name__}); look at its log"
    if problem and problem != last:
        _log.warning("%s; what was served is served on", problem)
    return problem


class _NoRedirect(HTTPRedirectHandler):
    """Stays where it was sent, because the password is for that server."""

    def redirect_request(  # noqa: PLR0917 - the library's signature
        self, req: Request, fp: Any, code: int, msg: str, headers: Message, newurl: str
    ) -> None:
        return None


_OPENER = build_opener(_NoRedirect)


def _explain(error: HTTPError, address: str) -> bytes:
    """Return what says that something does not exist; all else is raised."""
    with error:
        if error.code in {401, 403}:
            raise RegistryError(
                f"{address} wants a user who may read; set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
            ) from error
        try:
            said = error.read()
        except (OSError, HTTPException) as broken:
            raise RegistryError(f"{address} answers with status {error.code}; look at its log") from broken
    if b"RESOURCE_DOES_NOT_EXIST" in said or b"Registered model alias" in said:
        return b"{}"
    raise RegistryError(f"{address} answers with status {error.code}; look at its log") from error


def _mirrored(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.glob(f"*/{MAIN}"))


def _write_note(place: Path, version: Mapping[str, Any], tags: Mapping[str, str]) -> None:
    """Write what the registry says of the champion beside it, where that is not what stands there."""
    made = dt.datetime.fromtimestamp(int(version.get("creation_timestamp", 0)) / 1000, dt.UTC).date().isoformat()
    figures = {name.removeprefix(METRIC): text for name, text in tags.items() if name.startswith(METRIC)}
    note = {
        "sha256": tags[DIGEST],
        "version": str(version["version"]),
        "alias": ALIAS,
        "date": made,
        "metrics": {name: float(text) for name, text in figures.items() if _NUMBER.fullmatch(text)},
    }
    content = (json.dumps(note, indent=2) + "\n").encode()
    path = place / NOTE
    with suppress(OSError):  # one that is missing or cannot be read is written anew
        if path.read_bytes() == content:
            return
    try:
        with writing(path) as scratch:
            scratch.write_bytes(content)
    except OutputError as error:
        raise RegistryError(str(error)) from error


def _is_whole(place: Path, sha256: str) -> bool:
    try:
        file = ModelFile.read(place / MAIN)
        companions = [
            hashlib.sha256((place / f"{companion.name}.onnx").read_bytes()).hexdigest() == companion.sha256
            for companion in file.card.companions
        ]
    except (ModelError, OSError):
        return False
    return file.sha256 == sha256 and all(companions)
