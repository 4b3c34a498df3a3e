"""The guard before every path: rate, password, origin and body, each as a plain ASGI application meets it."""

import asyncio
import base64
import json
from typing import Self

import pytest
from loops import run

from demo import guard
from demo.buckets import Buckets
from demo.errors import LaunchError
from demo.guard import Guard
from demo.limits import Limits

PASSWORD = {"authorization": "Basic " + base64.b64encode("künstler:geheim".encode()).decode()}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Visitor:
    """Asks a guard that stands before an application which says how long the body is."""

    def __init__(self, *, clock: Clock | None = None, **limits: object) -> None:
        settings = Limits(**limits)
        buckets = Buckets(rate=settings.rate, burst=settings.burst, clock=clock or Clock())
        self.guard = Guard(self.application, limits=settings, buckets=buckets)
        self.seen = []

    async def application(self, scope, receive, send):
        length, message = 0, {"more_body": True}
        while message.get("more_body"):
            message = await receive()
            length += len(message.get("body", b""))
        self.seen.append(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for piece in (str(length).encode(), b" bytes"):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    def ask(self, path="/", *, method="GET", address="192.0.2.1", pieces=(b"",), **headers: str) -> "Told":
        sent, waiting = [], [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
        waiting[-1]["more_body"] = False

        async def receive():
            if not waiting:
                await asyncio.sleep(60)
            return waiting.pop(0)

        async def send(message):
            sent.append(message)

        pairs = [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]
        scope = {"type": "http", "method": method, "path": path, "headers": pairs, "client": (address, 1)}
        run(self.guard(scope, receive, send))
        return Told.of(sent)


class Told(dict):
    status: int
    body: bytes
    pieces: int

    @classmethod
    def of(cls, sent) -> Self:
        told = cls({name.decode(): text.decode() for name, text in sent[0]["headers"]})
        told.status, told.pieces = sent[0]["status"], len(sent) - 1
        told.body = b"".join(message.get("body", b"") for message in sent[1:])
        return told


def test_what_is_allowed_passes_in_the_pieces_it_came_in():
    told = Visitor().ask(method="POST", pieces=(b"abc", b"de"))
    assert (told.status, told.body, told.pieces) == (200, b"5 bytes", 3)


def test_a_burst_passes_and_then_so_many_a_second():
    clock = Clock()
    visitor = Visitor(clock=clock, rate=2, burst=5)
    assert [visitor.ask().status for _ in range(7)] == [200] * 5 + [429] * 2
    told = visitor.ask()
    assert told["retry-after"] == "1"
    assert "too many requests" in json.loads(told.body)["error"]
    assert visitor.ask(address="192.0.2.2").status == 200
    clock.now += 1
    assert [visitor.ask().status for _ in range(3)] == [200, 200, 429]
    clock.now += 1000
    assert [visitor.ask().status for _ in range(6)] == [200] * 5 + [429]


def test_a_rate_of_zero_is_no_limit():
    visitor = Visitor(rate=0, burst=1)
    assert {visitor.ask().status for _ in range(50)} == {200}


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("socket", "socket", True),
    ],
)
def test_a_household_shares_its_bucket(first, second, shared):
    visitor = Visitor(rate=1, burst=1)
    assert visitor.ask(address=first).status == 200
    assert (visitor.ask(address=second).status == 429) == shared


def test_forgotten_addresses_find_full_buckets():
    buckets = Buckets(rate=1, burst=1, clock=Clock())
    assert buckets.take("192.0.2.1") == 0
    assert buckets.take("192.0.2.1") == 1
    for number in range(10_000):
        buckets.take(f"a{number}")
    assert buckets.take("192.0.2.1") == 0


