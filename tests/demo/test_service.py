import asyncio
import json
import threading

import pytest
from fastapi import FastAPI, Request
from loops import run
from tiny_models import directed_proto, sampler_proto

from demo.catalog import Catalog
from demo.errors import BusyError
from demo.identity import identify_all
from demo.service import Turns, _Line, answer_errors, read_body
from demo.tabs import journey


def test_two_run_at_once_the_rest_waits_in_order_and_too_many_are_refused():
    gate, done, running, most, waiting = threading.Event(), [], [], [], []

    pair = threading.Barrier(2)

    def work(number):
        running.append(number)
        most.append(len(running))
        gate.wait()
        pair.wait(timeout=20)  # broken, and so a failure, where only one runs at a time
        running.remove(number)
        done.append(number)
        return number

    async def crowd():
        turns = Turns()
        tasks = [asyncio.create_task(turns.take(lambda number=number: work(number))) for number in range(60)]
        await asyncio.wait(tasks[50:], timeout=20)
        waiting.append(turns.waiting)
        gate.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    results = run(crowd())
    assert waiting == [48]
    assert results[:50] == list(range(50))
    assert all(isinstance(result, BusyError) for result in results[50:])
    assert sorted(done) == list(range(50))
    assert max(most) <= 2


def test_who_gave_up_is_passed_over_and_no_turn_is_lost():
    async def crowd():
        line = _Line(1)
        line._running = 1
        tasks = [asyncio.create_task(line.take(lambda number=number: number)) for number in range(2)]
        await asyncio.sleep(0)
        assert line.waiting == 2
        tasks[0].cancel()  # its future is cancelled at once, but it leaves the queue when it wakes
        line._pass_on()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        return type(results[0]), results[1], line._running, line.waiting

    assert run(crowd()) == (asyncio.CancelledError, 1, 0, 0)


def test_a_body_that_is_broken_off_is_no_failure():
    app, sent = FastAPI(), []
    answer_errors(app)

    @app.post("/read")
    async def read(request: Request):
        return len(await read_body(request, limit=100))

    async def visit():
        messages = iter([{"type": "http.request", "body": b"half", "more_body": True}, {"type": "http.disconnect"}])

        async def receive():
            return next(messages)

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/read", "query_string": b"", "headers": []}
        await app(scope, receive, send)

    run(visit())
    assert sent[0]["status"] == 499


def test_a_journey_ends_with_the_frame_under_way_when_its_visitor_leaves(save, tmp_path):
    save(sampler_proto())
    app = FastAPI()
    app.include_router(journey.routes(Catalog(tmp_path), Turns()))
    body = {"model": "dabbler", "pins": [{"seed": 1}, {"seed": 2}], "seconds": 10, "rate": 50}
    lines = []

    async def visit():
        left = asyncio.Event()
        messages = iter([{"type": "http.request", "body": json.dumps(body).encode()}])

        async def receive():
            message = next(messages, None)
            if message is None:
                await left.wait()
                return {"type": "http.disconnect"}
            return message

        async def send(message):
            if message.get("body"):
                lines.append(json.loads(message["body"]))
            if len(lines) == 5:
                left.set()

        scope = {"type": "http", "method": "POST", "path": "/journey", "query_string": b"", "headers": []}
        await app(scope, receive, send)

    run(visit())
    assert lines[0] == {**lines[0], "frame": 0, "frames": 501}
    assert 5 <= len(lines) <= 8


def test_a_model_tells_what_its_card_tells(save, tmp_path):
    save(sampler_proto())
    path = save(directed_proto())
    catalog = Catalog(tmp_path)
    plain, told = identify_all(catalog)
    assert (plain["version"], plain["alias"], plain["metrics"], plain["strengths"]) == (None, None, {}, [])
    assert (told["version"], told["alias"], told["metrics"]) == (3, "champion", {"fid": 12.5})
    assert told["date"][:2] == "20"
    assert told["provenance"] == {"version": 3, "alias": "champion"}
    model = catalog.model("guided", task="sample")
    path.unlink()
    assert identify_all(Catalog(tmp_path))[0]["name"] == "dabbler"
    assert model.card.recipe == "guided"


@pytest.mark.parametrize("said", [{"metrics": [1]}, {"metrics": "good"}, {}])
def test_odd_metrics_are_none(save, tmp_path, said):
    proto = directed_proto()
    card = json.loads(proto.metadata_props[0].value) | {"provenance": said}
    proto.metadata_props[0].value = json.dumps(card)
    save(proto)
    assert identify_all(Catalog(tmp_path))[0]["metrics"] == {}
