"""`cross_validate` goes on after an interruption, and refuses what it cannot go on with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import nanocnn as nc
from nanocnn.data import Augment, DataError, ImageDataset, Preparation
from nanocnn.data.transforms import ZScore
from nanocnn.training import cross_validate
from tests.training.folds import GROUPS, X, Y, build, check_equal, dataset, run


class InterruptIn(nc.Callback):
    """Raise in the second epoch of one fold, once."""

    def __init__(self, fold: int) -> None:
        self.fold, self.begun = fold, 0

    def on_train_begin(self) -> None:
        self.begun += 1

    def on_batch_end(self, batch: int, logs: Any) -> None:
        if self.begun == self.fold and self.epoch == 1 and batch == 1:
            raise KeyboardInterrupt

    def on_epoch_begin(self, epoch: int) -> None:
        self.epoch = epoch


@pytest.mark.parametrize("kind", ["arrays", "data set"])
def test_an_interruption_in_fold_3_costs_nothing(kind: str, tmp_path: Path) -> None:
    options: dict[str, Any] = {"augment": Augment(flip="both", noise=0.05), "balanced": True}
    data: Any = (X, Y)
    if kind == "data set":
        data, options["preparation"] = dataset(), Preparation(transforms=ZScore())
    whole = run(data, **options, callbacks=[InterruptIn(0)])
    folder = tmp_path / "cv"
    with pytest.raises(KeyboardInterrupt):
        run(data, **options, folder=folder, callbacks=[InterruptIn(3)])
    names = sorted(path.name for path in folder.iterdir())
    finished = [f"fold_{k}.{end}" for k in (1, 2) for end in ("json", "npz", "safetensors")]
    assert names == ["cross_validation.json", *finished]
    again = InterruptIn(0)
    check_equal(run(data, **options, folder=folder, callbacks=[again]), whole)
    assert again.begun == 2, "folds 3 and 4 only"
    finished_all = InterruptIn(0)
    check_equal(run(data, **options, folder=folder, callbacks=[finished_all]), whole)
    assert finished_all.begun == 0


@pytest.mark.parametrize("end", ["json", "npz", "safetensors"])
def test_a_fold_with_a_damaged_or_missing_file_starts_again(end: str, tmp_path: Path) -> None:
    folder = tmp_path / "cv"
    whole = run(folder=folder)
    (folder / f"fold_2.{end}").unlink()
    if end != "safetensors":
        path = folder / f"fold_3.{end}"
        path.write_bytes(path.read_bytes()[:-20])
    check_equal(run(folder=folder), whole)
    assert (folder / f"fold_2.{end}").exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"k": 5}, "k is 4 there and 5 here"),
        ({"seed": 1}, "seed is 0 there and 1 here"),
        ({"epochs": 3}, "epochs is 2 there and 3 here"),
        ({"balanced": True}, "balanced is False there and True here"),
        ({"augment": Augment(noise=0.1)}, "augment is None there and"),
        ({"preparation": Preparation(transforms=ZScore())}, "preparation is None there"),
        ({"metrics": ["f1"]}, r"metrics is None there and \['f1'\] here"),
        ({"class_weight": {0: 1, 1: 2}}, "class_weight is None there"),
        ({"data": dataset()[:36]}, "data is '"),
        ({"data": ImageDataset(dataset().arrays()[0], 1 - Y, groups=GROUPS)}, "data is '"),
    ],
)
def test_a_folder_of_another_one_is_refused(
    change: dict[str, Any], says: str, tmp_path: Path
) -> None:
    run(folder=tmp_path / "cv")
    before = {path: path.read_bytes() for path in (tmp_path / "cv").iterdir()}
    with pytest.raises(ValueError, match=f"belongs to another cross-validation: {says}") as told:
        run(folder=tmp_path / "cv", **change)
    assert "\n" not in str(told.value)
    assert {path: path.read_bytes() for path in (tmp_path / "cv").iterdir()} == before


def test_another_model_is_refused(tmp_path: Path) -> None:
    run((X, Y), folder=tmp_path)
    with pytest.raises(ValueError, match=r"model is .Sequential\("):
        cross_validate(lambda seed: build(seed, end=3), (X, Y), 4, epochs=2, batch_size=8,
                       folder=tmp_path, verbose=False)  # fmt: skip


def test_folders_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("all my work")
    with pytest.raises(ValueError, match=r"holds other files and no cross_validation\.json"):
        run(folder=tmp_path)
    (tmp_path / "cross_validation.json").write_text("[")
    with pytest.raises(ValueError, match="is damaged; give an empty folder"):
        run(folder=tmp_path)


def shared_layers() -> Callable[[], nc.Sequential]:
    layers = [nc.Flatten(), nc.Dense(2)]

    def make() -> nc.Sequential:
        model = nc.Sequential(layers, input_shape=(14, 12, 3))
        model.compile("sgd", "softmax_cross_entropy")
        return model

    return make


def one_model() -> Callable[[], nc.Sequential]:
    model = build()
    return lambda: model


def shared_optimizer() -> Callable[[], nc.Sequential]:
    adam = nc.Adam(0.1)

    def make() -> nc.Sequential:
        model = nc.Sequential([nc.Flatten(), nc.Dense(2)], input_shape=(14, 12, 3))
        model.compile(adam, "softmax_cross_entropy")
        return model

    return make


@pytest.mark.parametrize("builder", [shared_layers(), shared_optimizer(), one_model()])
def test_models_that_have_seen_the_test_images_are_refused(builder: Any) -> None:
    with pytest.raises(ValueError, match="layers or an optimizer of the fold before"):
        cross_validate(builder, (X, Y), verbose=False)


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"data": X}, ValueError, "needed is a data set or a pair"),
        ({"data": (X, Y), "preparation": Preparation()}, ValueError, "an array is ready"),
        ({"k": 30}, DataError, "class 0 has 10 groups, too few for 30 folds"),
        ({"data": (X, Y), "k": 30}, DataError, "class 0 has 20 images, too few"),
        ({"metrics": "auc"}, ValueError, r"metrics must be a list, such as \['auc'\]"),
        ({"metrics": ["dice"]}, ValueError, "metric 'dice' is unknown; use one of accuracy, auc"),
        ({"metrics": ["accuracy"]}, ValueError, "metric 'accuracy' is there twice, or compiled"),
    ],
)
def test_refused(options: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says) as told:
        run(**options)
    assert "\n" not in str(told.value)


def test_builders_that_build_no_model() -> None:
    with pytest.raises(TypeError, match=r"must return a compiled nanocnn\.Sequential, got None"):
        cross_validate(lambda: None, (X, Y), verbose=False)
    bare = lambda: nc.Sequential([nc.Flatten(), nc.Dense(2)])  # noqa: E731
    with pytest.raises(RuntimeError, match="the model has no loss yet"):
        cross_validate(bare, (X, Y), verbose=False)
