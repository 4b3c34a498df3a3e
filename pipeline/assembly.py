"""A recipe and its data -> networks in training, at their start; the one place where these are put together."""

import numpy as np
import torch
from torch import nn

from pipeline.contracts import Batch, Image
from pipeline.data.dataset import Dataset
from pipeline.distributed import World
from pipeline.errors import DataError, RecipeError
from pipeline.recipe import Recipe
from pipeline.training import ALONE, LAYOUTS, Sampler, Trainer


def assemble(recipe: Recipe, dataset: Dataset, *, device: torch.device, world: World = ALONE) -> tuple[Trainer, Batch]:
    """Return the networks of `recipe` in training at step 0, and the batch that previews are made of.

    Seeds torch's random numbers: equal recipes, data and ranks begin alike.

    Raises:
        DataError: the data are too few for a batch.
        RecipeError: the parts of the recipe do not fit each other, the data or the machine, or the ranks cannot share a
            batch.

    """
    try:
        return _assemble(recipe, dataset, device=device, world=world)
    except RecipeError as error:
        raise error.of(recipe.name) from error


class _Networks(dict[str, nn.Module]):
    """The networks of a recipe by role; an objective that asks for another role is told which there are."""

    def __init__(self, recipe: Recipe, image: Image) -> None:
        super().__init__(recipe.network.build(image))
        self._told = recipe.objective.name, recipe.network.name, ", ".join(self)

    def __missing__(self, role: str) -> nn.Module:
        objective, network, roles = self._told
        problem = f"'{objective}' needs a network with a {role}, and '{network}' has {roles}"
        raise RecipeError("objective.name", problem, "choose another objective or another network")


def _assemble(recipe: Recipe, dataset: Dataset, *, device: torch.device, world: World) -> tuple[Trainer, Batch]:
    config = recipe.train
    if config.batch % world.size:
        raise RecipeError(
            "train.batch",
            f"is {config.batch}, which {world.size} ranks cannot share evenly",
            f"set it to a multiple of {world.size} or start another number of ranks",
        )
    training = dataset.labels[dataset.training]
    domains = [dataset.training[np.isin(training, labels)] for labels in recipe.objective.domains(dataset.image)]
    smallest = min(len(domain) for domain in domains)
    if smallest < config.batch:
        raise DataError(
            f"{recipe.name}: {smallest} training pictures are fewer than a batch; set train.batch to {smallest} or "
            "less, or add pictures"
        )
    torch.manual_seed(config.seed)
    modules = _Networks(recipe, dataset.image)
    modules.update(recipe.objective.modules(dataset.image))
    for module in modules.values():
        module.to(device, memory_format=LAYOUTS[config.channels_last])  # type: ignore[call-overload]  # missing from torch's stubs
    sampler = Sampler(dataset.images, dataset.labels, domains=domains, config=config, device=device)
    example = sampler.draw()
    phases = recipe.objective.phases(modules, recipe.loss, dataset.image)
    recipe.objective.check_count(modules, sum(map(len, domains)))
    deployed = recipe.network.deployed
    trainer = Trainer(modules, phases, deployed=deployed, sampler=sampler, config=config, world=world)
    if not world.leads:  # the networks start alike, the noise does not
        torch.manual_seed(int(np.random.SeedSequence([config.seed, world.rank]).generate_state(1)[0]))
    if config.compile:
        from pipeline.compiling import compile_networks  # noqa: PLC0415 - torch's compiler takes seconds to load

        compile_networks(modules, trainer.gradients, dtype=trainer.dtype, largest=world.largest)
    return trainer, example
