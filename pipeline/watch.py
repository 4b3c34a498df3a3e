"""Watches over a training: scores its snapshots, keeps the best of them, and acts on what the doctor finds."""

from pathlib import Path

import numpy as np
import torch

from pipeline import checkpoint
from pipeline.data.dataset import Dataset
from pipeline.doctor import Diagnosis, diagnose
from pipeline.errors import TrainingError
from pipeline.features.ganvas_net import GanvasNet
from pipeline.pictures import to_uint8
from pipeline.progress import console
from pipeline.recipe import Recipe
from pipeline.scoring import Scorer
from pipeline.tracking import Tracker
from pipeline.training import Row, Trainer

_BATCH = 64
_MOST_FALLBACKS = 3


class Watch:
    """What a recipe's `train.watch` asks for. `good` is the file of the state that a training falls back to."""

    def __init__(self, recipe: Recipe, dataset: Dataset, *, trainer: Trainer, tracker: Tracker, good: Path) -> None:
        self._recipe = recipe
        self._config = recipe.train.watch
        self._dataset = dataset
        self._trainer = trainer
        self.tracker = tracker
        self._good = good
        self._scorer: Scorer | None = None
        self._told: set[str] = set()

    def score(self) -> Row:
        """Return the scores of the averaged weights' samples on all ranks; none where they need more than noise."""
        world = self._trainer.world
        return world.broadcast(self._score() if world.leads else {})

    def take_snapshot(self) -> None:
        """Score the averaged weights, and keep the state to fall back to while nothing is wrong with it."""
        trainer, scores = self._trainer, self.score()
        trainer.note(scores)
        self.tracker.log_metrics(trainer.step, scores)
        if self._diagnose() is None:
            self.keep_good()

    def keep_good(self) -> None:
        """Keep the state as it is now, where the recipe wants to fall back and nothing in it is broken."""
        if self._config.response == "roll_back" and self._trainer.is_finite:
            state = self._trainer.state()
            if self._trainer.world.leads:
                checkpoint.save(self._good, state, digest=self._good.stem)

    def examine(self) -> bool:
        """Act on the last figures; return whether the training fell back to an earlier step.

        Raises:
            TrainingError: figures are not finite, or the recipe wants to stop at any trouble, or falling back did not
                help.

        """
        diagnosis = self._diagnose()
        if diagnosis is None:
            return False
        fresh = diagnosis.name not in self._told
        if fresh:
            self._told.add(diagnosis.name)
            self.tracker.tag("ganvas.diagnosis", diagnosis.name)
        if self._config.response == "roll_back":
            self._fall_back(diagnosis)
            return True
        if self._config.response == "stop" or diagnosis.name == "not_finite":
            raise TrainingError(f"{self._recipe.name}: {diagnosis.sentence}")
        if fresh:
            console.print(f"{self._recipe.name}: {diagnosis.sentence}")
        return False

    def _diagnose(self) -> Diagnosis | None:
        return diagnose(self._trainer.history, saturates=self._recipe.loss.name != "wasserstein")

    def _fall_back(self, diagnosis: Diagnosis) -> None:
        trainer, fallbacks = self._trainer, self._trainer.fallbacks + 1
        if fallbacks > _MOST_FALLBACKS:
            raise TrainingError(
                f"{self._recipe.name}: {diagnosis.sentence}; it fell back {_MOST_FALLBACKS} times, which did not help"
            )
        state = checkpoint.load(self._good, digest=self._good.stem) if trainer.world.leads else None
        state = trainer.world.broadcast(state)
        assert state is not None
        trainer.restore(state)
        trainer.fallbacks = fallbacks
        console.print(
            f"{self._recipe.name}: {diagnosis.sentence}; back to step {trainer.step:,}, with {0.5**fallbacks:g} times "
            f"the learning rates and {2**fallbacks} times the penalties"
        )

    def _score(self) -> Row:
        samples = self._config.samples
        if not samples:
            return {}
        random = np.random.default_rng(self._recipe.train.seed)
        labels = torch.from_numpy(random.choice(self._dataset.labels[self._dataset.training], samples))
        device = next(self._trainer.averaged[self._recipe.network.deployed[0]].parameters()).device
        drawn = []
        for seed, part in enumerate(torch.split(labels.to(device), _BATCH)):
            with torch.no_grad():
                pictures = self._recipe.objective.draw(self._trainer.averaged, part, seed=seed)
            if pictures is None:
                return {}
            drawn.append(to_uint8(pictures.float().cpu().numpy()))
        if self._scorer is None:
            self._scorer = Scorer(GanvasNet(), self._dataset, samples=samples, seed=self._recipe.train.seed)
        return self._scorer.score(np.concatenate(drawn))