def test_a_password_is_asked_for_everywhere_but_of_the_load_balancer():
    visitor = Visitor(auth="künstler:geheim")
    for path in (
        "/",
        "/metrics",
        "/studio/picture",
        "/gradio_api/upload",
        "/healthz/x",
        "/v2/models/a",
        "/V2/health/live",
    ):
        told = visitor.ask(path)
        assert told.status == 401
        assert told["www-authenticate"].startswith('Basic realm="Ganvas"')
        assert visitor.ask(path, **PASSWORD).status == 200
    assert visitor.ask("/healthz").status == visitor.ask("/v2/health/ready").status == 200
    wrong = base64.b64encode("künstler:gehein".encode()).decode()
    for said in ("", "Basic", "Basic x", f"Basic {wrong}", "Bearer " + PASSWORD["authorization"][6:], "Basic ÿ"):
        assert visitor.ask(authorization=said).status == 401


def test_guessing_a_password_ends_soon():
    visitor = Visitor(auth="a:b", rate=1, burst=100)
    statuses = [visitor.ask(authorization=f"Basic {n}").status for n in range(20)]
    assert statuses.count(401) < 7
    assert statuses[-1] == 429


def test_another_site_may_link_here_but_not_act():
    visitor = Visitor()
    assert visitor.ask(sec_fetch_site="cross-site", sec_fetch_mode="navigate").status == 200
    assert visitor.ask(sec_fetch_site="cross-site", sec_fetch_mode="cors").status == 403
    assert visitor.ask(method="POST", sec_fetch_site="cross-site", sec_fetch_mode="navigate").status == 403
    assert visitor.ask(method="POST", sec_fetch_site="same-origin").status == 200


def test_a_body_ends_at_its_limit_whether_it_was_announced_or_not():
    visitor = Visitor(upload_mb=1)
    piece = bytes(2**19)
    assert visitor.ask(method="POST", pieces=[piece] * 2).status == 200
    assert visitor.ask(method="POST", pieces=[piece] * 3).status == 413
    told = visitor.ask(method="POST", content_length=str(2**20 + 1), pieces=[piece])
    assert told.status == 413
    assert "larger than 1 MiB" in json.loads(told.body)["error"]
    assert len(visitor.seen) == 1


def test_a_body_that_stops_coming_is_given_up(monkeypatch):
    monkeypatch.setattr(guard, "_BODY_PATIENCE", 0.01)
    visitor, sent = Visitor(), []

    async def never():
        await asyncio.sleep(60)

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "client": None}
    run(visitor.guard(scope, never, send))
    assert sent[0]["status"] == 408


def test_people_get_text_and_programs_json():
    visitor = Visitor(rate=1, burst=1)
    visitor.ask()
    assert visitor.ask(accept="text/html,*/*")["content-type"].startswith("text/plain")
    assert visitor.ask(accept="*/*")["content-type"] == "application/json"
    assert visitor.ask(method="HEAD").body == b""


def test_settings_have_defaults_and_names():
    assert Limits.read({}) == Limits()
    told = Limits.read({"GANVAS_RATE": "2.5", "GANVAS_UPLOAD_MB": "8", "GANVAS_AUTH": "a:b:c", "GANVAS_BURST": ""})
    assert told == Limits(rate=2.5, upload_mb=8, auth="a:b:c")


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("GANVAS_RATE", "-1", "must be a number from 0 up, not '-1'"),
        ("GANVAS_RATE", "nan", "must be a number from 0 up"),
        ("GANVAS_RATE", "inf", "must be a number from 0 up"),
        ("GANVAS_BURST", "0", "must be a whole number from 1 up, not '0'"),
        ("GANVAS_UPLOAD_MB", "1.5", "must be a whole number from 1 up"),
        ("GANVAS_SPARE_MB", "much", "must be a whole number from 0 up"),
        ("GANVAS_AUTH", "secret", "must be a user and a password"),
        ("GANVAS_AUTH", "user:", "must be a user and a password"),
    ],
)
def test_settings_that_make_no_sense_are_one_sentence(name, value, sentence):
    with pytest.raises(LaunchError, match=sentence):
        Limits.read({name: value})
