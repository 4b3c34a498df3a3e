"""An engine elsewhere: any server of the Open Inference Protocol v2 that serves the very models whose cards are here.

Cards and digests come from the files at hand, because no such server has to know them. Where its answers tell a version
that is a digest, as those of Ganvas do, it must be that of the file: a recipe never names weights that did not make its
picture. Of a server that does not tell, its operator has to be sure.
"""

import http.client
import json
import re
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import quote, urlsplit

import numpy as np
from numpy.typing import NDArray

from demo.card import Port
from demo.engine import Feeds
from demo.errors import EngineError, LaunchError, RequestError
from demo.graphfile import GraphFile
from demo.runtime import TIME_LIMIT, Provider
from demo.watchdog import Watchdog
from demo.wire import EXTENSION, LENGTH_HEADER, Message

_CONNECT_LIMIT = 10.0
_MAX_ANSWER = 2**28
_DIGEST = re.compile(r"[0-9a-f]{64}")
_WATCHDOG = Watchdog()


@dataclass(frozen=True, slots=True)
class RemoteEngine:
    """Runs graphs on the server at `url`, `http[s]://host[:port][/prefix]`."""

    url: str
    timeout: float = TIME_LIMIT
    _ready: dict[str, bool] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            sound = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
            alone = not (parts.query or parts.fragment or "@" in parts.netloc)
        except ValueError:
            sound = alone = False
        if not (sound and alone):
            raise LaunchError(
                f"the engine '{self.url}' is no http or https address of host, port and path alone; correct ENGINE_URL"
            )

    def provider(self, file: GraphFile) -> Provider:
        return "server"

    def open(self, file: GraphFile) -> "_RemoteGraph":
        """Ask the server once whether it has the graph, and of which version.

        Raises:
            EngineError: it does not answer, does not have it, or has another version.

        """
        if file.sha256 not in self._ready:
            extensions = self.ask("/v2").get("extensions", [])
            said = self.ask(f"/v2/models/{quote(file.name, safe='')}")
            for key, ports in (("inputs", file.card.inputs), ("outputs", file.card.outputs)):
                names = [tensor.get("name") for tensor in _entries(said.get(key))]
                if names != [port.name for port in ports]:
                    raise EngineError(
                        f"{self.url} has a '{file.name}' with the {key} {names}, not those of the card here; let it "
                        "serve the same model"
                    )
            versions = said.get("versions") or []
            digests = [version for version in versions if _is_digest(version)] if isinstance(versions, list) else []
            if digests and file.sha256 not in digests:
                raise self.other_version(file)
            self._ready[file.sha256] = isinstance(extensions, list) and EXTENSION in extensions
        return _RemoteGraph(self, file, binary=self._ready[file.sha256])

    def other_version(self, file: GraphFile) -> EngineError:
        """Return what is raised where the server has other weights; it is asked again the next time."""
        self._ready.pop(file.sha256, None)
        return EngineError(f"{self.url} runs another version of '{file.name}' than the one here; bring them together")

    def ask(self, path: str) -> dict[str, Any]:
        """Return the JSON object at a path.

        Raises:
            EngineError: the server does not answer so.

        """
        return self._parse(self.send("GET", path, b"", {})[0])

    def send(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[bytes, str | None]:
        """Return the body of a good answer, and what its `LENGTH_HEADER` says.

        Raises:
            EngineError: there is no whole answer in time, or it says that something failed.

        """
        parts = urlsplit(self.url)
        make = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        limit, expired = min(self.timeout, _CONNECT_LIMIT), threading.Event()
        connection = make(str(parts.hostname), parts.port, timeout=limit)

        def end(line: socket.socket) -> None:
            expired.set()
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

        try:
            connection.connect()
            limit = self.timeout
            connection.sock.settimeout(limit)
            # That is how long the next byte may take, and an answer may come byte by byte.
            with _WATCHDOG.watch(limit, partial(end, connection.sock)):
                connection.request(method, parts.path.rstrip("/") + path, body or None, dict(headers))
                answer = connection.getresponse()
                content = answer.read(_MAX_ANSWER + 1)
            if expired.is_set():
                raise TimeoutError
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            if expired.is_set() or isinstance(error, TimeoutError):
                raise EngineError(f"{self.url} did not answer within {limit:g} s; try again later") from error
            raise EngineError(f"no inference server answers at {self.url}; start it, or correct ENGINE_URL") from error
        finally:
            connection.close()
        if answer.status != http.client.OK:
            raise EngineError(f"{self.url} refused ({answer.status}{self._reason(content)}); look at its log")
        if len(content) > _MAX_ANSWER:
            raise EngineError(f"{self.url} answered with more than {_MAX_ANSWER} bytes; look at its log")
        return content, answer.getheader(LENGTH_HEADER)

    def _parse(self, content: bytes) -> dict[str, Any]:
        try:
            said = json.loads(content)
        except (ValueError, RecursionError):
            said = None
        if not isinstance(said, dict):
            raise EngineError(f"{self.url} does not speak the Open Inference Protocol v2; correct ENGINE_URL")
        return said

    @staticmethod
    def _reason(content: bytes) -> str:
        try:
            return f": {json.loads(content)['error']!s:.200}"
        except (ValueError, KeyError, TypeError, RecursionError):
            return ""


@dataclass(frozen=True, slots=True)
class _RemoteGraph:
    engine: RemoteEngine
    file: GraphFile
    binary: bool

    def run(self, feeds: Feeds, output: str) -> NDArray[np.float32]:
        wanted: dict[str, Any] = {"name": output}
        if self.binary:
            wanted["parameters"] = {"binary_data": True}
        inputs = {port.name: feeds[port.name] for port in self.file.card.inputs}
        body, headers = Message({"outputs": [wanted]}, inputs).write(key="inputs", binary=self.binary)
        path = f"/v2/models/{quote(self.file.name, safe='')}/infer"
        content, length = self.engine.send("POST", path, body, headers)
        try:
            answer = Message.read(content, length=length, key="outputs", most=_MAX_ANSWER)
        except RequestError as error:
            raise EngineError(f"{self.engine.url} answered what is no answer ({error}); look at its log") from error
        version = answer.fields.get("model_version")
        if _is_digest(version) and version != self.file.sha256:
            raise self.engine.other_version(self.file)
        result = answer.tensors.get(output)
        port = next(port for port in self.file.card.outputs if port.name == output)
        if result is None or not _fits(port, result, rows=len(next(iter(feeds.values())))):
            raise EngineError(
                f"{self.engine.url} answered without a fitting '{output}' of '{self.file.name}'; look at its log"
            )
        return result


def _entries(said: object) -> list[dict[str, Any]]:
    return [entry for entry in said if isinstance(entry, dict)] if isinstance(said, list) else []


def _is_digest(version: object) -> bool:
    return isinstance(version, str) and _DIGEST.fullmatch(version) is not None


def _fits(port: Port, array: NDArray[np.float32], *, rows: int) -> bool:
    shape = [rows if side == "N" else side for side in port.shape]
    return len(shape) == array.ndim and all(
        said == found for said, found in zip(shape, array.shape, strict=True) if isinstance(said, int)
    )
