"""Autoencoders against closed forms: a linear Gaussian one, whose likelihood and posterior are known."""

from math import erf, exp, log, pi, sqrt
from pathlib import Path

import numpy as np
import pytest
import torch
from recipes import PAINTER, write_params
from torch import Tensor, nn

from demo.card import ModelCard, Port
from demo.engine import Model
from pipeline.autoencoders import Autoencoder, Coding
from pipeline.coding import log_weights
from pipeline.contracts import Batch, Graph, Image, Step
from pipeline.errors import RecipeError
from pipeline.export import write_model
from pipeline.losses.gaussian import Gaussian
from pipeline.losses.hinge import Hinge
from pipeline.metrics.bound import Bound
from pipeline.metrics.evidence import CodingEvidence
from pipeline.metrics.reconstruction import Reconstruction
from pipeline.networks.coding import coding_graphs
from pipeline.networks.dcgan import Dcgan
from pipeline.networks.encoder_decoder import EncoderDecoder
from pipeline.networks.mixture import Mixture
from pipeline.objectives.autoencoding import Autoencoding
from pipeline.objectives.codes import divergence
from pipeline.objectives.vae_gan import VaeGan
from pipeline.objectives.variational import Variational
from pipeline.recipe import read_recipe
from pipeline.schedules import constant

IMAGE = Image(1, 16, ("one",))
SCALE = 0.5
BASIS = torch.tensor([[0.4, 0.3, 0.0, 0.0], [0.0, 0.0, -0.6, 0.8]])
"""Two orthogonal directions in four pixels: the posterior of the codes is then a product of normal distributions."""


class Linear(nn.Module):
    """x = z BASIS + SCALE noise, with the exact posterior of z, its mean moved by `astray` standard deviations."""

    def __init__(self, astray: float = 0.0) -> None:
        super().__init__()
        self.code = 2
        self.astray = astray
        self.log_scale = nn.Parameter(torch.tensor(log(SCALE)))

    def forward(self, images: Tensor, noise: Tensor) -> Coding:
        precision = 1 + BASIS.square().sum(1) / SCALE**2
        mean = images.flatten(1) @ BASIS.T / SCALE**2 / precision + self.astray / precision.sqrt()
        log_variance = -precision.log().expand(len(images), 2)
        return Coding(self.decode(mean + (log_variance / 2).exp() * noise), mean, log_variance, self.log_scale)

    def decode(self, code: Tensor) -> Tensor:
        return (code @ BASIS).reshape(-1, 1, 2, 2)


def log_density(images: Tensor) -> Tensor:
    """Return log N(x; 0, BASIS' BASIS + SCALE^2) of pictures (N, 1, 2, 2)."""
    covariance = BASIS.T @ BASIS + SCALE**2 * torch.eye(4)
    return torch.distributions.MultivariateNormal(torch.zeros(4), covariance).log_prob(images.flatten(1))


def pictures(count: int) -> Tensor:
    return torch.rand(count, 1, 2, 2, generator=torch.Generator().manual_seed(1)) * 2 - 1


def saved(module: nn.Module, path: Path) -> Model:
    image = Image(1, 2, ("one",))
    port = Port("code", ("N", 2), "latent")
    sampler = nn.Sequential(nn.Linear(2, 4), nn.Unflatten(1, (1, 2, 2)))
    picture = Port("picture", ("N", 1, 2, 2), "picture")
    graph = Graph(sampler, "sample", (port,), (picture,), companions=coding_graphs(module, image))
    write_model(graph, ModelCard("linear", "sample", 1, 2, graph.inputs, graph.outputs), path)
    return Model.open(path)


def test_the_bounds_of_a_linear_model_are_its_likelihood(tmp_path: Path) -> None:
    images = pictures(5)
    model = saved(Linear(), tmp_path / "model.onnx")
    for seed in (0, 5):  # with the exact posterior every code has the weight p(x)
        weights = log_weights(model, images.numpy(), likelihood=Gaussian(), seed=seed)
        np.testing.assert_allclose(weights, log_density(images), atol=1e-4)


