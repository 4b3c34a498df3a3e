"""What the operator is told: figures by route, of the engine and of the machine, and lines without anybody's data."""

import asyncio
import json
from pathlib import Path

import pytest
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import StreamingResponse
from loops import run

from demo.errors import LaunchError
from demo.observing import Dropped, Found, Left, Ran, Watch
from demo.service import ARGUMENTS
from demo.telemetry import Metering, Telemetry, open_log


@pytest.fixture
def watch():
    return Watch()


@pytest.fixture
def lines():
    return []


@pytest.fixture
def telemetry(watch, lines):
    gauges = {"queue_waiting": 3}
    return Telemetry(
        watch=watch, gauges=lambda: gauges, device=lambda: "CPU", models=lambda: ["ink"], line=lines.append
    )


def value(telemetry, name, **labels):
    return telemetry.registry.get_sample_value(name, labels)


def ask(telemetry, path, method="GET"):
    router = APIRouter()

    @router.get("/models/{name}")
    def model(name: str, request: Request) -> str:
        request.scope[ARGUMENTS] = ["my secret", 7, name]
        return name

    @router.get("/events")
    def events() -> StreamingResponse:
        return StreamingResponse(iter(["data: 1\n\n"]), media_type="text/event-stream")

    @router.get("/broken")
    def broken() -> None:
        raise ZeroDivisionError

    app = FastAPI()
    app.include_router(router, prefix="/v2/deep")
    app.add_middleware(Metering, telemetry=telemetry)

    waiting = [{"type": "http.request"}]

    async def receive():
        if not waiting:
            await asyncio.sleep(60)
        return waiting.pop()

    async def send(message):
        pass

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": path,
        "query_string": b"secret=1",
        "headers": [],
    }
    run(app(scope, receive, send))


def test_requests_are_told_by_the_template_of_their_route(telemetry, lines):
    for name in ("ink", "my-secret", "ink"):
        ask(telemetry, f"/v2/deep/models/{name}")
    route = "/v2/deep/models/{name}"
    assert value(telemetry, "ganvas_requests_total", route=route, method="GET", status="200") == 3
    assert value(telemetry, "ganvas_request_seconds_count", route=route) == 3
    told = [json.loads(line) for line in lines]
    assert [(line["route"], line["status"], line["model"]) for line in told] == [
        (route, 200, "ink"), (route, 200, None), (route, 200, "ink")
    ]  # fmt: skip
    assert "secret" not in "".join(lines)


def test_strange_paths_and_methods_make_no_new_figures(telemetry):
    for path in ("/a", "/b", "/v2/deep/none"):
        ask(telemetry, path, method="BREW")
    assert value(telemetry, "ganvas_requests_total", route="other", method="other", status="404") == 3


def test_streams_are_counted_but_not_timed(telemetry):
    ask(telemetry, "/v2/deep/events")
    assert value(telemetry, "ganvas_requests_total", route="/v2/deep/events", method="GET", status="200") == 1
    assert value(telemetry, "ganvas_request_seconds_count", route="/v2/deep/events") is None


def test_what_breaks_counts_as_an_error(telemetry):
    with pytest.raises(ZeroDivisionError):
        ask(telemetry, "/v2/deep/broken")
    assert value(telemetry, "ganvas_requests_total", route="/v2/deep/broken", method="GET", status="500") == 1


def test_the_engine_is_heard(telemetry, watch):
    watch.tell(Ran("ink", requests=3, rows=5, waited=0.01, seconds=0.2))
    watch.tell(Ran("ink", requests=1, rows=1, waited=0, seconds=0.1, failed=True))
    watch.tell(Found("ink", open=False, seconds=1))
    watch.tell(Left("ink", size=7))
    watch.tell(Dropped("ink", requests=2))
    assert value(telemetry, "ganvas_run_seconds_sum", graph="ink") == pytest.approx(0.3)
    assert value(telemetry, "ganvas_run_rows_sum", graph="ink") == 6
    assert value(telemetry, "ganvas_graphs_asked_total", graph="ink", open="false") == 1
    kinds = {kind: value(telemetry, "ganvas_engine_events_total", kind=kind) for kind in ("failed", "left", "dropped")}
    assert kinds == {"failed": 1, "left": 1, "dropped": 2}


def test_gauges_are_read_when_asked_for(telemetry, watch):
    watch.measure("engine_waiting", lambda: 4)
    text = telemetry.expose().body.decode()
    assert "ganvas_queue_waiting 3.0" in text
    assert "ganvas_engine_waiting 4.0" in text
    assert 'ganvas_device{provider="CPU"} 1.0' in text


def test_two_services_share_no_figures(telemetry):
    other = Telemetry(watch=Watch(), gauges=dict, device=lambda: None, models=list, line=None)
    ask(other, "/v2/deep/models/ink")
    assert value(telemetry, "ganvas_requests_total", route="/v2/deep/models/{name}", method="GET", status="200") is None


def test_a_log_is_a_file_or_nothing(tmp_path):
    assert open_log("") is None
    write = open_log(str(tmp_path / "requests.jsonl"))
    write("one")
    write("two")
    assert (tmp_path / "requests.jsonl").read_text() == "one\ntwo\n"
    if Path("/dev/full").exists():
        open_log("/dev/full")("a full disk fails no request")
    with pytest.raises(LaunchError, match=r"GANVAS_LOG names .* which cannot be written"):
        open_log(str(tmp_path / "none" / "requests.jsonl"))
