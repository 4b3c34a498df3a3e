"""What `python -m demo.stylize` has to do: which file is painted into which."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from demo.clips import ANIMATION_TARGETS, VIDEO_TARGETS, VIDEOS, is_clip
from demo.errors import RequestError

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm")


@dataclass(frozen=True, slots=True)
class Job:
    """One file to paint, where the result goes, what to call it, and whether it moves."""

    source: Path
    target: Path
    name: str
    moving: bool


def plan(source: Path, target: Path) -> list[Job]:
    """Return what is to be painted: the file `source`, or all pictures and videos below that folder.

    Raises:
        RequestError: there is nothing to paint, or a result would overwrite a source or another result.

    """
    if source.is_dir():
        return _plan_folder(source, target)
    if not source.is_file():
        raise RequestError(f"{source} does not exist; give a picture, a video or a folder of them")
    moving = is_clip(source)
    if target.is_dir():
        target = target / f"{source.stem}{_suffix(source, moving=moving)}"
    if target.resolve() == source.resolve():
        raise RequestError(f"{target} is the picture itself; give another file to write to")
    taken = (*VIDEO_TARGETS, *ANIMATION_TARGETS) if moving else (".png",)
    if target.suffix.lower() not in taken:
        kind = "a moving picture" if moving else "a picture"
        raise RequestError(f"{kind} is written as {' or '.join(taken)}, not as '{target.suffix}'; name OUT so")
    return [Job(source, target, source.name, moving)]


def _plan_folder(source: Path, target: Path) -> list[Job]:
    inside, folder = target.resolve(), source.resolve()
    if folder == inside or folder in inside.parents:
        raise RequestError(f"{target} lies inside {source}, so its results would be painted again; write elsewhere")
    if target.exists() and not target.is_dir():
        raise RequestError(f"{target} is a file, and {source} a folder; give a folder to write to")
    jobs: dict[Path, Job] = {}
    for path in _files(source):
        moving = is_clip(path)
        name = path.relative_to(source)
        job = Job(path, target / name.with_suffix(_suffix(path, moving=moving)), str(name), moving)
        if job.target in jobs:
            raise RequestError(f"{jobs[job.target].name} and {name} would both become {job.target}; rename one of them")
        jobs[job.target] = job
    sources = {job.source.resolve() for job in jobs.values()}
    if over := next((job for job in jobs.values() if job.target.resolve() in sources), None):
        raise RequestError(f"{over.name} would be written over {over.target}, which is to be painted; write elsewhere")
    if not jobs:
        raise RequestError(f"{source} holds no pictures or videos; give another folder")
    return list(jobs.values())


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix.lower() in (*PICTURES, *VIDEOS) and not hidden and path.is_file():
            yield path


def _suffix(path: Path, *, moving: bool) -> str:
    if not moving:
        return ".png"
    return path.suffix.lower() if path.suffix.lower() in ANIMATION_TARGETS else ".mp4"
