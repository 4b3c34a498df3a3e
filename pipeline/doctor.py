"""Watches a training's figures for the ways in which adversarial training fails, and says what to change."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite

Row = Mapping[str, float]

_LASTING = 5
"""So many log ticks in a row make a symptom."""
_HUGE_GAP = 25.0
"""A gap of the logits at which the generator's gradient has all but vanished: e^-25 of what it was."""
_NO_GAP, _NO_GRADIENT = 1e-3, 1e-4
_FALLEN = 0.5
"""A score of the samples that has lost this share of its best counts as fallen."""
_POOR_DIVERSITY = 0.3
"""Two samples differ by less than this share of what two real pictures differ by."""
_NEARER = 0.99
"""A distance that has fallen to this share of the last one is still falling."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is wrong with a training: a `name` to tag its run with, and a `sentence` with what to change."""

    name: str
    sentence: str


def diagnose(history: Sequence[Row], *, saturates: bool = True) -> Diagnosis | None:
    """Return what is wrong after the last row of a training's history; nothing for a healthy one.

    Each row holds `step` and the figures of a log tick: losses and gradient norms by role, `logit_gap` where there is a
    discriminator, and at snapshots the scores of the averaged weights' samples (`frechet`, `diversity`, `recall`,
    `class_coverage`). The rows alone decide, so a resumed training is judged like one that was never stopped.
    `saturates` says that logits far apart leave the generator no gradient; a critic's gap is a distance, of any size.
    """
    symptoms = [symptom for symptom in _SYMPTOMS if saturates or symptom is not _one_sided]
    return next(filter(None, (symptom(history) for symptom in symptoms)), None)


def _not_finite(history: Sequence[Row]) -> Diagnosis | None:
    broken = [name for name, value in history[-1].items() if not isfinite(value)]
    if not broken:
        return None
    return Diagnosis(
        "not_finite",
        f"{broken[0].replace('_', ' ')} is not finite after step {_step(history)}; lower train.learning_rates, set "
        "train.clip, or change the objective's penalty",
    )


def _one_sided(history: Sequence[Row]) -> Diagnosis | None:
    gaps = _lasting(history, "logit_gap")
    if not gaps or min(gaps) < _HUGE_GAP:
        return None
    return Diagnosis(
        "one_sided",
        f"the discriminator has won at step {_step(history)}: its logits of real and generated pictures are "
        f"{gaps[-1]:.0f} apart, which leaves the generator no gradient; raise objective.r1, lower the discriminator's "
        "learning rate, or augment (objective.augment)",
    )


def _discriminator_collapse(history: Sequence[Row]) -> Diagnosis | None:
    gaps, gradients = (_lasting(history, name) for name in ("logit_gap", "discriminator_gradient"))
    if not gaps or not gradients or max(map(abs, gaps)) > _NO_GAP or max(gradients) > _NO_GRADIENT:
        return None
    return Diagnosis(
        "discriminator_collapse",
        f"the discriminator has collapsed at step {_step(history)}: it gives real and generated pictures the same "
        "logit and no longer learns; lower objective.r1 and r2, or the discriminator's learning rate",
    )


def _stopped(history: Sequence[Row]) -> Diagnosis | None:
    stopped = [
        name.removesuffix("_gradient")
        for name in history[-1]
        if name.endswith("_gradient") and not name.endswith("discriminator_gradient")
        if (gradients := _lasting(history, name)) and max(gradients) < _NO_GRADIENT
    ]
    if not stopped:
        return None
    return Diagnosis(
        "stopped",
        f"the {stopped[0]} no longer learns at step {_step(history)}: its gradient is zero; lower its rate in "
        "train.learning_rates, or take a loss that does not saturate",
    )


def _mode_collapse(history: Sequence[Row]) -> Diagnosis | None:
    last = history[-1]
    if "diversity" not in last:
        return None
    scores = [row for row in history if "diversity" in row]
    fallen = [
        f"{name.replace('_', ' ')} fell from {best:.2f} to {last[name]:.2f}"
        for name in ("diversity", "recall", "class_coverage")
        if name in last and (best := max(row[name] for row in scores)) and last[name] < _FALLEN * best
    ]
    # A young generator repeats itself as well, while its pictures still come nearer to the real ones.
    stuck = len(scores) > 1 and last.get("frechet", inf) > _NEARER * scores[-2].get("frechet", -inf)
    if not fallen and last["diversity"] < _POOR_DIVERSITY and stuck:
        fallen = [f"two samples differ {last['diversity']:.2f} times as much as two real pictures"]
    if not fallen:
        return None
    return Diagnosis(
        "mode_collapse",
        f"the generator repeats itself at step {_step(history)} (mode collapse): {' and '.join(fallen)}; raise "
        "objective.r1 and r2, take the relativistic loss, augment (objective.augment), or lower the learning rates",
    )


_SYMPTOMS: tuple[Callable[[Sequence[Row]], Diagnosis | None], ...] = (
    _not_finite,
    _one_sided,
    _discriminator_collapse,
    _stopped,
    _mode_collapse,
)


def _lasting(history: Sequence[Row], name: str) -> list[float]:
    """Return a figure's last values, or nothing where there are too few of them to judge by.

    Rows of snapshots between two log ticks hold scores alone.
    """
    values = [row[name] for row in history if name in row][-_LASTING:]
    return values if len(values) == _LASTING else []


def _step(history: Sequence[Row]) -> str:
    return f"{history[-1]['step']:,.0f}"
