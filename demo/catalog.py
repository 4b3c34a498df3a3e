"""Finds models in a folder, reads their cards, and says of each one that does not serve why."""

import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from demo.card import Task
from demo.engine import Engine, Model
from demo.errors import EngineError, ModelError, RequestError
from demo.gallery import Gallery, open_gallery
from demo.runtime import Provider
from demo.shelf import Shelf

STARTER = Path(__file__).parent / "starter"
"""Models that ship with the project, so that the page has something to show before any pipeline has run."""

_Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Entry:
    """One folder of the catalogue: a model, or the sentence that says why there is none."""

    name: str
    model: Model | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Catalog:
    """The models at `folder/<recipe>/model.onnx`, which are what `pipeline export` writes, and those of `starter`.

    Where both have a model of one name, the folder's is served. `origin` is the registry that the folder mirrors.
    Nothing is read before it is asked for, and of a file that is read, `engine` opens the graph when it first runs. A
    file that was exported anew is read anew at the next question; a file that did not change costs one `stat`. Who has
    a model can run it to the end, although another has taken its place by then.
    """

    folder: Path
    engine: Engine = field(default_factory=Shelf)
    starter: Path | None = None
    origin: str = ""
    _opened: dict[str, tuple[_Stamp | None, Entry]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def entries(self) -> tuple[Entry, ...]:
        """Return one entry per folder, good ones and bad ones: in order of their names, those that ship at the end.

        Of one's own, those that make grey pictures come after those that make coloured ones, which show more at once.
        """
        own = [self._entry(path) for path in _subfolders(self.folder)]
        names = {entry.name for entry in own}
        shipped = [self._entry(path) for path in _subfolders(self.starter) if path.name not in names]
        return (*sorted(own, key=lambda entry: bool(entry.model and entry.model.card.channels == 1)), *shipped)

    def find(self, name: str) -> Entry | None:
        """Return the entry of that name, None where there is none; no other folder is looked at.

        What is no name finds nothing, because names come from the network, where they may be numbers.
        """
        if not isinstance(name, str) or not name or Path(name).name != name or not _is_shown(name):
            return None
        folders = (parent / name for parent in (self.folder, self.starter) if parent)
        return next((self._entry(folder) for folder in folders if _is_folder(folder)), None)

    def models(self, task: Task) -> dict[str, Model]:
        """Return the models that serve a task, by name."""
        return {entry.name: entry.model for entry in self.entries() if entry.model and entry.model.card.task == task}

    def model(self, name: str, *, task: Task) -> Model:
        """Return one model.

        Raises:
            ModelError: the model is there but does not open.
            RequestError: there is none of that name for that task; the message names the choices.

        """
        found = self.find(name)
        if found and found.problem:
            raise ModelError(found.problem)
        if not found or not found.model or found.model.card.task != task:
            known = ", ".join(self.models(task)) or f"none; {self.remedy()}"
            raise RequestError(f"there is no model '{name}' for this; choose from: {known}")
        return found.model

    def gallery(self, name: str) -> tuple[Model, Gallery]:
        """Return a model for style transfer and its styles, the added ones included.

        Raises:
            ModelError: the model does not open, or is of an older make.
            RequestError: there is no such model.

        """
        model = self.model(name, task="stylize")
        return model, open_gallery(model, self.folder)

    def problems(self) -> list[str]:
        """Return a sentence for every model and every added style that cannot be used."""
        models = [entry.problem for entry in self.entries() if entry.problem]
        return models + [text for model in self.models("stylize").values() for text in self._style_problems(model)]

    def provider(self) -> Provider | None:
        """Return what the models run on, None where there is none."""
        providers = {entry.model.provider for entry in self.entries() if entry.model}
        slowest_first: tuple[Provider, ...] = ("CPU", "server", "CUDA")
        return next((provider for provider in slowest_first if provider in providers), None)

    def warm(self, stopped: threading.Event) -> None:
        """Open the graph of every model now, so that the first who asks need not wait; what fails is then a problem.

        The first models of the page come last, so that they stay where not all have room.
        """
        for entry in reversed(self.entries()):
            if entry.model and not stopped.is_set():
                with suppress(ModelError, EngineError):
                    entry.model.open_graph()

    def remedy(self) -> str:
        """Return the sentence for a catalogue without a model."""
        if self.origin:
            return f"promote a model in the registry {self.origin} with `make promote`"
        return f"make the models with `make repro`, or name their folder with --models (now {self.folder})"

    def _style_problems(self, model: Model) -> tuple[str, ...]:
        try:
            return open_gallery(model, self.folder).problems
        except ModelError as error:
            return (str(error),)

    def _entry(self, folder: Path) -> Entry:
        path = folder / "model.onnx"
        known = self._opened.get(folder.name)
        if known is None or known[0] != _stamp(path):
            with self._lock:
                known, stamp = self._opened.get(folder.name), _stamp(path)
                if known is None or known[0] != stamp:
                    known = self._opened[folder.name] = (stamp, self._read(folder.name, path))
        entry = known[1]
        problem = entry.model.problem if entry.model else None  # asked once: a new try may clear it
        return Entry(folder.name, None, problem) if problem else entry

    def _read(self, name: str, path: Path) -> Entry:
        try:
            return Entry(name, Model.read(path, engine=self.engine))
        except ModelError as error:
            return Entry(name, None, str(error))


def _stamp(path: Path) -> _Stamp | None:
    """Return what changes with a file, None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # such as a name that is too long
        return False


def _is_shown(name: str) -> bool:
    return not name.startswith(("_", "."))


def _subfolders(folder: Path | None) -> list[Path]:
    """Return the folders in a folder in order of their names; none where there is no such folder."""
    try:
        found = sorted(folder.iterdir()) if folder else []
    except OSError:
        return []
    return [path for path in found if _is_folder(path) and _is_shown(path.name)]
