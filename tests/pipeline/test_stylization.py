import pytest
import torch
from torch import nn

from pipeline.contracts import Batch, Image, Step
from pipeline.descriptors import DESCRIPTORS
from pipeline.descriptors.random_bank import RandomBankDescriptor
from pipeline.errors import RecipeError
from pipeline.losses.hinge import Hinge
from pipeline.losses.least_squares import LeastSquares
from pipeline.losses.relativistic import Relativistic
from pipeline.networks.dcgan import Dcgan
from pipeline.networks.stylizer import Stylizer
from pipeline.objectives.stylization import Stylization, recolour, style_weights

IMAGE = Image(channels=3, size=32, classes=("ink", "photograph", "waves", "woodcut"))
TERMS = (
    *("content", "tone", "style", "patches", "resemblance", "adversarial"),
    *("identity", "code", "diversity", "variation"),
)
SILENT = {f"{term}_weight": 0.0 for term in TERMS} | {"recoloured": 0.0}


@pytest.fixture
def modules():
    torch.manual_seed(0)
    return Stylizer(width=16, blocks=1, code=8, noise=4, patch_width=4).build(IMAGE)


def batch(count=4, *, seed=0):
    """Photographs, then pictures of the styles in turn."""
    images = torch.rand(2 * count, 3, 32, 32, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    styles = torch.tensor([0, 2, 3]).repeat(count)[:count]
    return Batch(images, torch.cat([torch.ones(count, dtype=torch.long), styles]))


class Painter(nn.Module):
    """A generator that always paints the same pictures, and remembers what it was asked for."""

    styles, noise = 3, 4

    def __init__(self, picture):
        super().__init__()
        self.picture = nn.Parameter(picture.clone())
        self.asked = []

    def forward(self, content, code, strength, noise):
        self.asked.append((code, strength, noise))
        return self.picture.expand_as(content)

    def gallery(self, weights):
        return weights

    def encode(self, pictures):
        return pictures.mean((2, 3)) + 7


class NoisePainter(nn.Module):
    """A generator that paints the photograph, lifted by the first number of its noise."""

    styles, noise = 3, 1

    def __init__(self):
        super().__init__()
        self.lift = nn.Parameter(torch.ones(1))
        self.asked = []

    def forward(self, content, code, strength, noise):
        self.asked.append((content, code, strength, noise))
        return content + self.lift * noise[:, :, None, None]

    gallery, encode = Painter.gallery, Painter.encode


class Judge(nn.Module):
    """A discriminator whose logit is the mean of the picture, and whose map is the picture."""

    def forward(self, images, classes):
        assert images.shape[0] == classes.shape[0]
        return images.mean(dim=(1, 2, 3))

    def maps(self, images):
        return [images]


def phase(role, generator, *, number=0, **weights):
    objective = Stylization(**{**SILENT, **weights})
    compute_loss = dict(objective.phases({"generator": generator, "discriminator": Judge()}, Hinge(), IMAGE))[role]
    return lambda given: compute_loss(given, Step(number, 10**6))


def photographs_of(given):
    return given.split(2)[0].images


def styles_of(given):
    return given.split(2)[1].images


class TestDomains:
    def test_are_photographs_and_all_else(self):
        assert Stylization().domains(IMAGE) == ((1,), (0, 2, 3))

    def test_labels_of_styles_become_places_among_the_styles(self):
        weights = style_weights(torch.tensor([3, 0, 2]), IMAGE)
        assert weights.tolist() == [[0, 0, 1], [1, 0, 0], [0, 1, 0]]

    @pytest.mark.parametrize(
        ("classes", "sentence"),
        [
            (
                ("ink", "waves"),
                r"data: no class 'photograph' among ink, waves; choose the source 'contents_and_styles'",
            ),
            (("photograph",), r"data: no style beside 'photograph'; add pictures of at least one style"),
        ],
    )
    def test_need_photographs_and_a_style(self, modules, classes, sentence):
        image = Image(channels=3, size=32, classes=classes)
        with pytest.raises(RecipeError, match=sentence):
            Stylization().domains(image)
        with pytest.raises(RecipeError, match=sentence):
            Stylization().phases(modules, Hinge(), image)

    def test_need_room_for_strokes(self, modules):
        with pytest.raises(RecipeError, match=r"data.size: 24 px leave no room for strokes; set it to 32 or more"):
            Stylization().phases(modules, Hinge(), Image(channels=3, size=24, classes=IMAGE.classes))

    def test_need_a_network_that_repaints(self):
        sampling = Dcgan(latent=8, width=4, max_width=8).build(IMAGE)
        with pytest.raises(RecipeError, match=r"objective.name: 'stylization' needs a generator that repaints"):
            Stylization().phases(sampling, Hinge(), IMAGE)


class TestDiscriminatorPhase:
    def test_styles_are_real_and_photographs_are_as_fake_as_the_gallery_s_paintings(self):
        given = batch()
        loss = phase("discriminator", Painter(torch.full((1, 3, 32, 32), 0.5)))(given)
        fake_logits = torch.cat([torch.full((2,), 0.5), photographs_of(given).mean((1, 2, 3))])
        expected = Hinge().discriminator(styles_of(given).mean((1, 2, 3)), fake_logits)
        assert loss.item() == pytest.approx(expected.item(), rel=1e-5)

    def test_the_generator_learns_from_the_pictures_that_it_saw(self):
        generator = Painter(torch.zeros(1, 3, 32, 32))
        objective = Stylization(**{**SILENT, "variation_weight": 1.0})
        phases = dict(objective.phases({"generator": generator, "discriminator": Judge()}, Hinge(), IMAGE))
        generator.requires_grad_(requires_grad=False)  # as the loop does
        assert not phases["discriminator"](batch(seed=1), Step(0, 10)).requires_grad
        phases["generator"](batch(seed=2), Step(0, 10)).backward()
        assert len(generator.asked) == 1
        assert generator.picture.grad is not None


class TestGeneratorPhase:
    def test_half_of_the_codes_are_the_gallery_s_and_half_are_read_off_pictures(self):
        generator = Painter(torch.zeros(1, 3, 32, 32))
        given = batch()
        phase("generator", generator)(given)
        code = generator.asked[0][0]
        assert code[:2].tolist() == [[1, 0, 0], [0, 1, 0]]
        torch.testing.assert_close(code[2:], styles_of(given)[2:].mean((2, 3)) + 7)

    def test_one_picture_in_four_is_at_partial_strength(self):
        generator = Painter(torch.zeros(1, 3, 32, 32))
        compute_loss = phase("generator", generator)
        for seed in range(20):
            compute_loss(batch(seed=seed))
        strengths = torch.stack([strength[:, 0] for _, strength, _ in generator.asked])
        assert (strengths[:, :3] == 1).all()
        partial = strengths[:, 3]
        assert ((partial >= 0) & (partial < 1)).all()
        assert partial.min() < 0.2
        assert partial.max() > 0.8

    @pytest.mark.parametrize("count", [1, 2, 3, 4, 8])
    def test_pictures_are_counted_over_all_steps(self, count):
        generator = Painter(torch.zeros(1, 3, 32, 32))
        for number in range(4):
            phase("generator", generator, number=number, diversity_weight=0.0)(batch(count))
        strengths = torch.cat([strength[:, 0] for _, strength, _ in generator.asked])
        assert (strengths < 1).nonzero().flatten().tolist() == list(range(3, 4 * count, 4))

    def test_a_loss_that_wants_as_many_real_as_false_pictures_is_refused(self, modules):
        with pytest.raises(RecipeError, match="'relativistic' wants as many real pictures as false ones"):
            Stylization().phases(modules, Relativistic(), IMAGE)

    @pytest.mark.parametrize("content", ["ssim", "mse"])
    def test_content_is_free_for_the_photograph_itself(self, content):
        given = batch(1)
        photograph = photographs_of(given)
        same = phase("generator", Painter(photograph), content=content, content_weight=1.0)(given)
        other = phase("generator", Painter(photograph.flip(3)), content=content, content_weight=1.0)(given)
        assert same.item() == pytest.approx(0, abs=1e-5)
        assert other.item() > 0.01

    def test_tone_is_free_for_any_recolouring_that_keeps_light_light(self):
        given = batch(1)
        photograph = photographs_of(given)
        weight = {"tone_weight": 1.0}
        assert phase("generator", Painter(0.3 * photograph + 0.5), **weight)(given).item() == pytest.approx(0, abs=1e-4)
        assert phase("generator", Painter(-photograph), **weight)(given).item() == pytest.approx(2, abs=1e-4)
        assert phase("generator", Painter(0 * photograph), **weight)(given).item() == pytest.approx(1, abs=1e-4)

    @pytest.mark.parametrize("features", ["ganvas_net", "random_bank"])
    def test_style_is_free_for_the_style_picture_itself(self, features):
        given = batch(1)
        weights = {"style_weight": 1.0, "features": (DESCRIPTORS[features](),)}
        same = phase("generator", Painter(styles_of(given)), **weights)(given)
        other = phase("generator", Painter(photographs_of(given) / 4), **weights)(given)
        assert same.item() == pytest.approx(0, abs=1e-5)
        assert other.item() > 0.1

    def test_descriptors_share_the_weight_of_the_style(self):
        given = batch(1)
        painter = Painter(photographs_of(given) / 4)
        first, second = RandomBankDescriptor(seed=1), RandomBankDescriptor(seed=2, weight=3.0)
        alone = [
            phase("generator", painter, style_weight=1.0, features=(one,))(given).item() for one in (first, second)
        ]
        both = phase("generator", painter, style_weight=2.0, features=(first, second))(given).item()
        assert both == pytest.approx(2 * (0.25 * alone[0] + 0.75 * alone[1]), rel=1e-4)

    def test_patches_are_those_of_the_style_picture(self):
        given = batch(1)
        assert phase("generator", Painter(styles_of(given)), patches_weight=1.0)(given).item() == 0
        assert phase("generator", Painter(styles_of(given) / 2), patches_weight=1.0)(given).item() > 0.1

    def test_resemblance_is_that_of_the_discriminator_s_maps(self):
        given = batch(1)
        lifted = Painter(styles_of(given) + 0.2)
        assert phase("generator", lifted, resemblance_weight=1.0)(given).item() == pytest.approx(0.1, rel=1e-3)

    def test_identity_counts_only_below_full_strength(self):
        far = Painter(1 - batch().images[:1])
        assert phase("generator", far, identity_weight=1.0)(batch(3)).item() == 0
        assert phase("generator", far, identity_weight=1.0)(batch(4)).item() > 0

    def test_adversarial_term_is_the_loss_of_the_recipe(self):
        loss = phase("generator", Painter(torch.full((1, 3, 32, 32), 0.25)), adversarial_weight=2.0)(batch())
        assert loss.item() == pytest.approx(-2 * 0.25)

    def test_what_is_read_off_a_painting_has_to_be_the_code_that_it_was_painted_by(self):
        painter = Painter(torch.zeros(1, 3, 32, 32))
        loss = phase("generator", painter, code_weight=1.0)(batch(1))  # read: 7, 7, 7; painted by 1, 0, 0
        assert loss.item() == pytest.approx((6**2 + 7**2 + 7**2) / 3)

    def test_dark_photographs_are_kept_like_light_ones(self):
        def content_loss(shift):
            given = batch(1)
            content = 0.1 * photographs_of(given) + shift
            dimmed = Painter(content + 0.2)
            return phase("generator", dimmed, content_weight=1.0)(Batch(torch.cat([content] * 2), given.labels)).item()

        # Around zero the means' ratio would make a slight lift of the tone look like a loss of all structure.
        assert content_loss(0.0) < 0.1

    def test_noise_has_to_change_the_picture_until_it_is_enough(self):
        generator = NoisePainter()
        torch.manual_seed(0)
        loss = phase("generator", generator, diversity_weight=3.0, diversity=2.0)(batch())
        (content, code, strength, noise), again = generator.asked
        torch.testing.assert_close(content[:1], again[0])
        torch.testing.assert_close(code[:1], again[1])
        assert strength[0] == again[2] == 1
        assert loss.item() == pytest.approx(3 * max(0, 2 - (noise[0] - again[3]).abs().item()), rel=1e-4)
        assert phase("generator", generator, diversity_weight=3.0, diversity=0.0)(batch()).item() == 0
        assert phase("generator", generator, number=1, diversity_weight=3.0, diversity=2.0)(batch()).item() == 0

    def test_variation_has_its_closed_form(self):
        ramp = torch.linspace(-1, 1, 32).expand(1, 3, 32, 32)
        loss = phase("generator", Painter(ramp), variation_weight=3.0)(batch())
        assert loss.item() == pytest.approx(3 * 2 / 31)


def terms(**weights):
    return Stylization(**{**SILENT, **weights}).terms("cpu")


def test_the_style_counts_in_proportion_to_the_strength():
    pictures, styles = (torch.rand(1, 3, 32, 32).expand(3, 3, 32, 32) * 2 - 1 for _ in range(2))
    score = terms(style_weight=1.0, features=(RandomBankDescriptor(),))
    whole = score.likeness(pictures, styles)
    strength = torch.tensor([0.0, 0.25, 1.0])
    assert whole.min() > 0.01
    torch.testing.assert_close(score(pictures, contents=pictures, styles=styles, strength=strength), strength * whole)


def test_style_falls_as_the_texture_comes_closer():
    likeness = terms(style_weight=1.0, features=(RandomBankDescriptor(filters=4, mixtures=8, finest=1.0),)).likeness
    given = batch(1)
    photograph, style = photographs_of(given), styles_of(given)
    style = style * torch.tensor([0.9, 0.3, 0.1])[:, None, None]
    losses = [likeness(torch.lerp(photograph, style, share), style).item() for share in (0.0, 0.5, 0.9, 1.0)]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] == 0


