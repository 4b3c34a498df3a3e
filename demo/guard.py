"""Stands before every path: how often, by whom, from which page and how much may be asked. Plain ASGI: streams pass."""

import asyncio
import base64
import hmac
import math
from contextlib import suppress
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from demo.buckets import Buckets
from demo.limits import MEBIBYTE, Limits
from demo.refusal import Refusal

OPEN_PATHS = ("/healthz", "/v2/health/")
"""What a load balancer asks, without a password: this path, and all below that one."""

_BODY_PATIENCE = 30.0
"""Seconds for which the next piece of a body may be awaited."""

_WRONG_PASSWORD = 20
"""What a wrong password costs more than another request."""

_DRAINED = 16 * MEBIBYTE
_SLOW = Refusal(408, "the request came too slowly; send it again")


class Guard:
    """Turns away what is too much, too large or not allowed; all else passes unchanged and unbuffered."""

    def __init__(self, app: ASGIApp, *, limits: Limits, buckets: Buckets | None = None) -> None:
        self._app = app
        self._buckets = buckets or Buckets(rate=limits.rate, burst=limits.burst)
        self._password = base64.b64encode(limits.auth.encode()) if limits.auth else b""
        self._max_body = limits.upload_mb * MEBIBYTE
        self._too_large = Refusal(
            413, f"the request is larger than {limits.upload_mb} MiB; send less", {"connection": "close"}
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":  # nothing here speaks it
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal:
            await refusal.send(scope, send)
        elif _announced(headers) > self._max_body:
            await _drain(receive)
            await self._too_large.send(scope, send)
        else:
            body = _Body(receive, send, self._too_large, self._max_body)
            with suppress(_BodyError):
                await self._app(scope, body.receive, body.send)
            if body.refusal and not body.answered:
                await body.refusal.send(scope, send)

    def _refusal(self, scope: Scope, headers: Headers) -> Refusal | None:
        address = scope["client"][0] if scope.get("client") else ""
        wait = self._buckets.take(address)
        if wait:
            return Refusal(
                429, "too many requests from this address; wait a little", {"retry-after": str(math.ceil(wait))}
            )
        path = scope["path"]
        is_open = path == OPEN_PATHS[0] or path.startswith(OPEN_PATHS[1])
        if self._password and not is_open and not self._knows_password(headers):
            self._buckets.fine(address, _WRONG_PASSWORD)
            return Refusal(
                401,
                "this studio asks for a user and a password; give them as HTTP Basic",
                {"www-authenticate": 'Basic realm="Ganvas", charset="UTF-8"'},
            )
        if headers.get("sec-fetch-site") == "cross-site" and (
            scope["method"] not in {"GET", "HEAD"} or headers.get("sec-fetch-mode") != "navigate"
        ):
            return Refusal(403, "another site may not use this studio in a visitor's name; open it in its own tab")
        return None

    def _knows_password(self, headers: Headers) -> bool:
        scheme, _, said = headers.get("authorization", "").partition(" ")
        return scheme.lower() == "basic" and hmac.compare_digest(said.strip().encode(), self._password)


class _BodyError(Exception):
    """Ends the reading of a body that is refused."""


@dataclass(slots=True)
class _Body:
    """A request's body on its way in, and the answer on its way out."""

    source: Receive
    target: Send
    too_large: Refusal
    limit: int
    refusal: Refusal | None = None
    answered: bool = False
    _received: int = 0
    _complete: bool = False

    async def receive(self) -> Message:
        if self._complete:  # what follows is the news that the visitor left, which may take as long as it likes
            return await self.source()
        try:
            message = await asyncio.wait_for(self.source(), _BODY_PATIENCE)
        except TimeoutError as error:
            self.refusal = _SLOW
            raise _BodyError from error
        self._received += len(message.get("body", b""))
        self._complete = message["type"] != "http.request" or not message.get("more_body", False)
        if self._received > self.limit:
            self.refusal = self.too_large
            raise _BodyError
        return message

    async def send(self, message: Message) -> None:
        """Pass an answer on, but for one that an application made of a body that was refused on the way."""
        if self.refusal and not self.answered:
            return
        self.answered = True
        await self.target(message)


def _announced(headers: Headers) -> int:
    length = headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() and len(length) < 20 else 0


async def _drain(receive: Receive) -> None:
    """Take in the beginning of a body that is refused: who is still sending does not read the answer."""
    taken = 0
    try:
        while taken < _DRAINED:
            message = await asyncio.wait_for(receive(), 1)
            taken += len(message.get("body", b""))
            if not message.get("more_body", False):
                return
    except TimeoutError:
        return
