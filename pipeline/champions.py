"""`champions.yaml`: which model of each name is champion, and which were before it. In git it is the truth."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from pipeline.errors import PromotionError
from pipeline.workspace import writing

FILE = "champions.yaml"
_HEAD = """\
# Which model of each name is champion. Written by `make promote` and `make rollback`; `make registry-sync` makes
# MLflow's alias `champion` say the same. A model is named by the digest of its file, and found again by the commit.
"""


class Champion(BaseModel):
    """A model by the SHA-256 of its file, the commit whose `dvc.lock` finds it, its figures, and the gate's reasons."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    model: str = Field(pattern="^[0-9a-f]{64}$")
    commit: str = Field(pattern="^[0-9a-f]{40}$")
    metrics: dict[str, float] = {}
    reasons: list[str] = []


class _Line(BaseModel):
    """The champion of one name, and its predecessors, the last one first."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    champion: Champion
    before: list[Champion] = []


_LINES = TypeAdapter(dict[str, _Line])


@dataclass(frozen=True, slots=True)
class Champions:
    """The content of `champions.yaml`."""

    lines: Mapping[str, _Line]

    @classmethod
    def read(cls, root: Path) -> "Champions":
        """Read the file in a folder; no file is no champion.

        Raises:
            PromotionError: the file is damaged.

        """
        path = root / FILE
        return cls.parse(path.read_text(encoding="utf-8")) if path.exists() else cls({})

    @classmethod
    def parse(cls, text: str) -> "Champions":
        """Read the text of the file.

        Raises:
            PromotionError: it is damaged; the message says where.

        """
        try:
            content: Any = yaml.safe_load(text) or {}
            return cls(_LINES.validate_python(content))
        except (yaml.YAMLError, ValidationError) as error:
            where, problem = "", " ".join(str(error).split())[:200]
            if isinstance(error, ValidationError):
                where = ".".join(map(str, error.errors()[0]["loc"])) + ": "
                problem = error.errors()[0]["msg"]
            raise PromotionError(
                f"{FILE} is damaged ({where}{problem}); restore it with `git checkout {FILE}`"
            ) from error

    def champion(self, name: str) -> Champion | None:
        """Return the champion of a name."""
        line = self.lines.get(name)
        return line.champion if line else None

    def history(self, name: str) -> list[Champion]:
        """Return the champions of a name, the oldest first."""
        line = self.lines.get(name)
        return [*reversed(line.before), line.champion] if line else []

    def promoted(self, name: str, champion: Champion) -> "Champions":
        """Return the same with another champion; the one that was is kept before it."""
        line = self.lines.get(name)
        before = [line.champion, *line.before] if line else []
        return replace(self, lines={**self.lines, name: _Line(champion=champion, before=before)})

    def rolled_back(self, name: str) -> "Champions":
        """Return the same with the champion before the last one.

        Raises:
            PromotionError: there is none before it.

        """
        line = self.lines.get(name)
        if line is None or not line.before:
            known = "is the first champion" if line else "has no champion"
            raise PromotionError(f"'{name}' {known}, so there is none to go back to; promote one with `make promote`")
        return replace(self, lines={**self.lines, name: _Line(champion=line.before[0], before=line.before[1:])})

    def write(self, root: Path) -> None:
        """Write the file into a folder.

        Raises:
            StorageError: it cannot be written.

        """
        lines = {name: line.model_dump(exclude_defaults=True) for name, line in sorted(self.lines.items())}
        text = yaml.safe_dump(lines, sort_keys=False, allow_unicode=True, width=120)
        with writing(root / FILE) as scratch:
            scratch.write_text(_HEAD + text, encoding="utf-8")