def test_a_wrong_posterior_costs_its_divergence_and_more_codes_buy_it_back(tmp_path: Path) -> None:
    images = pictures(4)
    model = saved(Linear(astray=0.8), tmp_path / "model.onnx")
    weights = np.stack(
        [log_weights(model, images.numpy(), likelihood=Gaussian(), seed=4 * number) for number in range(400)]
    )
    truth = log_density(images).mean().item()
    scores = Bound().compute(CodingEvidence(images.numpy(), images.numpy(), weights)).scores
    assert scores["elbo"] == pytest.approx(truth - 2 * 0.8**2 / 2, abs=0.1)
    assert scores["importance_weighted"] == pytest.approx(truth, abs=0.1)
    assert scores["samples"] == 400


def test_the_variational_loss_is_the_negative_bound_of_each_value() -> None:
    torch.manual_seed(0)
    images = pictures(1).expand(20000, 1, 2, 2)
    ((role, phase),) = Variational().phases({"autoencoder": Linear()}, Gaussian(), IMAGE)
    step = Step(0, 10)
    loss = phase(Batch(images, torch.zeros(20000, dtype=torch.int64)), step)
    truth = log_density(images[:1]).item()
    assert role == "autoencoder"
    assert step.figures["elbo"].item() == pytest.approx(truth, abs=0.02)
    assert loss.item() == pytest.approx(-truth / 4, abs=0.005)


def test_beta_and_free_bits_weigh_the_rate() -> None:
    images = pictures(3)
    coding = Linear()(images, torch.zeros(3, 2))
    rates = divergence(coding.mean, coding.log_variance).mean(0)

    def loss(objective: Variational) -> float:
        torch.manual_seed(0)
        ((_, phase),) = objective.phases({"autoencoder": Linear()}, Gaussian(), IMAGE)
        return phase(Batch(images, torch.zeros(3, dtype=torch.int64)), Step(0, 10)).item()

    plain = loss(Variational())
    assert loss(Variational(beta=constant(3.0))) - plain == pytest.approx(2 * rates.sum().item() / 4, rel=1e-4)
    free = float(rates.mean())  # lies between the two rates: one pays for itself, the other is lifted
    lifted = rates.clamp_min(free).sum() - rates.sum()
    assert loss(Variational(free_bits=free)) - plain == pytest.approx(lifted.item() / 4, rel=1e-3)


def test_the_divergence_is_torchs_own() -> None:
    mean, log_variance = torch.randn(2, 3, 4).unbind()
    normal = torch.distributions.Normal
    expected = torch.distributions.kl_divergence(normal(mean, (log_variance / 2).exp()), normal(0.0, 1.0))
    torch.testing.assert_close(divergence(mean, log_variance), expected)


def test_the_divergence_of_halves_is_summed_in_full_precision() -> None:
    mean, log_variance = torch.tensor([0.0625, 1.0]).bfloat16(), torch.tensor([0.0625, -0.0078125]).bfloat16()
    expected = [0.5 * (m * m + exp(v) - 1 - v) for m, v in ((0.0625, 0.0625), (1.0, -0.0078125))]
    assert divergence(mean, log_variance).tolist() == pytest.approx(expected, rel=1e-4)


def test_the_likelihood_is_a_normal_density() -> None:
    images, decoded = pictures(2), pictures(2).flip(0)
    found = Gaussian().log_likelihood(images, decoded, torch.tensor(log(0.3)))
    expected = -((images - decoded) ** 2 / (2 * 0.09) + log(0.3 * sqrt(2 * pi))).sum((1, 2, 3))
    torch.testing.assert_close(found, expected)


def test_reconstruction_is_measured_on_a_span_of_two() -> None:
    zeros, tenths = np.zeros((3, 1, 8, 8), np.float32), np.full((3, 1, 8, 8), 0.2, np.float32)
    result = Reconstruction().compute(CodingEvidence(zeros, tenths, np.zeros((0, 3))))
    assert result.scores["error"] == pytest.approx(0.04)
    assert result.scores["psnr"] == pytest.approx(20)
    assert Bound().compute(CodingEvidence(zeros, tenths, np.zeros((0, 3)))).scores == {}


