import dataclasses
import json
import math

import pytest

from demo.card import Choice, ModelCard, Port

CARD = ModelCard(
    recipe="painter",
    task="sample",
    channels=3,
    size=64,
    inputs=(Port("latent", ("N", 64), "latent"),),
    outputs=(Port("picture", ("N", 3, 64, 64), "picture"),),
    directions=(tuple([1.0] + [0.0] * 63), tuple([0.0, 0.6, -0.8] + [0.0] * 61)),
    strengths=(0.5, 0.25),
    choices=(Choice("海浪", "data:image/png;base64,AAAA"),),
    provenance={"seed": 1, "digests": {"data": "abc"}},
)


def test_a_card_survives_its_json():
    assert ModelCard.from_json(CARD.to_json()) == CARD


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"task": "dance"}, "unknown task 'dance'"),
        ({"inputs": (Port("latent", (1,), "smell"),)}, "unknown kind 'smell' of 'latent'"),
        ({"choices": ("dots",)}, "not a model card"),
        ({"directions": 3}, "not a model card"),
        ({"directions": (0.5, 0.5)}, "not a model card"),
        ({"directions": (CARD.directions[0], (1.0, 0.0))}, "a direction is no unit vector of the latent"),
        ({"directions": (CARD.directions[0], (1.0,) * 64)}, "a direction is no unit vector of the latent"),
        ({"directions": (CARD.directions[0], (math.nan,) * 64)}, "no finite number"),
        ({"directions": (CARD.directions[0], ("1",) * 64)}, "no finite number"),
        ({"inputs": (Port("noise", ("N", 64), "noise"),)}, "a direction is no unit vector of the latent"),
        ({"strengths": (0.5,)}, "2 directions, but 1 strengths"),
        ({"strengths": (0.5, 10**400)}, "no finite number"),
    ],
)
def test_what_is_wrong_with_a_card_is_said(change, sentence):
    with pytest.raises(ValueError, match=sentence):
        ModelCard.from_json(dataclasses.replace(CARD, **change).to_json())


def test_a_style_s_code_is_as_long_as_the_model_s_and_finite():
    ports = (Port("content", ("N", 3, "H", "W"), "picture"), Port("code", ("N", 2), "code"))
    card = dataclasses.replace(CARD, task="stylize", inputs=ports, directions=(), strengths=())
    good = dataclasses.replace(card, choices=(Choice("waves", code=(0.5, -2.0)),))
    assert ModelCard.from_json(good.to_json()) == good
    for code in ((), (0.5,), (0.5, math.nan), (0.5, "2")):
        bad = dataclasses.replace(card, choices=(Choice("waves", code=code),))
        with pytest.raises(ValueError, match="the code of 'waves' is not 2 finite numbers"):
            ModelCard.from_json(bad.to_json())


def test_a_card_from_before_there_were_directions_is_read():
    fields = json.loads(CARD.to_json())
    del fields["directions"], fields["strengths"]
    card = ModelCard.from_json(json.dumps(fields))
    assert (card.directions, card.strengths) == ((), ())
    assert card.inputs == CARD.inputs
