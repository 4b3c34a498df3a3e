"""A bounded load: so many clients, each of which asks for its next picture when it has the last one."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from demo.errors import RequestError
from demo.visitors import SESSION
from demo.wire import LENGTH_HEADER, Message

_TIMEOUT = 60.0


@dataclass(slots=True)
class Tally:
    """What the clients of one burst saw: seconds per good answer, and what must not happen; `busy` is the server's.

    `lost` counts requests without a good answer, `foreign` answers to another request, of which the id tells, and
    `wrong` those whose picture is farther from the expected one than allowed.
    """

    seconds: float = 0.0
    busy: float = 0.0
    latencies: list[float] = field(default_factory=list)
    asked: int = 0
    lost: int = 0
    foreign: int = 0
    wrong: int = 0


@dataclass(frozen=True, slots=True)
class Question:
    """One request and the picture (1, C, S, S) that has to come back, within `tolerance`."""

    feeds: Mapping[str, NDArray[np.float32]]
    picture: NDArray[np.float32]
    tolerance: float = 0.0


def burst(port: int, model: str, questions: list[Question], *, clients: int, seconds: float) -> Tally:
    """Let the clients ask for so many seconds; what is under way then is waited for."""
    return asyncio.run(_burst(port, model, questions, clients=clients, seconds=seconds))


async def _burst(port: int, model: str, questions: list[Question], *, clients: int, seconds: float) -> Tally:
    tally = Tally()
    begun = time.perf_counter()
    visits = (
        _visit(port, model, questions, client=client, until=begun + seconds, tally=tally) for client in range(clients)
    )
    await asyncio.gather(*visits)
    tally.seconds = time.perf_counter() - begun
    return tally


async def _visit(port: int, model: str, questions: list[Question], *, client: int, until: float, tally: Tally) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
    count = 0
    while (begun := time.perf_counter()) < until:
        number = f"{client}-{count}"
        question = questions[(client * 7 + count) % len(questions)]
        count += 1
        tally.asked += 1
        writer.write(_request(port, model, question, number=number, client=client))
        try:
            status, length, body = await asyncio.wait_for(_answer(reader), _TIMEOUT)
            answer = Message.read(body, length=length, key="outputs")
        except (TimeoutError, OSError, asyncio.IncompleteReadError, RequestError):
            tally.lost += 1
            break
        if status != 200:
            tally.lost += 1
            continue
        tally.latencies.append(time.perf_counter() - begun)
        tally.foreign += answer.fields.get("id") != number
        difference = np.abs(answer.tensors["picture"] - question.picture).max()
        tally.wrong += bool(difference > question.tolerance)
    writer.close()


def _request(port: int, model: str, question: Question, *, number: str, client: int) -> bytes:
    wish = {"id": number, "parameters": {"binary_data_output": True}, "outputs": [{"name": "picture"}]}
    body, headers = Message(wish, dict(question.feeds)).write(key="inputs", binary=True)
    headers |= {"host": f"127.0.0.1:{port}", "content-length": str(len(body)), SESSION: f"client {client}"}
    lines = [f"POST /v2/models/{model}/infer HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def _answer(reader: asyncio.StreamReader) -> tuple[int, str | None, bytes]:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    body = await reader.readexactly(int(headers["content-length"]))
    return int(first.split()[1]), headers.get(LENGTH_HEADER), body