def test_a_mixture_maps_normal_numbers_to_its_own_distribution() -> None:
    mixture = Mixture(2, 2)
    assert not mixture.fitted
    means = torch.tensor([[3.0, 0.0], [-3.0, 1.0]])
    factors = torch.tensor([[[0.5, 0.0], [0.2, 0.1]], [[1.0, 0.0], [-0.3, 0.2]]])
    mixture.fit(weights=torch.tensor([0.25, 0.75]), means=means, factors=factors)
    assert mixture.fitted
    # The normal distribution function is a quarter at -0.6745: what lies below chooses the first component.
    latent = torch.tensor([[1.0, 2.0, -0.7], [1.0, 2.0, -0.6], [0.0, 0.0, 9.0], [0.0, 0.0, -9.0]])
    expected = torch.stack(
        [means[0] + factors[0] @ latent[0, :2], means[1] + factors[1] @ latent[1, :2], means[1], means[0]]
    )
    torch.testing.assert_close(mixture(latent), expected)
    assert 0.5 * (1 + erf(-0.7 / sqrt(2))) < 0.25 < 0.5 * (1 + erf(-0.6 / sqrt(2)))


def test_a_mixture_chooses_one_component_wherever_its_intervals_meet() -> None:
    weights = torch.rand(6, generator=torch.Generator().manual_seed(0)).softmax(0)
    mixture = Mixture(6, 6)
    mixture.fit(weights=weights, means=torch.eye(6), factors=torch.zeros(6, 6, 6))
    meetings = (2 * weights.cumsum(0)[:-1, None] - 1).erfinv() * sqrt(2)
    near = (meetings * (1 + torch.arange(-64, 65) * 2.0**-23)).flatten()
    chosen = mixture(torch.cat([torch.zeros(len(near), 6), near[:, None]], dim=1))
    assert (chosen.sum(dim=1) == 1).all()
    assert (chosen.max(dim=1).values == 1).all()


