"""A server of its own for what nobody should do to one, and plain requests to it."""

import http.client
import io
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from servers import free_port

PATIENCE = 30
"""Seconds in which every answer must begin, and every stream that is read here must end."""

# The watchdog's two minutes are too long for a test; and the application itself tells what there is to attack. Nothing
# is imported earlier than by a page that people start, because with its imports come threads.
_LAUNCH = """
import json, os
import demo.__main__
serve = demo.__main__._serve
def paths(routes):
    flat = []
    for route in routes:  # FastAPI keeps routers that are included as they are
        flat += route.effective_route_contexts() if hasattr(route, "effective_route_contexts") else [route]
    return {route.path: sorted(route.methods) for route in flat if getattr(route, "methods", None)}
def serve_and_tell(*listener, **options):
    import demo.app, demo.runtime
    demo.runtime.TIME_LIMIT = 3.0
    build = demo.app.build_app
    def build_and_tell(*catalog, **options):
        app = build(*catalog, **options)
        gate = app.routes[-1].app
        with open(os.environ["SIEGE_ROUTES"], "w") as file:
            json.dump({"ours": paths(app.routes), "gradio": paths(gate._app.routes)}, file)
        return app
    demo.app.build_app = build_and_tell
    serve(*listener, **options)
demo.__main__._serve = serve_and_tell
demo.__main__.main()
"""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def sentence(self) -> str:
        return json.loads(self.body)["error"]


@dataclass(frozen=True)
class Target:
    port: int
    models: Path
    scratch: Path
    process: subprocess.Popen
    log: Path
    requests: Path
    routes: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        *,
        take: int = -1,
    ) -> Answer:
        """Send a request and return the answer, or the first `take` bytes of it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            content = answer.read() if take < 0 else answer.read1(take)
            return Answer(answer.status, {key.lower(): value for key, value in answer.getheaders()}, content)
        finally:
            connection.close()

    def post(self, path: str, said: object) -> Answer:
        return self.ask("POST", path, json.dumps(said).encode(), {"content-type": "application/json"})

    def upload(self, name: str, content: bytes) -> Answer:
        kind, body = form({}, name=name, content=content)
        return self.ask("POST", "/gradio_api/upload", body, {"content-type": kind})

    def file(self, name: str, content: bytes) -> dict:
        """Upload a file and return what Gradio wants to hear of it."""
        (path,) = json.loads(self.upload(name, content).body)
        return {"path": path, "meta": {"_type": "gradio.FileData"}}

    def join(self, index: int, data: list, *, session: str = "") -> Answer:
        return self.post(
            "/gradio_api/queue/join",
            {"fn_index": index, "data": data, "session_hash": session or uuid.uuid4().hex[:11]},
        )

    def events(self, session: str) -> Iterator[dict]:
        """Yield what the queue tells a session until its last event is done."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("GET", f"/gradio_api/queue/data?session_hash={session}")
            for line in connection.getresponse():
                if line.startswith(b"data: "):
                    yield json.loads(line[6:])
        finally:
            connection.close()

    def run(self, index: int, data: list) -> Answer | dict:
        """Run an event to its end and return what the queue told at last, or the refusal."""
        session = uuid.uuid4().hex[:11]
        joined = self.join(index, data, session=session)
        if joined.status != 200:
            return joined
        return next(event for event in self.events(session) if event["msg"] == "process_completed")

    def call(self, name: str, data: list) -> tuple[str, object]:
        """Call a named endpoint; return `complete` or `error` and what came with it."""
        joined = self.post(f"/gradio_api/call/{name}", {"data": data})
        if joined.status != 200:
            return "error", joined.sentence()
        told = self.ask("GET", f"/gradio_api/call/{name}/{json.loads(joined.body)['event_id']}").body.decode()
        *_, kind, said = [line.partition(": ")[2] for line in told.splitlines() if line and "heartbeat" not in line]
        return kind, json.loads(said)

    def memory(self) -> int:
        """Return the server's resident memory in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) // 1000


def form(fields: dict[str, str], *, name: str = "a.png", content: bytes = b"", key: str = "files") -> tuple[str, bytes]:
    """Return the content type and the body of a form with one file in it."""
    border = "-" * 20 + "border"
    body = io.BytesIO()
    for field, value in fields.items():
        body.write(f'--{border}\r\ncontent-disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'.encode())
    body.write(f'--{border}\r\ncontent-disposition: form-data; name="{key}"; filename="'.encode())
    body.write(name.encode("utf-8", "surrogatepass") + b'"\r\ncontent-type: image/png\r\n\r\n')
    body.write(content + f"\r\n--{border}--\r\n".encode())
    return f"multipart/form-data; boundary={border}", body.getvalue()


@contextmanager
def besieged(folder: Path, models: Path, **settings: str) -> Iterator[Target]:
    """Start a server with settings for the models in a folder."""
    log, requests, routes = folder / "server.log", folder / "requests.jsonl", folder / "routes.json"
    scratch, port = folder / "scratch", free_port()
    environment = {
        **os.environ,
        "GRADIO_TEMP_DIR": str(scratch),
        "GANVAS_LOG": str(requests),
        "SIEGE_ROUTES": str(routes),
        **settings,
    }
    command = [sys.executable, "-c", _LAUNCH, "--models", str(models), "--port", str(port)]
    with (
        log.open("wb") as stream,
        subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, env=environment) as process,
    ):
        target = Target(port, models, scratch, process, log, requests, routes)
        try:
            deadline = time.monotonic() + 90
            while process.poll() is None and time.monotonic() < deadline:
                try:
                    target.ask("GET", "/healthz")
                    break
                except OSError:
                    time.sleep(0.2)
            yield target
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)
