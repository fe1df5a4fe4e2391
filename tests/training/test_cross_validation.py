"""`cross_validate`: no model is tested on what it learnt from; an interruption costs nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nanocnn as nc
from nanocnn.data import Augment, DataError, ImageDataset, LeakWarning, Preparation, kfold
from nanocnn.data.transforms import ZScore
from nanocnn.evaluation import auc
from nanocnn.layers.base import Array
from nanocnn.training import CrossValidation, cross_validate
from tests.layers.examples import same
from tests.models.examples import pictures

X, Y = pictures(40)
GROUPS = np.array([f"patient {i // 4}" for i in range(40)])


def build(seed: int = 0, *, end: int = 2, loss: str = "softmax_cross_entropy") -> nc.Sequential:
    model = nc.Sequential(
        [
            nc.Conv2D(4, 3, activation="relu"),
            nc.GlobalAveragePool2D(),
            nc.Dropout(0.2),
            nc.Dense(end),
        ],
        input_shape=(14, 12, 3),
        seed=seed,
    )
    model.compile(nc.Adam(0.01), loss, ["accuracy"])
    return model


def dataset() -> ImageDataset:
    return ImageDataset(np.round(X * 255).astype(np.uint8), Y, groups=GROUPS)


def run(data: Any = None, **options: Any) -> CrossValidation:
    options = {"k": 4, "epochs": 2, "batch_size": 8, "verbose": False, **options}
    return cross_validate(build, dataset() if data is None else data, **options)


def check_equal(a: CrossValidation, b: CrossValidation) -> None:
    """Assert that all numbers are the same, bit for bit."""
    assert len(a.folds) == len(b.folds)
    for one, other in zip(a.folds, b.folds, strict=True):
        assert one.scores == other.scores
        assert one.history == other.history
        assert one.n_train == other.n_train
        assert same((one.test, one.outputs), (other.test, other.outputs))


def test_every_image_is_tested_once_by_a_model_that_has_not_seen_it() -> None:
    learnt: list[set[bytes]] = []

    class Spy(nc.Callback):
        def on_train_begin(self) -> None:
            learnt.append(set())

    def remember(seed: int) -> nc.Sequential:
        model = build(seed)
        forward = model.forward

        def spy(x: Array, *, training: bool = False, rng: Any = None) -> Any:
            if training:
                learnt[-1].update(image.tobytes() for image in x)
            return forward(x, training=training, rng=rng)

        object.__setattr__(model, "forward", spy)
        return model

    result = cross_validate(
        remember, (X, Y), 4, epochs=1, groups=GROUPS, callbacks=[Spy()], verbose=False
    )
    assert len(learnt) == 4
    for seen, fold in zip(learnt, result.folds, strict=True):
        assert len(seen) == fold.n_train == 40 - len(fold.test)
        assert not seen & {image.tobytes() for image in X[fold.test]}
        rest = np.setdiff1d(np.arange(40), fold.test)
        assert not set(GROUPS[fold.test]) & set(GROUPS[rest])
        assert abs(int(Y[fold.test].sum()) * 2 - len(fold.test)) <= 4
    assert sorted(np.concatenate([fold.test for fold in result.folds])) == list(range(40))
    for k, (_, test) in enumerate(kfold(Y, 4, 0, groups=GROUPS)):
        np.testing.assert_array_equal(result.fold_of[test], k)


def test_scores_outputs_and_their_spread(tmp_path: Path) -> None:
    result = run(folder=tmp_path / "cv")
    assert result.outputs.shape == (40, 2)
    for k, fold in enumerate(result.folds):
        model = nc.load(tmp_path / "cv" / f"fold_{k + 1}.safetensors")
        held_out = dataset().subset(fold.test)
        np.testing.assert_array_equal(model.predict(held_out, batch_size=8), fold.outputs)
        np.testing.assert_array_equal(result.outputs[fold.test], fold.outputs)
        scores = model.evaluate(held_out, batch_size=8)
        assert list(fold.scores) == ["loss", "accuracy", "auc"]
        assert (fold.scores["loss"], fold.scores["accuracy"]) == scores
        margin = fold.outputs[:, 1] - fold.outputs[:, 0]
        assert fold.scores["auc"] == auc(Y[fold.test], margin)
        assert len(fold.history["loss"]) == 2
    values = [fold.scores["loss"] for fold in result.folds]
    assert result.mean["loss"] == pytest.approx(np.mean(values))
    assert result.std["loss"] == pytest.approx(np.sqrt(np.var(values) * 4 / 3))


def test_the_table_and_json() -> None:
    result = run(k=3)
    lines = str(result).splitlines()
    assert lines[0].split() == ["fold", "train", "test", "loss", "accuracy", "auc"]
    assert [line.split()[0] for line in lines[1:]] == ["1", "2", "3", "mean", "std"]
    assert lines[4].split()[1] == f"{result.mean['loss']:.4f}"
    assert f"accuracy {result.mean['accuracy']:.4f} ± {result.std['accuracy']:.4f}" in repr(result)
    told = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert told["mean"] == result.mean
    assert told["folds"][1]["scores"] == result.folds[1].scores
    assert told["folds"][2]["test"] == result.folds[2].test.tolist()


def test_the_preparation_is_fitted_on_what_a_fold_learns_from(tmp_path: Path) -> None:
    how = Preparation(transforms=ZScore())
    result = run(preparation=how, folder=tmp_path / "cv")
    means = set()
    for k, fold in enumerate(result.folds):
        rest = np.setdiff1d(np.arange(40), fold.test)
        fitted = how.fit(dataset().subset(rest))
        saved = nc.load(tmp_path / "cv" / f"fold_{k + 1}.safetensors").preparation
        assert saved is not None
        assert saved.transforms == fitted.transforms
        means.add(repr(saved.transforms))
    assert len(means) == 4
    assert not how.is_fitted


def test_folds_have_seeds_of_their_own_and_the_seed_matters() -> None:
    seeds = []

    def note(seed: int) -> nc.Sequential:
        seeds.append(seed)
        return build(seed)

    first = cross_validate(note, (X, Y), 3, batch_size=8, verbose=False)
    assert len(set(seeds)) == 3
    check_equal(first, cross_validate(build, (X, Y), 3, batch_size=8, verbose=False))
    other = cross_validate(build, (X, Y), 3, seed=1, batch_size=8, verbose=False)
    assert other.folds[0].scores != first.folds[0].scores


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


def test_progress(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    run(folder=tmp_path / "cv", verbose=True)
    text = capsys.readouterr().err
    assert "fold 1 of 4: 32 images to learn from, 8 to test on" in text or "fold 1 of 4: 28" in text
    assert "epoch 2/2" in text
    assert "fold 4 of 4: loss " in text
    run(folder=tmp_path / "cv", verbose=True)
    assert "fold 4 of 4 was done before: loss " in capsys.readouterr().err
    run()
    assert capsys.readouterr().err == ""


def test_one_output_one_hot_labels_and_own_metrics() -> None:
    def share_of_ones(true: Array, p: Array) -> float:
        assert p.shape == (len(true), 2)
        np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-6)
        return float(np.mean(true))

    def one(seed: int) -> nc.Sequential:
        return build(seed, end=1, loss="binary_cross_entropy")

    options: dict[str, Any] = {"k": 2, "batch_size": 8, "verbose": False}
    result = cross_validate(one, (X, Y), metrics=["sensitivity", share_of_ones], **options)
    assert list(result.folds[0].scores) == ["loss", "accuracy", "sensitivity", "share_of_ones"]
    assert result.mean["share_of_ones"] == 0.5
    assert result.outputs.shape == (40, 1)
    one_hot = cross_validate(build, (X, np.eye(2)[Y]), **options)
    check_equal(one_hot, cross_validate(build, (X, Y[:, None]), **options))


def test_masks() -> None:
    masks = (X.mean(axis=3) > 0.5).astype(np.uint8)

    def segmenter(seed: int) -> nc.Sequential:
        model = nc.Sequential([nc.Conv2D(2, 1)], seed=seed)
        model.compile("adam", "softmax_cross_entropy", ["accuracy"])
        return model

    options: dict[str, Any] = {"k": 2, "batch_size": 8, "verbose": False}
    pair = cross_validate(segmenter, (X, masks), **options)
    assert list(pair.mean) == ["loss", "accuracy"]
    assert pair.outputs.shape == (40, 14, 12)
    assert pair.outputs.dtype == np.uint8
    given = ImageDataset(X, np.zeros(40, int), masks=masks)
    result = cross_validate(segmenter, given, **options)
    assert result.targets is None
    for fold, other in zip(result.folds, pair.folds, strict=True):
        np.testing.assert_array_equal(fold.test, other.test)
        agree = (fold.outputs == masks[fold.test]).mean()
        assert fold.scores["accuracy"] == pytest.approx(agree)


def test_copies_in_different_folds_are_told() -> None:
    x = X.copy()
    x[7], x[9] = x[1], x[1]
    with pytest.warns(LeakWarning, match=r"folds are tested on images that they learn from; in "):
        run((x, Y))


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