def test_the_end_of_a_training_fits_the_mixture_to_the_codes() -> None:
    torch.manual_seed(0)
    autoencoder = EncoderDecoder(code=2, width=4, components=2).build(IMAGE)["autoencoder"].requires_grad_(False)
    assert isinstance(autoencoder, Autoencoder)
    objective, modules = Autoencoding(), {"autoencoder": autoencoder}
    labels = torch.arange(64) % 2
    images = (labels[:, None, None, None] * 1.6 - 0.8) + 0.1 * torch.randn(64, 1, 16, 16)
    assert objective.draw(modules, labels, seed=0) is None
    objective.finish(modules, [Batch(images[:40], labels[:40]), Batch(images[40:], labels[40:])])
    codes = autoencoder(images, torch.zeros(64, 2)).mean
    means = torch.stack([codes[labels == label].mean(0) for label in (0, 1)])
    found = autoencoder.mixture.means
    torch.testing.assert_close(found[found[:, 0].argsort()], means[means[:, 0].argsort()], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(autoencoder.mixture.weights.sort()[0], torch.tensor([0.5, 0.5]))
    drawn = objective.draw(modules, labels, seed=0)
    assert drawn is not None
    assert drawn.shape == (64, 1, 16, 16)
    torch.testing.assert_close(objective.draw(modules, labels, seed=0), drawn)


def test_an_autoencoder_is_shown_noise_and_asked_for_the_picture() -> None:
    torch.manual_seed(0)
    images = pictures(8)
    seen = []

    class Mirror(Linear):
        components = 1
        fitted = False

        def fit(self, **parts: Tensor) -> None: ...

        def prior(self, latent: Tensor) -> Tensor: ...

        def forward(self, images: Tensor, noise: Tensor) -> Coding:
            seen.append((images, noise))
            return Coding(images, noise, noise, self.log_scale)

    ((_, phase),) = Autoencoding(corruption=0.5).phases({"autoencoder": Mirror()}, Gaussian(), IMAGE)
    step = Step(0, 10)
    phase(Batch(images, torch.zeros(8, dtype=torch.int64)), step)
    assert (seen[0][0] - images).std().item() == pytest.approx(0.5, rel=0.3)
    assert not seen[0][1].any()
    assert step.figures["error"].item() == pytest.approx((seen[0][0] - images).square().mean().item(), rel=1e-4)


class TestVaeGan:
    def phases(self, **settings: float):
        torch.manual_seed(0)
        modules = EncoderDecoder(code=3, width=4, discriminator=True).build(IMAGE)
        return modules, dict(VaeGan(**settings).phases(modules, Hinge(), IMAGE))

    def test_the_encoder_takes_no_part_in_the_game(self) -> None:
        images = torch.rand(4, 1, 16, 16) * 2 - 1
        batch = Batch(images, torch.zeros(4, dtype=torch.int64))
        gradients = []
        for weight in (0.0, 5.0):
            modules, phases = self.phases(adversarial_weight=weight)
            modules["discriminator"].requires_grad_(False)
            phases["autoencoder"](batch, Step(0, 10)).backward()
            autoencoder = modules["autoencoder"]
            gradients.append([part[-1].weight.grad for part in (autoencoder.encoder, autoencoder.decoder[3])])
        torch.testing.assert_close(gradients[0][0], gradients[1][0])
        assert not torch.allclose(gradients[0][1], gradients[1][1])

    def test_features_decide_what_resembles(self) -> None:
        modules, phases = self.phases(adversarial_weight=0.0, beta=0.0)
        batch = Batch(torch.rand(4, 1, 16, 16), torch.zeros(4, dtype=torch.int64))
        step = Step(0, 10)
        loss = phases["autoencoder"](batch, step)
        torch.testing.assert_close(loss.detach(), step.figures["resemblance"])
        for part in modules["discriminator"].seeing.parameters():
            part.data.zero_()
        assert phases["autoencoder"](batch, step).item() == 0  # a blind discriminator finds all pictures alike


@pytest.mark.parametrize(
    ("objective", "network", "loss", "sentence"),
    [
        (Variational(), Dcgan(), Gaussian(), "'variational' needs an autoencoder"),
        (Variational(), EncoderDecoder(), Hinge(), "'hinge' is no likelihood, which 'variational' wants"),
        (Autoencoding(), EncoderDecoder(), Gaussian(), "nothing is there to draw codes from"),
        (VaeGan(), EncoderDecoder(discriminator=True), Gaussian(), "'gaussian' scores no game, which 'vae_gan' plays"),
        (
            Variational(),
            EncoderDecoder(components=2),
            Gaussian(),
            "'variational' draws codes from the normal distribution",
        ),
        (VaeGan(), EncoderDecoder(components=2, discriminator=True), Hinge(), "'vae_gan' draws codes from the normal"),
        (VaeGan(), EncoderDecoder(), Hinge(), "needs a discriminator that shows its features"),
    ],
)
def test_parts_that_do_not_fit_are_told_in_one_sentence(objective, network, loss, sentence: str) -> None:
    with pytest.raises(RecipeError, match=sentence) as caught:
        objective.phases(network.build(IMAGE), loss, IMAGE)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("network", ["encoder_decoder", "draw"])
def test_an_autoencoder_that_is_asked_for_classes_says_that_it_has_none(tmp_path: Path, network: str) -> None:
    section = PAINTER | {
        "network": {"name": network, "conditional": True},
        "objective": {"name": "variational"},
        "loss": {"name": "gaussian"},
    }
    with pytest.raises(RecipeError, match=r"vae.network.conditional: unknown key; choose from name, ") as caught:
        read_recipe(write_params(tmp_path / "params.yaml", vae=section), "vae")
    assert "\n" not in str(caught.value)
