"""The models over the Open Inference Protocol v2, so that any client of it, another Ganvas included, can run them.

Names are those of the models, `painter`, and of their companion graphs, `stylist.encoder`. The version of a graph is
the SHA-256 of its file, so that every answer says which weights made it.
"""

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from demo import __version__
from demo.card import Port
from demo.catalog import Catalog
from demo.engine import Feeds, Model, pixels_per_row
from demo.errors import FailedRunError, RequestError
from demo.service import Turns, read_body
from demo.wire import EXTENSION, LENGTH_HEADER, MAX_BODY, Message

MAX_PIXELS = 2**22
"""Pixels of all pictures of one request, in or out: as many as the page paints whole."""

LIGHT_BODY = 2**20
_MAX_ID = 200
_MULTIPLE, _MIN_SIDE = 8, 32
"""Pictures whose sides are multiples of the one, and no less than the other, can be halved as often as networks do."""


def routes(catalog: Catalog, turns: Turns) -> APIRouter:
    """Return the endpoints under `/v2`."""
    router = APIRouter(prefix="/v2")

    @router.get("")
    def server() -> dict[str, Any]:
        return {"name": "ganvas", "version": __version__, "extensions": [EXTENSION]}

    @router.get("/health/live")
    def live() -> dict[str, bool]:
        return {"live": True}

    @router.get("/health/ready")
    def ready() -> JSONResponse:
        serves = any(entry.model for entry in catalog.entries())
        return JSONResponse({"ready": serves}, status_code=200 if serves else 503)

    @router.get("/models/{name}")
    def metadata(name: str) -> JSONResponse:
        model = find(catalog, name)
        return JSONResponse(_describe(model)) if model else _unknown(name)

    @router.get("/models/{name}/ready")
    def model_ready(name: str) -> JSONResponse:
        model = find(catalog, name)
        return JSONResponse({"name": name, "ready": True}) if model else _unknown(name)

    @router.post("/models/{name}/infer")
    async def infer(name: str, request: Request) -> Response:
        body = await read_body(request, limit=MAX_BODY)
        length = request.headers.get(LENGTH_HEADER)

        def work() -> Response:
            model = find(catalog, name)
            return _infer(model, body, length) if model else _unknown(name)

        return await turns.take(work, light=len(body) <= LIGHT_BODY)

    return router


def find(catalog: Catalog, name: str) -> Model | None:
    """Return the model or the companion graph of that name, None where there is none."""
    if (found := catalog.find(name)) and found.model:
        return found.model
    owner, _, companion = name.rpartition(".")
    found = catalog.find(owner)
    model = found.model if found else None
    known = model is not None and companion in {known.name for known in model.card.companions}
    return model.companion(companion) if model and known else None


def _infer(model: Model, body: bytes, length: str | None) -> Response:
    message = Message.read(body, length=length, key="inputs")
    wanted, binary = _read_wishes(model, message.fields)
    feeds: Feeds = message.tensors
    model.check(feeds)
    rows = max(len(array) for array in feeds.values())
    pixels = rows * max(pixels_per_row(model.card, feeds, output) for output in wanted)
    if pixels > MAX_PIXELS:
        raise RequestError(f"the pictures have {pixels} pixels together, more than {MAX_PIXELS}; ask for fewer at once")
    try:
        made = {output: model.run(feeds, output) for output in wanted}
    except FailedRunError:
        _check_sides(model, feeds)
        raise
    answer = Message({"model_name": model.file.name, "model_version": model.sha256}, made)
    if (said := message.fields.get("id")) is not None:
        answer.fields["id"] = said
    content, headers = answer.write(key="outputs", binary=binary)
    return Response(content, headers=headers)


def _check_sides(model: Model, feeds: Feeds) -> None:
    """Check pictures on which a graph has failed, although they fit its card: it may not be able to halve them.

    Raises:
        RequestError: a side that the card leaves free is no multiple of `_MULTIPLE`, or below `_MIN_SIDE`.

    """
    for port in model.card.inputs:
        sides = list(zip(port.shape, feeds[port.name].shape, strict=True))[2:]
        free = [side for said, side in sides if isinstance(said, str)]
        if any(side % _MULTIPLE or side < _MIN_SIDE for side in free):
            raise RequestError(
                f"the graph fails on a '{port.name}' of shape {feeds[port.name].shape}; give a height and a width of "
                f"{_MIN_SIDE} or more that are multiples of {_MULTIPLE}"
            )


def _read_wishes(model: Model, fields: dict[str, Any]) -> tuple[list[str], bool]:
    """Return the outputs that are wanted, all where none is named, and whether as raw numbers, which is so for all."""
    said = fields.get("id", "")
    if not isinstance(said, str) or len(said) > _MAX_ID:
        raise RequestError(f"id must be a text of at most {_MAX_ID} characters")
    known = [port.name for port in model.card.outputs]
    outputs = fields.get("outputs") or [{"name": name} for name in known]
    if not isinstance(outputs, list) or not all(isinstance(output, dict) for output in outputs):
        raise RequestError("outputs must be a list of objects with a name")
    wanted = [output.get("name") for output in outputs]
    if len(wanted) > len(known) or not all(isinstance(name, str) and name in known for name in wanted):
        raise RequestError(f"outputs must be names of the model's: {', '.join(known)}, each once")
    everywhere = _parameter(fields, "binary_data_output", default=False)
    ways = {_parameter(output, "binary_data", default=everywhere) for output in outputs}
    if len(ways) > 1:
        raise RequestError("binary_data must be the same for all outputs")
    return list(dict.fromkeys(wanted)), ways.pop()


def _parameter(fields: dict[str, Any], name: str, *, default: bool) -> bool:
    parameters = fields.get("parameters", {})
    value = parameters.get(name, default) if isinstance(parameters, dict) else None
    if not isinstance(value, bool):
        raise RequestError(f"parameters must be an object, and its {name} true or false")
    return value


def _describe(model: Model) -> dict[str, Any]:
    def tensor(port: Port) -> dict[str, Any]:
        shape = [side if isinstance(side, int) else -1 for side in port.shape]
        return {"name": port.name, "datatype": "FP32", "shape": shape}

    return {
        "name": model.file.name,
        "versions": [model.sha256],
        "platform": "onnxruntime_onnx",
        "inputs": [tensor(port) for port in model.card.inputs],
        "outputs": [tensor(port) for port in model.card.outputs],
    }


def _unknown(name: str) -> JSONResponse:
    return JSONResponse({"error": f"there is no model '{name[:_MAX_ID]}'; /healthz lists them"}, status_code=404)
