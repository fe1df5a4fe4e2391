"""Four real data sets: how each is read, learnt and measured, by the recipes of the examples."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import nanocnn as nc
from nanocnn.evaluation import Estimate

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))  # as for the examples themselves

from model_steps import images as x_rays
from model_steps import pneumonia
from mri_slices import measures as slice_measures
from mri_slices import recipe as slices
from mri_slices import sources
from nodule_study import cases as nodules
from nodule_study import recipe as nodule_recipe
from retina import photographs, vessels

Triple = tuple[float, float, float]


class Trained(NamedTuple):
    """A model, and what belongs to it beside its weights, as JSON."""

    model: nc.Sequential
    notes: dict[str, Any]


class Task(NamedTuple):
    """One data set with its recipe.

    Attributes
    ----------
    name, file, unit : str      of the data; what is measured and drawn anew: an image, a nodule
    targets : {measure: (must, aim)}        on the test part
    published : {measure: {name: value}}        of others, on the same test part
    read : function of path, part and limit     returns the data; nothing of other parts is measured
    train : function of path, seed, limit and epochs
    evaluate : function of what was trained, and the data       {measure: value, low, high}
    """

    name: str
    file: str
    unit: str
    targets: dict[str, tuple[float, float]]
    published: dict[str, dict[str, float]]
    read: Callable[[Path, str, int | None], Any]
    train: Callable[[Path, int, int | None, int | None], Trained]
    evaluate: Callable[[Trained, Any], dict[str, Triple]]


def triples(found: dict[str, Estimate], names: dict[str, str]) -> dict[str, Triple]:
    """Return value, low and high of some estimates, by new names."""
    return {new: found[old][:3] for new, old in names.items()}


def read_x_rays(path: Path, part: str, limit: int | None) -> Any:
    return getattr(x_rays.read_data(str(path), 28, limit), part)


def train_x_rays(path: Path, seed: int, limit: int | None, epochs: int | None) -> Trained:
    data = x_rays.read_data(str(path), 28, limit)
    return Trained(pneumonia.train(data, seed, epochs=epochs or pneumonia.EPOCHS), {})


def evaluate_x_rays(trained: Trained, part: Any) -> dict[str, Triple]:
    names = ("auc", "accuracy", "sensitivity", "specificity")
    found = pneumonia.evaluate(trained.model, part)
    return triples(found, {name: name for name in names})


def read_nodules(path: Path, part: str, limit: int | None) -> Any:
    return getattr(nodules.read(path, with_test=part == "test"), part).first_nodules(limit)


def train_nodules(path: Path, seed: int, limit: int | None, epochs: int | None) -> Trained:
    data = nodules.read(path)
    data = data._replace(train=data.train.first_nodules(limit))
    return Trained(nodule_recipe.train(data, seed, epochs or nodule_recipe.EPOCHS), {})


def evaluate_nodules(trained: Trained, part: Any) -> dict[str, Triple]:
    names = {
        "auc": "nodule_both_auc",
        "auc_less_area": "nodule_both_auc_less_area",
        "network_auc": "nodule_auc",
        "network_auc_less_area": "nodule_auc_less_area",
        "area_auc": "nodule_area_auc",
    }
    return triples(nodule_recipe.evaluate(trained.model, part), names)


def read_photographs(path: Path, part: str, limit: int | None) -> Any:
    return photographs.read_photographs(str(path), part, limit)


def train_photographs(path: Path, seed: int, limit: int | None, epochs: int | None) -> Trained:
    train, val = (read_photographs(path, part, limit) for part in ("train", "val"))
    recipe = vessels.CHASE._replace(epochs=epochs or vessels.CHASE.epochs)
    found = vessels.train(train, val, seed, recipe, verbose=False)
    return Trained(found.model, {"threshold": found.threshold})


def evaluate_photographs(trained: Trained, part: Any) -> dict[str, Triple]:
    found = vessels.evaluate(vessels.Segmenter(trained.model, trained.notes["threshold"], {}), part)
    names = [*vessels.MEASURES, "second_observer_dice"]
    return {name: (found[name], *found[f"{name}_interval"]) for name in names}


def read_volumes(path: Path, part: str, limit: int | None) -> Any:
    data = sources.hippocampus(path, limit=limit, test=part == "test")
    return data, getattr(data, part)


def train_volumes(path: Path, seed: int, limit: int | None, epochs: int | None) -> Trained:
    data = sources.hippocampus(path, limit=limit)
    return Trained(slices.train(data, seed, slices.recipe_for(data, epochs), verbose=False)[0], {})


def evaluate_volumes(trained: Trained, part: Any) -> dict[str, Triple]:
    found = slice_measures.evaluate(trained.model, *part)
    names = {"dice": "mean_dice", "hausdorff95": "mean_hausdorff95"}
    for name in sources.HIPPOCAMPUS[1:]:
        name = name.replace(" ", "_")
        names[f"{name.split('_')[0]}_dice"] = f"dice_{name}"
    return {new: tuple(found[old]) for new, old in names.items()}


TASKS = (
    Task(
        "PneumoniaMNIST", "pneumoniamnist_28.npz", "image",
        {"auc": (0.970, 0.985), "accuracy": (0.89, 0.93)},
        {
            "auc": {"ResNet-18": 0.944, "ResNet-50": 0.948, "auto-sklearn": 0.942,
                    "AutoKeras": 0.947, "AutoML Vision": 0.991},
            "accuracy": {"ResNet-18": 0.854, "ResNet-50": 0.854, "auto-sklearn": 0.855,
                         "AutoKeras": 0.878, "AutoML Vision": 0.946},
        },
        read_x_rays, train_x_rays, evaluate_x_rays,
    ),
    Task(
        "LIDC nodules", "lidc_nodule_64.npz", "nodule", {"auc": (0.90, 0.93)},
        {"auc": {"area alone": 0.87, "a small CNN": 0.897}},
        read_nodules, train_nodules, evaluate_nodules,
    ),
    Task(
        "CHASE_DB1", "chasedb1_480.npz", "photograph", {"dice": (0.80, 0.825)},
        {"dice": {"second observer": 0.807}},  # by this very measure; on validation 0.788
        read_photographs, train_photographs, evaluate_photographs,
    ),
    Task(
        "MSD hippocampus", "msd_hippocampus_48x64x48.npz", "volume", {"dice": (0.855, 0.88)},
        {"dice": {"nnU-Net, 3-D": 0.895}},
        read_volumes, train_volumes, evaluate_volumes,
    ),
)  # fmt: skip
