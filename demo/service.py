"""What the page's own endpoints under `/studio` share: limits, turns at the engine, errors as one sentence of JSON.

They answer faster than Gradio's events, which pass a queue first, and so they have limits of their own.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from demo.errors import BusyError, DemoError, ModelError, RequestError

T = TypeVar("T")

MAX_JSON = 64_000
ARGUMENTS = "ganvas.arguments"
"""Under which a request's scope holds what was asked with, so that the log can tell the model by its name."""

_AT_ONCE = 2
_MAX_WAITING = 48


class Turns:
    """Turns at the engine: few run at once, some wait in the order they came, and the rest is refused."""

    def __init__(self) -> None:
        self._limiter: CapacityLimiter | None = None
        self._present = 0

    @property
    def waiting(self) -> int:
        """How many wait now."""
        return max(0, self._present - _AT_ONCE)

    async def take(self, work: Callable[[], T]) -> T:
        """Run `work` in a thread when its turn comes, and return what it returns.

        Raises:
            BusyError: too many wait already.

        """
        if self._limiter is None:  # it belongs to the running event loop
            self._limiter = CapacityLimiter(_AT_ONCE)
        # Counted here, because the limiter counts a newcomer only after the loop has gone round once.
        if self.waiting >= _MAX_WAITING:
            raise BusyError("the studio is busy; try again in a moment")
        self._present += 1
        try:
            return await to_thread.run_sync(work, limiter=self._limiter)
        finally:
            self._present -= 1


async def read_body(request: Request, *, limit: int) -> bytes:
    """Return the body of a request.

    Raises:
        RequestError: it is longer than `limit` bytes.

    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise RequestError(f"the request is longer than {limit} bytes; send less")
    return bytes(body)


async def read_json(request: Request) -> dict[str, Any]:
    """Return the JSON object in a request's body.

    Raises:
        RequestError: it is too long or no JSON object.

    """
    try:
        said = json.loads(await read_body(request, limit=MAX_JSON))
    except (ValueError, RecursionError) as error:
        raise RequestError("the request must be a JSON object") from error
    if not isinstance(said, dict):
        raise RequestError("the request must be a JSON object")
    request.scope[ARGUMENTS] = [said.get("model")]
    return said


def split_model(said: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the name under `model` and the other arguments.

    Raises:
        RequestError: there is no such name.

    """
    name = said.get("model")
    if not isinstance(name, str):
        raise RequestError("model must be the name of a model; /healthz lists them")
    return name, {key: value for key, value in said.items() if key != "model"}


def answer_errors(app: FastAPI) -> None:
    """Let every expected failure be answered as `{"error": sentence}`."""

    async def tell(_: Request, error: Exception) -> JSONResponse:
        theirs = not isinstance(error, ModelError | BusyError)
        return JSONResponse({"error": str(error)}, status_code=400 if theirs else 503)

    app.add_exception_handler(DemoError, tell)
