"""What the page's own endpoints under `/studio` share: limits, turns at the engine, errors as one sentence of JSON.

They answer faster than Gradio's events, which pass a queue first, and so they have limits of their own.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect

from demo.errors import BusyError, DemoError, EngineError, GoneError, ModelError, RequestError, sentence_of
from demo.fairness import RoundRobin
from demo.visitors import visitor

T = TypeVar("T")

MAX_JSON = 64_000
ARGUMENTS = "ganvas.arguments"
"""Under which a request's scope holds what was asked with, so that the log can tell the model by its name."""

CLIENT_CLOSED = 499
"""What nginx calls a request that was broken off; nobody reads the answer, but the log and the figures."""

_AT_ONCE = 2
_LIGHT_AT_ONCE = 16
_MAX_WAITING = 48


class Turns:
    """Turns at the engine: few run at once, some wait, sessions by turns, and the rest is refused.

    Light work, one small picture each, has a line of its own: many of it are under way at once, and the engine joins
    them. Who left while waiting loses the turn.
    """

    def __init__(self) -> None:
        self._heavy = _Line(_AT_ONCE)
        self._light = _Line(_LIGHT_AT_ONCE)

    @property
    def waiting(self) -> int:
        """How many wait now."""
        return self._heavy.waiting + self._light.waiting

    async def take(self, work: Callable[[], T], *, light: bool = False) -> T:
        """Run `work` in a thread when its turn comes, and return what it returns.

        Raises:
            BusyError: too many wait already.
            GoneError: who asked has left.

        """
        return await (self._light if light else self._heavy).take(work)


class _Line:
    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._limiter: CapacityLimiter | None = None
        self._queue: RoundRobin[asyncio.Future[None]] = RoundRobin()
        self._running = 0

    @property
    def waiting(self) -> int:
        return len(self._queue)

    async def take(self, work: Callable[[], T]) -> T:
        if self._limiter is None:  # it belongs to the running event loop
            self._limiter = CapacityLimiter(self._at_once)
        if self._running < self._at_once:
            self._running += 1
        else:
            await self._wait()
        try:
            if visitor().gone:
                raise GoneError("who asked has left, so the work was not done")
            return await to_thread.run_sync(work, limiter=self._limiter)
        finally:
            self._pass_on()

    def _pass_on(self) -> None:
        """Hand a turn on, so that nobody who comes just now is before those who wait."""
        while self._queue:
            turn = self._queue.pop()
            if not turn.done():  # who was cancelled may not have left the queue yet
                turn.set_result(None)
                return
        self._running -= 1

    async def _wait(self) -> None:
        if self.waiting >= _MAX_WAITING:
            raise BusyError("the studio is busy; try again in a moment")
        session, turn = visitor().session, asyncio.get_running_loop().create_future()
        self._queue.push(session, turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                with suppress(KeyError, ValueError):  # it was passed over by now
                    self._queue.remove(session, turn)
            else:
                self._pass_on()
            raise


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


async def read_json(request: Request, *, limit: int = MAX_JSON) -> dict[str, Any]:
    """Return the JSON object in a request's body.

    Raises:
        RequestError: it is too long or no JSON object.

    """
    try:
        said = json.loads(await read_body(request, limit=limit))
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
        theirs = not isinstance(error, ModelError | EngineError | BusyError)
        return JSONResponse({"error": sentence_of(error)}, status_code=400 if theirs else 503)

    async def gone(_: Request, __: Exception) -> Response:
        return Response(status_code=CLIENT_CLOSED)

    app.add_exception_handler(DemoError, tell)
    app.add_exception_handler(GoneError, gone)
    app.add_exception_handler(ClientDisconnect, gone)
