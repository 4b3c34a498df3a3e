import pytest

from pipeline.doctor import diagnose


def ticks(count: int = 8, **figures: float) -> list[dict[str, float]]:
    healthy = {"generator_loss": 0.7, "discriminator_loss": 0.6, "discriminator_gradient": 0.5, "logit_gap": 1.5}
    return [{"step": 20 * (tick + 1), **healthy, **figures} for tick in range(count)]


def snapshots(*diversities: float, recall: float = 0.5) -> list[dict[str, float]]:
    return [row | {"diversity": value, "recall": recall} for row, value in zip(ticks(8), diversities, strict=False)]


def test_a_healthy_training_is_left_alone() -> None:
    assert diagnose(ticks()) is None
    assert diagnose(snapshots(0.5, 0.8, 0.9)) is None


def test_a_figure_that_is_not_finite_is_seen_at_once() -> None:
    for value in (float("nan"), float("inf")):
        found = diagnose([*ticks(1), {"step": 40, "generator_gradient": value}])
        assert found.name == "not_finite"
        assert found.sentence == (
            "generator gradient is not finite after step 40; lower train.learning_rates, set train.clip, or change the "
            "objective's penalty"
        )


def test_a_discriminator_that_has_won_is_seen_when_it_lasts() -> None:
    assert diagnose([*ticks(4), *ticks(4, logit_gap=40)]) is None
    found = diagnose(ticks(5, logit_gap=40))
    assert found.name == "one_sided"
    assert "40 apart" in found.sentence
    assert "raise objective.r1" in found.sentence


def test_a_discriminator_that_tells_nothing_and_learns_nothing() -> None:
    assert diagnose(ticks(5, logit_gap=0.0)) is None, "an even game has a gap near zero and a gradient"
    found = diagnose(ticks(5, logit_gap=1e-6, discriminator_gradient=1e-7))
    assert found.name == "discriminator_collapse"


def test_a_generator_without_a_gradient_has_stopped() -> None:
    assert diagnose([*ticks(4, generator_gradient=0.0), *ticks(1, generator_gradient=0.1)]) is None
    found = diagnose(ticks(5, generator_gradient=0.0))
    assert found.name == "stopped"
    assert found.sentence.startswith("the generator no longer learns at step 100: its gradient is zero")
    assert diagnose(ticks(5, inverse_discriminator_gradient=0.0)) is None, "a judge may rest"


@pytest.mark.parametrize(
    ("history", "words"),
    [
        (snapshots(0.9, 0.8, 0.3), "diversity fell from 0.90 to 0.30"),
        (snapshots(0.2, 0.2), "two samples differ 0.20 times as much as two real pictures"),
        ([*snapshots(0.9), snapshots(0.9, recall=0.1)[0] | {"step": 40}], "recall fell from 0.50 to 0.10"),
        (
            [row | {"class_coverage": share} for row, share in zip(snapshots(1, 1), (1.0, 0.2), strict=True)],
            "class cov",
        ),
    ],
)
def test_mode_collapse_is_seen_in_the_samples(history: list[dict[str, float]], words: str) -> None:
    found = diagnose(history)
    assert found.name == "mode_collapse"
    assert words in found.sentence


def test_low_diversity_at_the_very_start_is_no_collapse() -> None:
    assert diagnose(snapshots(0.1)) is None


def test_between_snapshots_old_scores_do_not_alarm() -> None:
    assert diagnose([*snapshots(0.9, 0.1), *ticks(1)]) is None


def test_a_young_generator_whose_pictures_come_nearer_is_left_alone() -> None:
    distances = (298.0, 285.0, 269.0, 251.0)
    young = [row | {"frechet": far} for row, far in zip(snapshots(0.01, 0.02, 0.07, 0.35), distances, strict=True)]
    assert [diagnose(young[: count + 1]) for count in range(4)] == [None] * 4
    stuck = [*young[:2], young[2] | {"frechet": 285.0}]
    assert diagnose(stuck).name == "mode_collapse"


def test_the_gap_of_a_critic_may_be_of_any_size() -> None:
    assert diagnose(ticks(8, logit_gap=400), saturates=False) is None
    assert diagnose(ticks(8, logit_gap=400)).name == "one_sided"


def test_snapshots_between_ticks_hide_no_symptom() -> None:
    history = []
    for row in ticks(5, logit_gap=40):
        history += [row, {"step": row["step"] + 1, "diversity": 0.9, "recall": 0.5}]
    assert diagnose(history[:-1]).name == "one_sided"
