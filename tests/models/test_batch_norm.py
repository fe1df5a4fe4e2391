"""Models with batch normalization: fitted, saved, loaded, damaged, summed up, on any threads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save as to_bytes

import nanocnn as nc
from nanocnn.models.saving import ModelFileError
from tests.layers.examples import same
from tests.models.examples import copies, pictures


def small(**options: Any) -> nc.Sequential:
    return nc.Sequential(
        [
            nc.Conv2D(4, 3, use_bias=False),
            nc.BatchNorm(activation="relu"),
            nc.MaxPool2D(2),
            nc.Flatten(),
            nc.Dense(8),
            nc.BatchNorm(momentum=0.5),
            nc.Dense(2),
        ],
        input_shape=(14, 12, 3),
        **options,
    )


def fitted(epochs: int = 3) -> nc.Sequential:
    model, (x, y) = small(), pictures()
    model.compile("adam", "softmax_cross_entropy", ["accuracy"])
    model.fit(x, y, epochs=epochs, batch_size=4, verbose=False)
    return model


def test_it_learns() -> None:
    model, (x, y) = fitted(epochs=25), pictures()
    assert model.evaluate(x, y)[1] == 1


def test_statistics_follow_training_and_nothing_else() -> None:
    model, (x, y) = fitted(), pictures()
    assert list(model.state) == [
        "batch_norm_1.mean", "batch_norm_1.variance", "batch_norm_2.mean", "batch_norm_2.variance",
    ]  # fmt: skip
    assert not np.allclose(model.state["batch_norm_1.variance"], 1)
    before = {key: s.copy() for key, s in model.state.items()}
    model.evaluate(x, y)
    model.predict(x)
    model.summary()
    model.forward(x, training=True)
    assert same(model.state, before)


def test_running_statistics_by_hand() -> None:
    """The second one's input, step by step, with parameters that do not move."""
    model, (x, y) = small(dtype="float64"), pictures(8, dtype="float64")
    model.compile(nc.SGD(1e-300), "softmax_cross_entropy")
    mean, variance = np.zeros(8), np.ones(8)
    model.fit(x, y, epochs=1, batch_size=4, shuffle=False, verbose=False)
    for start in (0, 4):
        z = model[:5].forward(x[start : start + 4], training=True)[0]
        mean = 0.5 * mean + 0.5 * z.mean(axis=0)
        variance = 0.5 * variance + 0.5 * z.var(axis=0, ddof=1)
    np.testing.assert_allclose(model.state["batch_norm_2.mean"], mean, rtol=1e-12)
    np.testing.assert_allclose(model.state["batch_norm_2.variance"], variance, rtol=1e-12)


@pytest.mark.compiled  # a library's matrix product has other bits for other batches
def test_predictions_do_not_depend_on_the_batch() -> None:
    model, (x, _) = fitted(), pictures()
    whole = model.predict(x)
    np.testing.assert_array_equal(model.predict(x, batch_size=5), whole)
    np.testing.assert_array_equal(model(x), whole)


def test_saved_and_loaded(tmp_path: Path) -> None:
    model, (x, y) = fitted(), pictures()
    model.layers[1].freeze()
    model.compile(nc.SGD(0.1), "softmax_cross_entropy")
    model.save(tmp_path / "m.safetensors")
    loaded = nc.load(tmp_path / "m.safetensors")
    assert same(loaded.params, model.params)
    assert same(loaded.state, model.state)
    assert not loaded.layers[1].trainable
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))
    for each in (model, loaded):
        each.fit(x, y, epochs=1, batch_size=4, verbose=False)
    assert same(loaded.params, model.params)
    assert same(loaded.state, model.state)
    model.save(tmp_path / "m.safetensors")
    other = small(seed=9)
    other.load_weights(tmp_path / "m.safetensors")
    assert same(other.state, model.state)


def test_same_bits_on_any_number_of_threads() -> None:
    before, found = nc.get_num_threads(), []
    try:
        for n in (1, 2):
            nc.set_num_threads(n)
            model = fitted()
            found.append((copies(model), {key: s.copy() for key, s in model.state.items()}))
    finally:
        nc.set_num_threads(before)
    assert same(*found)


def test_a_frozen_part_stays_as_it_is() -> None:
    model, (x, y) = fitted(), pictures()
    model.layers[1].freeze()
    before = {key: s.copy() for key, s in model.state.items()}
    model.fit(x, y, epochs=1, batch_size=4, verbose=False)
    moved = {key for key, s in model.state.items() if not same(s, before[key])}
    assert moved == {"batch_norm_2.mean", "batch_norm_2.variance"}


def test_a_last_batch_of_one_is_told() -> None:
    model, (x, y) = small(), pictures(9)
    model.compile("sgd", "softmax_cross_entropy")
    with pytest.raises(ValueError, match=r"'batch_norm_2'.*one value a channel.*batch_size"):
        model.fit(x, y, batch_size=4, verbose=False)


def test_gradients_of_the_whole_chain() -> None:
    model, (x, y) = small(dtype="float64"), pictures(5, dtype="float64")
    nc.gradcheck.check_model(
        model, x, y, loss="softmax_cross_entropy", max_elements=8
    ).raise_if_failed()


def test_summary() -> None:
    text = small().summary()
    lines = {line.split()[0]: line.split() for line in text.splitlines() if "batch_norm" in line}
    # One image: 12 x 10 x 4 numbers of x in float32; gamma and beta.
    assert lines["batch_norm_1"][-3:] == ["8", "0", f"{12 * 10 * 4 * 4:,}"]
    assert lines["batch_norm_2"][-3:] == ["16", "0", str(8 * 4)]
    assert text.splitlines()[-1].endswith(f"running statistics {2 * (4 + 8) * 8:,}")


def test_a_shape_that_does_not_fit_leaves_nothing_behind() -> None:
    model = nc.Sequential([nc.BatchNorm(), nc.Conv2D(2, 3), nc.Flatten(), nc.Dense(2)])
    with pytest.raises(ValueError, match="smaller than the window"):
        model.build((2, 2, 3), np.random.default_rng(0))
    assert model.params == {}
    assert model.state == {}
    assert model.build((5, 5, 4), np.random.default_rng(0)) == (2,)
    assert model.state["batch_norm_1.mean"].shape == (4,)


STATE = "state/batch_norm_1."


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({STATE + "mean": None}, "missing batch_norm_1.mean"),
        ({STATE + "median": np.zeros(4)}, "not known batch_norm_1.median"),
        ({STATE + "mean": np.zeros(5)}, r"batch_norm_1.mean is float64 \(5,\) in the file"),
        ({STATE + "mean": np.zeros(4, np.float32)}, "batch_norm_1.mean is float32"),
        ({STATE + "variance": np.full(4, -1.0)}, "a running variance is negative, -1.0"),
        ({"params/batch_norm_1.gamma": None}, "cannot be rebuilt"),
        ({"params/batch_norm_1.gamma": np.ones(9, np.float32)}, "has parameters of shapes"),
        (
            {"params/batch_norm_1.gamma": None, "params/batch_norm_1.beta": None},
            "the parameters of batch_norm_1 are missing",
        ),
    ],
)
def test_damaged_statistics(change: dict[str, Any], told: str, tmp_path: Path) -> None:
    model, path = small(), tmp_path / "m.safetensors"
    model.save(path)
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    for key, value in change.items():
        tensors.pop(key, None)
        if value is not None:
            tensors[key] = value
    path.write_bytes(to_bytes(tensors, metadata=metadata))
    with pytest.raises(ModelFileError, match=told) as error:
        nc.load(path)
    assert "\n" not in str(error.value)
