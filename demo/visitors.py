"""Who asks: a session that has its fair share of the engine, and whether it is still there to hear the answer."""

import asyncio
import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SESSION = "x-ganvas-session"
"""The header in which the page's scripts name their session, one for each tab of a browser."""

_LONGEST = 64


@dataclass(slots=True, eq=False)
class Visitor:
    """One who asks; `gone` once nobody waits for the answer any more."""

    session: str = ""
    gone: bool = False


_VISITOR: ContextVar[Visitor] = ContextVar("visitor")


def visitor() -> Visitor:
    """Return who asks for the work of this task or thread; what nobody in particular asks for shares a session."""
    return _VISITOR.get(None) or Visitor()


@contextlib.contextmanager
def serving(who: Visitor) -> Iterator[None]:
    """Let the work inside be that of a visitor."""
    token = _VISITOR.set(who)
    try:
        yield
    finally:
        _VISITOR.reset(token)


class Visitors:
    """Tells apart who asks, and notices who hangs up. Plain ASGI, because streams must pass unbuffered.

    A session is an address and what it calls itself, so nobody can take the share of another address by a false name.
    Paths outside `prefixes` are passed on as they are.
    """

    def __init__(self, app: ASGIApp, *, prefixes: tuple[str, ...]) -> None:
        self._app = app
        self._prefixes = prefixes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(self._prefixes):
            await self._app(scope, receive, send)
            return
        address = (scope.get("client") or ("",))[0]
        who = Visitor(f"{address} {Headers(scope=scope).get(SESSION, '')[:_LONGEST]}")
        line = _Line(receive, who)
        with serving(who):
            try:
                await self._app(scope, line.receive, send)
            finally:
                await line.close()


class _Line:
    """Passes on what is received, and once the request is whole listens for its end."""

    def __init__(self, receive: Receive, who: Visitor) -> None:
        self._receive = receive
        self._who = who
        self._listening: asyncio.Task[Message] | None = None

    async def receive(self) -> Message:
        if self._listening:
            return await asyncio.shield(self._listening)
        message = await self._receive()
        if message["type"] == "http.request" and not message.get("more_body", False):
            self._listening = asyncio.create_task(self._listen())
        return message

    async def _listen(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._who.gone = True
        return message

    async def close(self) -> None:
        if self._listening:
            self._listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._listening
