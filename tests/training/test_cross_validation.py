"""`cross_validate`: no model is tested on what it learnt from; scores, outputs, progress."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nanocnn as nc
from nanocnn.data import ImageDataset, LeakWarning, Preparation, kfold
from nanocnn.data.transforms import ZScore
from nanocnn.evaluation import auc
from nanocnn.layers.base import Array
from nanocnn.training import cross_validate
from tests.training.folds import GROUPS, X, Y, build, check_equal, dataset, run


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
