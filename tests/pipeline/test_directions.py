import math

import numpy as np
import pytest
import torch

from demo.card import ModelCard, Port
from pipeline.contracts import Image
from pipeline.directions import MOST, Directions, find_directions
from pipeline.networks.dcgan import Dcgan
from pipeline.traversal import traversal_sheet

SINGULAR = torch.tensor([8.0, 4.0, 2.0, 1.0, 0.5])


def orthogonal(size: int, seed: int) -> torch.Tensor:
    drawn = torch.randn(size, size, generator=torch.Generator().manual_seed(seed))
    return torch.linalg.qr(drawn).Q


class Linear:
    """Pictures (N, 1, 8, 8) = latent V S U^T, whose Jacobian is the same everywhere; classes shift them."""

    latent = 5

    def __init__(self, classes: int = 0) -> None:
        self.classes = classes
        self.inward = orthogonal(5, 1)
        self._map = self.inward @ torch.diag(SINGULAR) @ orthogonal(64, 2)[:5]

    def __call__(self, latent: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        assert classes.shape == (len(latent), self.classes)
        return (latent @ self._map + 100 * classes.sum(dim=1, keepdim=True)).view(-1, 1, 8, 8)


@pytest.mark.parametrize("classes", [0, 3])
def test_of_a_linear_generator_they_are_its_singular_vectors(classes: int) -> None:
    generator = Linear(classes)
    found = find_directions(generator)
    alignment = torch.tensor(found.vectors) @ generator.inward
    assert alignment.diagonal().abs().min() > 0.98
    np.testing.assert_allclose(found.strengths, SINGULAR / 8, rtol=0.12)


def test_they_are_few_ordered_unit_vectors_whose_largest_entry_is_positive() -> None:
    generator = Dcgan(latent=20, width=4).build(Image(3, 16, ("a", "b")))["generator"].eval()
    found = find_directions(generator)
    assert len(found.vectors) == len(found.strengths) == MOST
    assert list(found.strengths) == sorted(found.strengths, reverse=True)
    for vector in found.vectors:
        assert math.hypot(*vector) == pytest.approx(1, abs=1e-4)
        assert max(vector, key=abs) > 0
    products = np.array(found.vectors) @ np.array(found.vectors).T
    np.testing.assert_allclose(products, np.eye(MOST), atol=1e-3)


def test_the_same_generator_has_the_same_directions_whatever_was_drawn_before() -> None:
    generator = Linear()
    first = find_directions(generator)
    torch.randn(7)
    assert find_directions(generator) == first


class Echo:
    """An open model that shows its latent (N, 64) as a picture (N, 1, 8, 8)."""

    def __init__(self, found: Directions) -> None:
        self.card = ModelCard(
            recipe="echo",
            task="sample",
            channels=1,
            size=8,
            inputs=(Port("latent", ("N", 64), "latent"),),
            outputs=(Port("picture", ("N", 1, 8, 8), "picture"),),
            directions=found.vectors,
            strengths=found.strengths,
        )
        self.seen: list[np.ndarray] = []

    def run(self, feeds: dict[str, np.ndarray]) -> np.ndarray:
        self.seen.append(feeds["latent"])
        return feeds["latent"].reshape(-1, 1, 8, 8)


def test_the_sheet_walks_from_the_seed_along_each_direction() -> None:
    model = Echo(Directions(tuple(tuple(row) for row in np.eye(64)[:2].tolist()), (0.5, 0.25)))
    seed = np.full((1, 64), 0.5, np.float32)
    sheet = traversal_sheet(model, {"latent": seed})  # type: ignore[arg-type]
    assert sheet.width > 7 * 64
    for row, latents in enumerate(model.seen):
        np.testing.assert_allclose(latents[:, row], 0.5 + np.arange(-3, 4))
    assert (model.seen[1][:, 0] == 0.5).all()
