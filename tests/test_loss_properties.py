"""Every loss on whole arrays against the loops, over sizes that all differ, in any memory."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from vectorized.cases import Array, Source, check, different, quick, sources

from nanocnn import backend, losses
from nanocnn.gradcheck.cases import exported_losses

Problem = tuple[Array, Array, dict[str, Any]]
scales = st.sampled_from([0.1, 1.0, 30.0])
smoothing = st.sampled_from([0.0, 0.3])


def rows(source: Source, shape: list[int], salt: int) -> Array:
    """Return positive numbers, of which those along the last axis sum to 1."""
    q = np.random.default_rng([source.seed, salt]).uniform(0.01, 1, shape)
    return q / q.sum(axis=-1, keepdims=True)


@st.composite
def categorical(draw: st.DrawFn, probabilities: bool) -> Problem:
    """Draw outputs (N, ..., K) with labels or soft rows, weights and smoothing."""
    shape, source = draw(different(draw(st.integers(2, 4)), 2, 6)), draw(sources)
    rng = np.random.default_rng([source.seed, 1])
    classes = shape[-1]
    outputs = source.arrange(source.dtype(draw(scales)) * source.normal(*shape))
    if probabilities:
        outputs = source.arrange(rows(source, shape, 2).astype(source.dtype))
    target = rng.integers(0, classes, shape[:-1])
    form = draw(st.sampled_from(["labels", "column", "one-hot", "soft"]))
    if form == "column":
        target = target[..., None]
    elif form == "one-hot":
        target = np.eye(classes)[target]
    elif form == "soft":
        target = source.arrange(rows(source, shape, 3).astype(source.dtype))
    weights = rng.uniform(0, 3, classes)
    given_as = draw(st.sampled_from([None, weights, dict(enumerate(weights[1:]))]))
    return outputs, target, {"class_weight": given_as, "label_smoothing": draw(smoothing)}


@st.composite
def elementwise(draw: st.DrawFn, binary: bool) -> Problem:
    """Draw outputs of any shape with a number for each."""
    shape, source = draw(different(draw(st.integers(1, 4)), 1, 6)), draw(sources)
    outputs = source.arrange(source.dtype(draw(scales)) * source.normal(*shape))
    if not binary:
        return outputs, source.normal(*shape, salt=1), {}
    target = np.random.default_rng([source.seed, 1]).uniform(0, 1, shape)
    target = target.round(draw(st.sampled_from([0, 2])))
    weights = draw(st.sampled_from([None, (0.5, 2.0), {1: 3.0}]))
    return outputs, target, {"class_weight": weights, "label_smoothing": draw(smoothing)}


@st.composite
def imbalanced(draw: st.DrawFn, **choices: st.SearchStrategy[Any]) -> Problem:
    """Draw outputs (N, ..., K) or (N, ..., 1) with labels, some of them ignored, and weights."""
    shape, source = draw(different(draw(st.integers(2, 4)), 2, 6)), draw(sources)
    rng = np.random.default_rng([source.seed, 1])
    shape[-1] = draw(st.sampled_from([1, shape[-1]]))
    classes = max(2, shape[-1])
    outputs = source.arrange(source.dtype(draw(scales)) * source.normal(*shape))
    target = rng.integers(0, classes, shape[:-1])
    options: dict[str, Any] = {name: draw(choice) for name, choice in choices.items()}
    options["class_weight"] = draw(st.sampled_from([None, rng.uniform(0, 3, classes)]))
    options["sample_weight"] = draw(st.sampled_from([None, rng.uniform(0, 2, shape[:-1])]))
    if draw(st.booleans()):
        target = np.where(rng.random(target.shape) < 0.3, 255, target)
        options["ignore_class"] = 255
    return outputs, target, options


OVERLAP = {
    "background": st.booleans(),
    "per_image": st.booleans(),
    "smoothing": st.sampled_from([0.1, 1.0]),
}
PRICES = st.sampled_from([0.0, 0.3, 1.5])


PROBLEMS: dict[str, st.SearchStrategy[Problem]] = {
    "softmax_cross_entropy": categorical(False),
    "categorical_crossentropy": categorical(True),
    "binary_cross_entropy": elementwise(True),
    "mean_squared_error": elementwise(False),
    "focal": imbalanced(gamma=st.sampled_from([0.0, 0.5, 2.0])),
    "soft_dice": imbalanced(**OVERLAP),
    "tversky": imbalanced(**OVERLAP, alpha=PRICES, beta=PRICES),
    "dice_cross_entropy": imbalanced(**OVERLAP, dice_weight=PRICES, cross_entropy_weight=PRICES),
}


PIXELS = {"softmax_cross_entropy", "soft_dice", "tversky", "dice_cross_entropy"}


def exact(outputs: Array) -> float:
    """Return the room for rounding in the outputs' own type: theirs, their softmax's, its log's."""
    return float(16 * np.finfo(outputs.dtype).eps * max(1.0, np.abs(outputs).max()))


def test_every_exported_loss_has_its_problems() -> None:
    assert set(PROBLEMS) == set(exported_losses())


@pytest.mark.parametrize("name", PROBLEMS)
@quick
@given(data=st.data())
def test_numpy_agrees_with_the_loops(name: str, data: st.DataObject) -> None:
    outputs, target, options = data.draw(PROBLEMS[name])
    before = outputs.copy(), target.copy()
    made = {}
    for rung in ("reference", "vectorized", "numba"):
        with backend(rung):
            made[rung] = getattr(losses, name)(outputs, target, **options)
    np.testing.assert_array_equal(outputs, before[0])
    np.testing.assert_array_equal(target, before[1])
    (expected, gradient), (loss, dy) = made["reference"], made["vectorized"]
    assert type(loss) is type(expected) is float
    # Sums over all numbers, in float64 whatever the outputs are; the largest term may cancel.
    room = 8 * np.sqrt(outputs.size) * np.finfo(float).eps * max(1.0, np.abs(outputs).max() ** 2)
    assert loss == pytest.approx(expected, rel=0, abs=room)
    count = outputs.size if name in ("binary_cross_entropy", "mean_squared_error") else len(outputs)
    check(dy * dy.dtype.type(count), gradient * dy.dtype.type(count), outputs.shape[-1])
    compiled, dcompiled = made["numba"]
    if outputs.ndim == 2 or name not in PIXELS:  # there are no kernels for losses of rows
        assert compiled == loss
        np.testing.assert_array_equal(dcompiled, dy, strict=True)
        return
    assert compiled == pytest.approx(expected, rel=0, abs=room + exact(outputs))
    assert dcompiled.dtype == dy.dtype
    # Every number of the gradient is a share of its pixel's weight, rounded as float32 is.
    room = exact(outputs) * max(1.0, float(np.abs(gradient).max()))
    np.testing.assert_allclose(dcompiled, gradient, rtol=0, atol=room)
