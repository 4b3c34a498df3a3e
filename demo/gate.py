"""Stands before Gradio: lets in what this page uses of it, with sound arguments and files that were uploaded here.

Gradio trusts its own page: it fetches addresses that it finds in place of files, for one, and a request that its page
would not send ends in an internal error. So what comes in is looked at here first.
"""

import json
import logging
import re
import time
from collections.abc import Mapping
from typing import Any

import gradio as gr
from anyio import to_thread
from starlette.datastructures import FormData, Headers, MutableHeaders, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from demo.calls import Calls
from demo.errors import DemoError, OutputError, RequestError
from demo.limits import MEBIBYTE, Limits
from demo.refusal import Refusal
from demo.scratch import Scratch
from demo.service import ARGUMENTS, CLIENT_CLOSED

_log = logging.getLogger(__name__)

_READ = re.compile(
    r"/|/(config|favicon\.ico|theme\.css|robots\.txt|manifest\.json|pwa_icon|(static|assets|svelte)/.+)"
    r"|/gradio_api/(info|openapi\.json|startup-events|login_check|user|app_id|theme\.css|queue/(data|status)"
    r"|upload_progress|heartbeat/[^/]{1,64}|call/(v2/)?[a-z]+/[^/]{1,64}|file=.+)/?"
)
_WRITE = re.compile(
    r"/gradio_api/(queue/join|call/(?:v2/)?[a-z]+|run/[a-z_]+|cancel|reset|component_server|upload)/?",
)
_ADDRESS = re.compile(r"/*[a-z][a-z0-9+.-]*:/", re.IGNORECASE)
"""How an address of somewhere else begins; a file here begins with its folder."""

_MAX_JSON = 6 * MEBIBYTE
_MAX_BLOB = 16 * MEBIBYTE
_MAX_LAYERS = 8
_MAX_BLOBS = 256
_KEPT_BLOBS = 64 * MEBIBYTE
_TIDY = 5.0
"""Seconds between two looks at the temporary files when jobs come in."""


