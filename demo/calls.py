"""What a client may ask of Gradio's queue: events that there are, the right number of arguments, its own files."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr
from pydantic import ValidationError

from demo.errors import BusyError, RequestError
from demo.limits import Limits
from demo.tab import ENGINE_QUEUE

_MAX_UNREAD = 64
_MAX_UNREAD_OF_ALL = 512
"""Results that wait to be fetched, of one session and of all; each may hold a picture."""

_MAX_THINGS = 20_000
"""Lists, objects and values in the arguments of one event."""


@dataclass(frozen=True, slots=True)
class Calls:
    """Checks on the events of a page, whose uploads lie in `folder`."""

    page: gr.Blocks
    limits: Limits
    folder: Path
    _parameters: dict[str, dict[str, bool]] = field(default_factory=dict)

    def check(self, asked: str, said: Mapping[str, Any], *, address: str) -> None:
        """Check a body for `queue/join`, `call/NAME`, `call/v2/NAME`, `run/NAME`, `cancel` or `reset`.

        Raises:
            RequestError: it names what there is not, or has arguments of a wrong number or kind.
            BusyError: this visitor has enough in the queue.

        """
        _check_session(said, needed=asked in {"queue/join", "cancel"})
        if asked in {"cancel", "reset"}:
            if not isinstance(said.get("event_id"), str):
                raise RequestError("event_id must be the text that named the event")
            if asked == "cancel":
                self._function(said.get("fn_index"))
            return
        # What belongs to an event beside its arguments is told to its handler and never opened by Gradio.
        self._check_files(said if asked.startswith("call/v2/") else said.get("data"))
        function = self._asked(asked, said)
        self._check_unread(str(said.get("session_hash", "")))
        self._check_turn(function, str(said.get("session_hash", "")), address)

    def _asked(self, asked: str, said: Mapping[str, Any]) -> Any:
        """Return the function that is asked for; its arguments are of the right number and kinds."""
        if asked.startswith("call/v2/"):
            function = self._named(asked.removeprefix("call/v2/"))
            self._check_parameters(said, function)
            return function
        if asked.startswith("call/"):
            function = self._named(asked.removeprefix("call/"))
            self._check_data(said.get("data"), function, named=True)
            return function
        function = self._function(said.get("fn_index"))
        if asked != "queue/join" and function.queue is not False:  # only these are run at once, such as examples
            raise RequestError("this event runs in the queue; join it")
        trigger = said.get("trigger_id")
        if said.get("batched") or not (trigger is None or _is_index(trigger)):
            raise RequestError("trigger_id must be a number, and batched is not taken")
        if not isinstance(said.get("event_data") or {}, dict):
            raise RequestError("event_data must be an object")
        self._check_data(said.get("data"), function, named=False)
        return function

    def check_read(self, path: str) -> None:
        """Check that a result that is asked for is one of an event that was called.

        Raises:
            RequestError: it is not.

        """
        if path.startswith("/gradio_api/call/"):
            event, queue = path.rstrip("/").rpartition("/")[2], self.page._queue  # noqa: SLF001 - nothing public tells
            if not (
                event in queue.event_ids_to_events
                or any(event in known for known in queue.pending_event_ids_session.values())
            ):
                raise RequestError("there is no such event, or its result was fetched already; call again")

    def _function(self, index: object) -> Any:
        if not _is_index(index) or index not in self.page.fns or self.page.fns[index].fn is None:
            raise RequestError("fn_index must be the number of an event of this page; reload it")
        return self.page.fns[index]

    def _named(self, name: str) -> Any:
        named = {
            str(function.api_name): function
            for function in self.page.fns.values()
            if function.api_visibility == "public"
        }
        if name not in named:
            raise RequestError(f"there is no such endpoint; choose from: {', '.join(sorted(named))}")
        return named[name]

    def _check_data(self, data: object, function: Any, *, named: bool) -> None:
        wanted = [block for block in function.inputs if not (named and block.skip_api)]
        if not isinstance(data, list) or len(data) not in {len(wanted), len(function.inputs)}:
            raise RequestError(f"data must be a list of {len(wanted)} arguments")
        blocks = wanted if len(data) == len(wanted) else function.inputs
        for place, (block, value) in enumerate(zip(blocks, data, strict=True)):
            if not _suits(block, value):
                raise RequestError(f"argument {place + 1} takes no value of this kind")

    def _check_parameters(self, said: Mapping[str, Any], function: Any) -> None:
        name = f"/{function.api_name}"
        if name not in self._parameters:
            for key, endpoint in self.page.get_api_info()["named_endpoints"].items():
                self._parameters[key] = {
                    parameter["parameter_name"]: parameter["parameter_has_default"]
                    for parameter in endpoint["parameters"]
                }
        known = self._parameters[name]
        missing = [key for key, has_default in known.items() if not has_default and key not in said]
        if missing or not said.keys() <= known.keys():
            raise RequestError(f"{name} takes {', '.join(known)}, of which {missing or 'none'} are missing here")
        blocks = [block for block in function.inputs if not block.skip_api]
        for key, block in zip(known, blocks, strict=True):
            if key in said and not _suits(block, said[key]):
                raise RequestError(f"'{key}' takes no value of this kind")

    def _check_files(self, said: object) -> None:
        """Refuse every file that was not uploaded here: a path elsewhere, or an address that would be fetched."""
        for thing in _objects(said):
            path = thing.get("path")
            if "path" in thing and path is not None and not self._is_upload(path):
                raise RequestError("a file must be one that was uploaded here and is still there; upload it again")

    def _is_upload(self, path: object) -> bool:
        try:
            found = Path(path).resolve() if isinstance(path, str) else None
            return bool(found and found.is_relative_to(self.folder.resolve()) and found.is_file())
        except (OSError, ValueError):  # too long, or no path at all
            return False

    def _check_unread(self, session: str) -> None:
        """Gradio keeps results until they are fetched: refuse a session with many, and forget those of who left."""
        queue = self.page._queue  # noqa: SLF001 - nothing public tells
        unread = queue.pending_event_ids_session
        if len(unread.get(session, ())) >= _MAX_UNREAD:
            raise BusyError(f"{_MAX_UNREAD} results wait that nobody fetched; reload the page")
        while sum(map(len, unread.values())) >= _MAX_UNREAD_OF_ALL:
            idle = [name for name, events in unread.items() if queue.event_ids_to_events.keys().isdisjoint(events)]
            if not any(unread[name] for name in idle):
                break
            fullest = max(idle, key=lambda name: len(unread[name]))
            del unread[fullest]
            queue.pending_messages_per_session.pop(fullest, None)

    def _check_turn(self, function: Any, session: str, address: str) -> None:
        events = list(self.page._queue.event_ids_to_events.values())  # noqa: SLF001 - nothing public tells
        theirs = [event for event in events if event.request and _address(event.request) == address]
        jobs = [event for event in events if event.session_hash == session and event.concurrency_id == ENGINE_QUEUE]
        if function.concurrency_id == ENGINE_QUEUE and len(jobs) >= self.limits.session_jobs:
            raise BusyError(f"{len(jobs)} of your jobs wait already; let them finish first")
        if len(theirs) >= self.limits.address_jobs:
            raise BusyError(f"{len(theirs)} jobs from your address wait already; let them finish first")


def _address(request: Any) -> str:
    return request.client.host if request.client else ""


def _suits(block: Any, value: object) -> bool:
    """Tell whether a value is of the kind that a component of the page sends; its handler checks the value itself."""
    if isinstance(block, gr.State | gr.JSON):  # the one is not taken from here, the other is anything
        return True
    if isinstance(block, gr.Dataset):
        return _is_index(value) and isinstance(value, int) and 0 <= value < len(block.samples or ())
    if block.data_model is None:
        return value is None or isinstance(value, str | int | float)
    try:
        if value is not None:
            block.data_model.model_validate(value)
    except ValidationError:
        return False
    return True


def _is_index(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _check_session(said: Mapping[str, Any], *, needed: bool) -> None:
    session = said.get("session_hash")
    if session is None and not needed:
        return
    if not isinstance(session, str) or not session.isprintable() or not 0 < len(session) <= 64:
        raise RequestError("session_hash must be a text of 1 to 64 letters")


def _objects(said: Any) -> Iterator[Mapping[str, Any]]:
    """Yield every object in what was said.

    Raises:
        RequestError: it holds too many things.

    """
    waiting, seen = [said], 0
    while waiting:
        thing = waiting.pop()
        seen += 1
        if isinstance(thing, dict):
            yield thing
            waiting.extend(thing.values())
        elif isinstance(thing, list):
            waiting.extend(thing)
        if seen + len(waiting) > _MAX_THINGS:
            raise RequestError(f"the arguments hold more than {_MAX_THINGS} things; send less")