def test_uncentred_gram_matrices_see_a_shift_of_colour_that_centred_ones_do_not():
    style = styles_of(batch(1)) / 2
    bank = {"style_weight": 1.0, "features": (RandomBankDescriptor(filters=4, mixtures=8),)}
    losses = [terms(**bank, centred=centred).likeness(style + 0.5, style).item() for centred in (True, False)]
    assert losses[1] > losses[0]


def test_the_finest_level_can_be_left_out_of_the_style():
    """Noise that the pyramid's blur removes costs nothing then."""
    board = torch.ones(1, 3, 32, 32)
    board[..., ::2, 1::2] = board[..., 1::2, ::2] = -1
    style = torch.rand(1, 3, 32, 32) - 0.5
    noisy = style + 0.3 * board
    for finest, least, most in ((1.0, 0.1, 10.0), (0.0, 0.0, 1e-3)):
        bank = RandomBankDescriptor(filters=4, mixtures=8, finest=finest)
        assert least <= terms(style_weight=1.0, features=(bank,)).likeness(noisy, style).item() < most


def test_changed_colours_stay_colours_and_some_pictures_stay_as_they_are():
    torch.manual_seed(0)
    pictures = torch.rand(64, 3, 8, 8) * 2 - 1
    assert torch.equal(recolour(pictures, 0.0), pictures)
    changed = recolour(pictures, 0.5)
    assert changed.abs().max() <= 1
    same = (changed == pictures).all(dim=(1, 2, 3)).float().mean()
    assert 0.2 < same < 0.8


