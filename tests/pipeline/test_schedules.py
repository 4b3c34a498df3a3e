from math import cos, pi

import pytest
from pydantic import BaseModel, ValidationError

from pipeline.schedules import Ramp, Scheduled, constant


class Settings(BaseModel):
    rate: Scheduled = constant(0.5)


def test_a_ramp_waits_falls_by_half_a_cosine_and_stays() -> None:
    ramp = Ramp(start=3.0, end=1.0, since=0.2, until=0.6)
    assert [ramp.at(progress, 10) for progress in (0.0, 0.2, 0.6, 1.0)] == [3, 3, 1, 1]
    assert ramp.at(0.4, 10) == pytest.approx(2)
    assert ramp.at(0.3, 10) == pytest.approx(2 + cos(pi / 4))


def test_a_ramp_without_length_is_a_step() -> None:
    ramp = Ramp(start=0.0, end=1.0, since=0.5, until=0.5)
    assert (ramp.at(0.5, 10), ramp.at(0.51, 10)) == (0, 1)


def test_a_ramp_begins_at_a_share_and_no_later_than_at_a_step() -> None:
    ramp = Ramp(start=3.0, end=1.0, since=0.5, latest=100)
    unbound = ramp.model_copy(update={"latest": None})
    assert [ramp.at(share / 10, 200) for share in range(11)] == [unbound.at(share / 10, 200) for share in range(11)]
    assert ramp.at(0.4, 100) == 3  # a short training reaches its share first
    assert [ramp.at(progress, 1000) for progress in (0.0, 0.1, 1.0)] == [3, 3, 1]
    assert ramp.at(0.55, 1000) == pytest.approx(2)


def test_a_number_stays_and_is_written_as_one() -> None:
    settings = Settings.model_validate({"rate": 2})
    assert [settings.rate.at(progress, 10) for progress in (0, 0.5, 1)] == [2, 2, 2]
    assert settings.model_dump() == {"rate": 2.0}
    assert Settings().model_dump() == {"rate": 0.5}
    ramp = {"start": 1.0, "end": 0.0, "since": 0.6, "until": 1.0}
    assert Settings.model_validate({"rate": ramp}).model_dump() == {"rate": ramp}
    late = ramp | {"latest": 7}
    assert Settings.model_validate({"rate": late}).model_dump() == {"rate": late}


@pytest.mark.parametrize(
    "wrong",
    [
        "2e-4",
        True,
        {"start": -1, "end": 0},
        {"start": 1},
        {"start": 1, "end": 0, "to": 1},
        {"start": 1, "end": 0, "since": 0.8, "until": 0.5},
        {"start": 1, "end": 0, "latest": -1},
    ],
)
def test_wrong_schedules_are_refused(wrong: object) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({"rate": wrong})
