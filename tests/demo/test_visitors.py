import asyncio
import threading

import pytest
from fastapi import FastAPI, Request
from loops import run
from starlette.responses import StreamingResponse

from demo.errors import GoneError
from demo.service import Turns, answer_errors, read_body
from demo.visitors import SESSION, Visitor, Visitors, serving, visitor


async def until(reached):
    while not reached():  # noqa: ASYNC110 - nobody there to set an event
        await asyncio.sleep(0)


def build(turns, work):
    app = FastAPI()
    answer_errors(app)

    @app.post("/v2/work")
    async def endpoint(request: Request):
        await read_body(request, limit=100)
        return await turns.take(work)

    @app.get("/v2/stream")
    async def stream():
        async def lines():
            for line in range(3):
                yield f"{line} {visitor().session}\n"

        return StreamingResponse(lines())

    @app.get("/other")
    async def other():
        return visitor().session

    app.add_middleware(Visitors, prefixes=("/v2/",))
    return app


async def visit(app, path, *, left=None, session=b"tab 1", method="POST"):
    """Ask, and hang up once `left` is set; return the status and the body."""
    sent, messages = [], iter([{"type": "http.request", "body": b"x"}])
    never = asyncio.Event()

    async def receive():
        message = next(messages, None)
        if message is None:
            await (left or never).wait()
            return {"type": "http.disconnect"}
        return message

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [(SESSION.encode(), session)],
        "client": ("10.0.0.1", 5),
    }
    await app(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)


def test_who_asks_is_an_address_and_its_session():
    app = build(Turns(), lambda: visitor().session)

    async def ask():
        return [
            await visit(app, "/v2/work"),
            await visit(app, "/v2/work", session=b"x" * 100),
            await visit(app, "/v2/stream", method="GET"),
            await visit(app, "/other", method="GET"),
        ]

    named, long, streamed, other = run(ask())
    assert named == (200, b'"10.0.0.1 tab 1"')
    assert long == (200, b'"10.0.0.1 ' + b"x" * 64 + b'"')
    assert streamed == (200, b"".join(b"%d 10.0.0.1 tab 1\n" % line for line in range(3)))
    assert other == (200, b'""')


def test_work_of_one_who_hangs_up_while_waiting_is_never_begun():
    gate, begun = threading.Event(), []

    def work():
        begun.append(visitor().session)
        gate.wait(30)

    turns = Turns()
    app = build(turns, work)

    async def crowd():
        left = asyncio.Event()
        first = [asyncio.create_task(visit(app, "/v2/work", session=b"early %d" % place)) for place in range(2)]
        await until(lambda: len(begun) == 2)
        leaver = asyncio.create_task(visit(app, "/v2/work", session=b"leaver", left=left))
        stayer = asyncio.create_task(visit(app, "/v2/work", session=b"stayer"))
        await until(lambda: turns.waiting == 2)
        left.set()
        for _ in range(10):
            await asyncio.sleep(0)
        gate.set()
        return await asyncio.gather(*first, leaver, stayer)

    answers = run(crowd())
    assert sorted(begun) == ["10.0.0.1 early 0", "10.0.0.1 early 1", "10.0.0.1 stayer"]
    assert [status for status, _ in answers] == [200, 200, 499, 200]


def test_a_session_that_asks_for_much_does_not_keep_another_waiting():
    gate, order = threading.Event(), []

    def work(name):
        gate.wait(30)
        order.append(name)

    async def crowd():
        turns, tasks = Turns(), []
        for place, session in enumerate(["busy"] * 12 + ["other"]):
            with serving(Visitor(session)):
                tasks.append(asyncio.create_task(turns.take(lambda name=(session, place): work(name))))
        await until(lambda: turns.waiting == 11)
        gate.set()
        await asyncio.gather(*tasks)

    run(crowd())
    assert [session for session, _ in order].index("other") <= 5, "two were under way, and threads end as they like"


def test_a_turn_given_up_goes_to_the_next():
    gate = threading.Event()

    async def crowd():
        turns = Turns()
        held = [asyncio.create_task(turns.take(lambda: gate.wait(30))) for _ in range(2)]
        waiting = [asyncio.create_task(turns.take(lambda place=place: place)) for place in range(3)]
        await until(lambda: turns.waiting == 3)
        waiting[0].cancel()
        gate.set()
        results = await asyncio.gather(*held, *waiting, return_exceptions=True)
        again = [await turns.take(lambda: "free") for _ in range(3)]
        return results, again, turns.waiting

    results, again, waiting = run(crowd())
    assert isinstance(results[2], asyncio.CancelledError)
    assert results[3:] == [1, 2]
    assert (again, waiting) == (["free"] * 3, 0)


def test_one_who_left_before_the_turn_came_is_told_so():
    async def ask():
        who = Visitor("someone")
        who.gone = True
        with serving(who):
            await Turns().take(lambda: "work")

    with pytest.raises(GoneError):
        run(ask())