def test_both_phases_reach_every_weight_of_their_own_network(modules):
    nn.init.normal_(modules["generator"].painter.variation_scale)  # fresh, it lets nothing through to what lies below
    # Not hinge: while every logit is within its margin, real and false pictures pull a bias alike, one up and one down.
    for role, compute_loss in Stylization().phases(modules, LeastSquares(), IMAGE):
        modules[role].zero_grad()
        compute_loss(batch(), Step(0, 10)).backward()
        gradients = {name: weight.grad for name, weight in modules[role].named_parameters()}
        assert [name for name, gradient in gradients.items() if gradient is None] == []
        # A norm takes away what the bias before it adds, so that its gradient is nothing but rounding.
        silent = [name for name, gradient in gradients.items() if gradient.abs().max() < 1e-5]
        assert silent == [name for name in gradients if name.endswith(".convolution.bias")]


def test_preview_shows_photographs_and_every_style_of_them(modules):
    given = batch(5)
    pictures, columns = Stylization().preview(modules, given)
    assert columns == 5
    assert pictures.shape == (5 + 3 * 5, 3, 32, 32)
    assert torch.equal(pictures[:5], given.split(2)[0].images)
    again, _ = Stylization().preview(modules, given)
    assert torch.equal(pictures, again)


@pytest.mark.slow
def test_learns_a_palette():
    """A few dozen steps turn noise photographs into the colour of the style."""
    torch.manual_seed(0)
    image = Image(channels=3, size=32, classes=("blue", "photograph"))
    modules = Stylizer(width=64, blocks=0, code=8, noise=1, patch_width=4).build(image)
    objective = Stylization(content_weight=0.1, adversarial_weight=0.0, recoloured=0.0)
    compute_loss = dict(objective.phases(modules, Hinge(), image))["generator"]
    optimizer = torch.optim.Adam(modules["generator"].parameters(), 1e-2)
    photographs = torch.rand(2, 3, 32, 32) - 0.5
    blues = (torch.rand(2, 3, 32, 32) - 0.5) * 0.2 + torch.tensor([-0.8, -0.6, 0.7])[:, None, None]
    given = Batch(torch.cat([photographs, blues]), torch.tensor([1] * 2 + [0] * 2))
    for _ in range(80):
        optimizer.zero_grad()
        compute_loss(given, Step(0, 10)).backward()
        optimizer.step()
    full = torch.ones(2, 1)
    with torch.no_grad():
        painted = modules["generator"](photographs, modules["generator"].gallery(full), full, torch.zeros(2, 1))
    before, after = ((pictures.mean((0, 2, 3)) - blues.mean((0, 2, 3))).norm() for pictures in (photographs, painted))
    assert after < 0.9 * before