class Gate:
    """Wraps the application that Gradio mounts for `page`."""

    def __init__(self, app: ASGIApp, *, page: gr.Blocks, limits: Limits, scratch: Scratch) -> None:
        self._app, self._page, self._scratch = app, page, scratch
        self._calls = Calls(page, limits, scratch.folder)
        self._longest = limits.upload_mb * MEBIBYTE
        self._tidied, self._full = -_TIDY, ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, method = scope["path"], scope["method"]
        asked = _WRITE.fullmatch(path) if method == "POST" else _READ.fullmatch(path) if method in _READING else None
        if method == "OPTIONS":  # what a browser asks ahead of a request from elsewhere; Gradio says no
            await self._app(scope, receive, send)
        elif asked is None or (path.startswith(_FILE) and _ADDRESS.match(path, len(_FILE))):
            await Refusal(404, "there is nothing here; /healthz lists the models, About tells the endpoints").send(
                scope, send
            )
        else:
            try:
                await self._let_in(asked[1] if method == "POST" else "", scope, receive, send)
            except RequestError as error:
                await Refusal(400, str(error)).send(scope, send)
            except OutputError as error:
                await Refusal(507, str(error), {"retry-after": "60"}).send(scope, send)
            except DemoError as error:
                await Refusal(429, str(error), {"retry-after": "2"}).send(scope, send)
            except ClientDisconnect:
                await Refusal(CLIENT_CLOSED, "").send(scope, send)  # for the figures; nobody reads it

    async def _let_in(self, asked: str, scope: Scope, receive: Receive, send: Send) -> None:
        match asked:
            case "":
                # Gradio stumbles over ranges that are none; an answer in full is right for any.
                del MutableHeaders(scope=scope)["range"]
                self._calls.check_read(scope["path"])
                await self._stream(scope, receive, send)
            case "upload":
                # Looked at here and not in a thread, so that no two uploads are let in on the same room.
                with self._scratch.taking(_announced(scope) or self._longest):
                    await self._form(scope, receive, send)
            case "component_server":
                body = await _read(scope, receive, limit=_MAX_BLOB)
                await self._check_blob(scope, body)
                self._forget_blobs()
                await self._form(scope, _replay(body, receive), send)
            case _:
                body = await _read(scope, receive, limit=_MAX_JSON)
                said = _parse(body)
                await self._tidy()
                self._calls.check(asked, said, address=scope["client"][0] if scope.get("client") else "")
                data = said.get("data")
                scope[ARGUMENTS] = data if data and isinstance(data, list) else list(said.values())
                answer = self._form if asked.startswith("run/") else self._app
                await answer(scope, _replay(body, receive), send)

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def note(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, note)
        except HTTPException:  # Gradio raises it amid an answer, after it has told that the session is unknown
            if not started:
                raise
            await send({"type": "http.response.body", "body": b""})

    async def _form(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a form, or an event without a queue; Gradio takes what it cannot read for a fault of its own."""
        failed = False

        async def note(message: Message) -> None:
            nonlocal failed
            failed = failed or message.get("status") == 500
            if not failed:
                await send(message)

        try:
            await self._app(scope, receive, note)
        except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
            if not failed:
                raise
            _log.info("a form was refused: %s", type(error).__name__)
        if failed:
            await Refusal(
                400,
                "this cannot be read; a form names each of its files 'files', and an event has arguments of its kinds",
            ).send(scope, send)

    async def _check_blob(self, scope: Scope, body: bytes) -> None:
        """Check a layer of a painted picture, which Gradio keeps in memory until the picture is used."""
        try:
            form = await Request(scope, _replay(body, _nothing)).form(
                max_files=1, max_fields=_MAX_LAYERS, max_part_size=_MAX_BLOB
            )
        except HTTPException as error:
            raise RequestError("the form cannot be read; paint again") from error
        try:
            self._check_fields(form)
        finally:
            await form.close()

    def _check_fields(self, form: FormData) -> None:
        said = {name: value for name, value in form.items() if isinstance(value, str)}
        files = [value for value in form.values() if isinstance(value, UploadFile)]
        component = said.get("component_id", "")
        index = said.get("index") or "null"
        sound = (
            len(files) == 1
            and component.isascii()
            and component.isdigit()
            and isinstance(self._page.blocks.get(int(component[:9])), gr.ImageEditor)
            and said.get("fn_name") == "accept_blobs"
            and said.get("type") in {"background", "layer", "composite"}
            and (index == "null" or (index.isascii() and index.isdigit() and int(index[:9]) < _MAX_LAYERS))
            and 0 < len(said.get("id", "")) <= 64
            and 0 < len(said.get("session_hash", "")) <= 64
        )
        if not sound:
            raise RequestError("this is no layer of a painted picture; paint again")

    def _forget_blobs(self) -> None:
        """Forget the oldest pictures that were painted and never used, as far as they are many or take much memory."""
        for block in self._page.blocks.values():
            if isinstance(block, gr.ImageEditor):
                while len(block.blob_storage) > _MAX_BLOBS:
                    block.blob_storage.pop(next(iter(block.blob_storage)))
                sizes = {key: _blob_size(blobs) for key, blobs in block.blob_storage.items()}
                excess = sum(sizes.values()) - _KEPT_BLOBS
                for key, size in sizes.items():
                    if excess <= 0:
                        break
                    block.blob_storage.pop(key, None)
                    excess -= size

    async def _tidy(self) -> None:
        """Make room for what the next jobs write; until the next look, what the last one said holds for all.

        Raises:
            OutputError: there is none.

        """
        if time.monotonic() - self._tidied > _TIDY:
            self._tidied = time.monotonic()
            try:
                await to_thread.run_sync(self._scratch.make_room)
                self._full = ""
            except OutputError as error:
                self._full = str(error)
        if self._full:
            raise OutputError(self._full)


_READING = ("GET", "HEAD")
_FILE = "/gradio_api/file="


def _announced(scope: Scope) -> int:
    length = Headers(scope=scope).get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() and len(length) < 20 else 0


def _blob_size(blobs: Any) -> int:
    return sum(len(blob) for blob in (blobs.background, blobs.composite, *blobs.layers) if blob)


def _parse(body: bytes) -> Mapping[str, Any]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RequestError("the request must be a JSON object") from error
    if not isinstance(said, dict):
        raise RequestError("the request must be a JSON object")
    return said


async def _read(scope: Scope, receive: Receive, *, limit: int) -> bytes:
    body = bytearray()
    async for chunk in Request(scope, receive).stream():
        body += chunk
        if len(body) > limit:
            raise RequestError(f"the request is longer than {limit // MEBIBYTE} MiB; send less")
    return bytes(body)


def _replay(body: bytes, rest: Receive) -> Receive:
    """Return what gives a body that was read already, and then what comes after it."""
    given = False

    async def receive() -> Message:
        nonlocal given
        if given:
            return await rest()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _nothing() -> Message:
    return {"type": "http.disconnect"}
