"""An answer that turns a request away: a status and one sentence, as JSON where a program asks."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.types import Scope, Send

_PAGES = ("text/html", "application/xhtml+xml")


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is answered instead of what was asked for."""

    status: int
    sentence: str
    headers: Mapping[str, str] = field(default_factory=dict)

    async def send(self, scope: Scope, send: Send) -> None:
        """Answer a request for which nothing was sent yet."""
        wanted = Headers(scope=scope).get("accept", "")
        if any(kind in wanted for kind in _PAGES):
            kind, content = "text/plain; charset=utf-8", self.sentence
        else:
            # Gradio's own script reads `detail`.
            kind, content = "application/json", json.dumps({"error": self.sentence, "detail": self.sentence})
        body = content.encode()
        headers = {"content-type": kind, "content-length": str(len(body)), **self.headers}
        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": pairs})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
