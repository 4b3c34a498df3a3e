"""What the service tells its operator: `/metrics` for Prometheus, and a line of JSON per request.

Neither ever holds a picture, an address, the name of a file or what follows the `?`: routes are told by their template.
"""

import json
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import typer
from fastapi.routing import APIRoute
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from demo.errors import LaunchError
from demo.observing import Dropped, Event, Found, Left, Ran, Watch
from demo.service import ARGUMENTS

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120)
_ROWS = (1, 2, 4, 8, 16, 32, 64)
_METHODS = ("GET", "HEAD", "POST", "OPTIONS")
_STREAM = b"text/event-stream"

Gauges = Callable[[], dict[str, float]]


class Telemetry:
    """The figures of one service; two services in a process share none.

    `gauges` are read when `/metrics` is asked for. `device` says what the models run on, and `models` what they are
    called. `line` takes a line of the log.
    """

    def __init__(
        self,
        *,
        watch: Watch,
        gauges: Gauges,
        device: Callable[[], str | None],
        models: Callable[[], Iterable[str]],
        line: Callable[[str], None] | None,
    ) -> None:
        self.registry = CollectorRegistry()
        self._line, self._models = line, models
        self._requests = Counter(
            "ganvas_requests", "Requests answered.", ["route", "method", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "ganvas_request_seconds",
            "Seconds from a request to the end of its answer; streams of events are left out.",
            ["route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._runs = Histogram(
            "ganvas_run_seconds", "Seconds of one run of a graph.", ["graph"], buckets=_SECONDS, registry=self.registry
        )
        self._waited = Histogram(
            "ganvas_run_waited_seconds",
            "Seconds that the first request of a run waited.",
            ["graph"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._rows = Histogram(
            "ganvas_run_rows", "Rows that were run together.", ["graph"], buckets=_ROWS, registry=self.registry
        )
        self._found = Counter(
            "ganvas_graphs_asked", "Graphs asked for, open already or not.", ["graph", "open"], registry=self.registry
        )
        self._events = Counter(
            "ganvas_engine_events", "Runs that failed, graphs that left, requests that were dropped.", ["kind"],
            registry=self.registry,
        )  # fmt: skip
        ProcessCollector(namespace="ganvas", registry=self.registry)
        self.registry.register(_Gauges(lambda: {**gauges(), **watch.gauges()}, device))
        watch.listen(self._hear)

    def expose(self) -> Response:
        """Return what `/metrics` answers."""
        return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_LATEST)

    def note(self, scope: Scope, *, status: int, seconds: float, is_stream: bool) -> None:
        """Count a request that was answered, and log it."""
        route, method = route_of(scope), scope["method"] if scope["method"] in _METHODS else "other"
        self._requests.labels(route, method, str(status)).inc()
        if not is_stream:
            self._seconds.labels(route).observe(seconds)
        if self._line:
            told = {
                "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "route": route,
                "method": method,
                "status": status,
                "seconds": round(seconds, 4),
                "model": self._model(scope),
            }
            self._line(json.dumps(told))

    def _model(self, scope: Scope) -> str | None:
        """Return the model that was asked for by a name that is known; what else was said is nobody's business."""
        known = set(self._models())
        return next((said for said in scope.get(ARGUMENTS, ()) if isinstance(said, str) and said in known), None)

    def _hear(self, event: Event) -> None:
        match event:
            case Ran():
                self._runs.labels(event.graph).observe(event.seconds)
                self._waited.labels(event.graph).observe(event.waited)
                self._rows.labels(event.graph).observe(event.rows)
                if event.failed:
                    self._events.labels("failed").inc()
            case Found():
                self._found.labels(event.graph, str(event.open).lower()).inc()
            case Left():
                self._events.labels("left").inc()
            case Dropped():
                self._events.labels("dropped").inc(event.requests)


class Metering:
    """Middleware that notes every request. What nobody foresaw is logged, and answered with one sentence."""

    def __init__(self, app: ASGIApp, *, telemetry: Telemetry) -> None:
        self._app, self._telemetry = app, telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status, is_stream = time.monotonic(), 0, False

        async def note(message: Message) -> None:
            nonlocal status, is_stream
            if message["type"] == "http.response.start":
                status = message["status"]
                is_stream = any(
                    name.lower() == b"content-type" and value.startswith(_STREAM) for name, value in message["headers"]
                )
            await send(message)

        try:
            await self._app(scope, receive, note)
        finally:
            seconds = time.monotonic() - began
            self._telemetry.note(scope, status=status or 500, seconds=seconds, is_stream=is_stream)


class _Gauges(Collector):
    """Reads the gauges when they are asked for."""

    def __init__(self, gauges: Gauges, device: Callable[[], str | None]) -> None:
        self._gauges, self._device = gauges, device

    def describe(self) -> Iterable[Metric]:
        """Nothing, so that registering reads no gauge."""
        return ()

    def collect(self) -> Iterable[Metric]:
        for name, value in self._gauges().items():
            yield GaugeMetricFamily(f"ganvas_{name}", f"{name.replace('_', ' ').capitalize()}.", value=value)
        device = GaugeMetricFamily("ganvas_device", "What the models run on.", labels=["provider"])
        device.add_metric([self._device() or "none"], 1)
        yield device


def route_of(scope: Scope) -> str:
    """Return the template of the route that answered, `/studio/*` for the page's files, or `other`."""
    route, said = scope.get("route"), scope["path"]
    if not isinstance(route, APIRoute):
        return "/studio/*" if said.startswith("/studio/") else "other"
    if ":path}" in route.path:  # such a part may hold slashes; only Gradio has such routes, and it tells them in full
        return route.path
    # A router that was included does not know its prefix, whose parts are what the template lacks.
    parts = said.split("/")
    return "/".join(parts[: len(parts) - len(route.path.split("/")) + 1]) + route.path


def open_log(target: str) -> Callable[[str], None] | None:
    """Return what writes a line to a file, to standard error for `-`, or None for ''.

    Raises:
        LaunchError: the file cannot be written.

    """
    if not target:
        return None
    if target == "-":
        return lambda line: typer.echo(line, err=True)
    path = Path(target)

    def write(line: str) -> None:  # opened for each line, so that the file may be moved away at any time
        with suppress(OSError), path.open("a", encoding="utf-8") as file:  # a full disk is no reason to fail requests
            file.write(line + "\n")

    try:
        path.touch()
    except OSError as error:
        raise LaunchError(
            f"GANVAS_LOG names {target}, which cannot be written ({error.strerror}); correct it"
        ) from error
    return write
