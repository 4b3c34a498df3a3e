"""Numbers that change over a training, as functions of the share of its budget that is used up."""

from collections.abc import Mapping
from math import cos, pi
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_serializer, model_validator


class Ramp(BaseModel):
    """`start` up to the share `since` of the budget, then half a cosine to `end` at the share `until`.

    The cosine begins no later than at the step `latest`: what a short training bears may be too much for a long one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    start: float = Field(ge=0, allow_inf_nan=False)
    end: float = Field(ge=0, allow_inf_nan=False)
    since: float = Field(0.0, ge=0, le=1)
    until: float = Field(1.0, ge=0, le=1)
    latest: int | None = Field(None, ge=0)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.since > self.until:
            raise ValueError("since must not lie behind until")
        return self

    def at(self, progress: float, steps: int) -> float:
        """Return the value when the share `progress` in [0, 1] of a budget of `steps` is used up."""
        since = self.since if self.latest is None else min(self.since, self.latest / steps)
        if progress <= since:
            return self.start
        if progress >= self.until:
            return self.end
        done = (progress - since) / (self.until - since)
        return self.end + (self.start - self.end) * 0.5 * (1 + cos(pi * done))

    @model_serializer
    def _plain(self) -> float | dict[str, float | int]:
        if self.start == self.end:
            return self.start
        plain: dict[str, float | int] = {"start": self.start, "end": self.end, "since": self.since, "until": self.until}
        return plain if self.latest is None else plain | {"latest": self.latest}


def constant(value: float) -> Ramp:
    """Return the schedule of a number that stays."""
    return Ramp(start=value, end=value)


def _read(given: Any) -> Any:
    if isinstance(given, int | float) and not isinstance(given, bool):
        return {"start": given, "end": given}
    if not isinstance(given, Mapping | Ramp):
        remedy = "write a number with a point (2.0e-4), or {start, end, since, until, latest} to change it on the way"
        raise ValueError(remedy)  # noqa: TRY004  # pydantic turns this one into its own error
    return given


Scheduled = Annotated[
    Ramp, BeforeValidator(_read, json_schema_input_type=Annotated[float, Field(ge=0, allow_inf_nan=False)] | Ramp)
]
"""A setting that is a number, or `{start, end, since, until, latest}`."""
