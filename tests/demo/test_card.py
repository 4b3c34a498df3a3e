import dataclasses

import pytest

from demo.card import Choice, ModelCard, Port

CARD = ModelCard(
    recipe="painter",
    task="sample",
    channels=3,
    size=64,
    inputs=(Port("latent", ("N", 64), "latent"),),
    outputs=(Port("picture", ("N", 3, 64, 64), "picture"),),
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
    ],
)
def test_what_is_wrong_with_a_card_is_said(change, sentence):
    with pytest.raises(ValueError, match=sentence):
        ModelCard.from_json(dataclasses.replace(CARD, **change).to_json())
