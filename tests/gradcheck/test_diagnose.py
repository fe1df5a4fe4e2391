"""A failure says what it looks like, where the mistake is a familiar one."""

from __future__ import annotations

import numpy as np
import pytest

import nanocnn as nc
from nanocnn.gradcheck import check_layer, check_op

from .mutants import MUTANTS, Stale
from .test_mutants import inputs_of

# A part of what the note must say; every other word of the note is free.
LOOKS = {
    "dense: dx with the wrong sign": "wrong sign",
    "dense: dx with w not transposed": "w in place of its transpose",
    "dense: dw transposed": "transposed",
    "dense: dw divided by N": "too small by 4: N, the size of the batch",
    "dense: db averaged over the batch": "too small by 4: N, the size of the batch",
    "dense: db of the first sample only": "a missing sum over the batch",
    "dense: db without the sum": "a missing sum over the batch",
    "dense: dw of the first sample only": "a missing sum over the batch",
    "dense: ones instead of dy in dw": "ones in place of the upstream gradient",
    "dense: dx is zero": "zero everywhere",
    "dense: dw twice too large": "twice of what it should be",
    "dense: dx rounded to float32": "single precision on the way",
    "dense: batch reversed in dx": "reverse order",
    "dense: units shifted by one in db": "shifted by +1 along axis 0",
    "dense: memory on the object": "its memory is not in the cache",
    "dense: NaN in dx": "NaN",
    "sigmoid: derivative taken at the output": "taken at the output, not at the input",
    "sigmoid: derivative missing": "forgotten",
    "relu: everything let through": "the derivative is missing",
    "conv: filters flipped in dx": "flipped filters",
    "conv: dw flipped": "flipped filters",
    "conv: dw averaged over positions": "too small by 9: the number of places",
    "conv: dx shifted by one row": "shifted by +1 along axis 1",
    "conv: channels exchanged in dw": "turned round along axis 2",
    "conv: memory on the object": "its memory is not in the cache",
    "norm: dgamma and dbeta exchanged": "the gradient of beta",
}


@pytest.mark.parametrize("name", LOOKS)
def test_what_a_failure_looks_like(name):
    pair, backward = MUTANTS[name]
    forward, _, *arrays = inputs_of(pair, 0)
    if isinstance(backward, Stale):
        forward, backward = backward.forward, backward.backward
    report = check_op(forward, backward, *arrays)
    assert LOOKS[name] in report.failures[0].note, str(report)


def test_an_unfamiliar_mistake_is_not_guessed_at():
    rng = np.random.default_rng(0)
    x, noise = rng.standard_normal((4, 5)), rng.standard_normal((4, 5))
    report = check_op(lambda x: (np.exp(x), x), lambda dy, x: dy * np.exp(x) + noise, x)
    assert [row.note for row in report.failures] == [""]


def test_a_right_gradient_is_never_called_anything():
    for seed in range(20):
        forward, backward, *arrays = inputs_of("square dense", seed)
        report = check_op(forward, backward, *arrays, seed=seed)
        assert all(row.note == "" for row in report.rows)


def _layer(change):
    """Return a convolution whose backward passes its gradients through `change`."""

    class Wrong:
        params = property(lambda self: self.inner.params)

        def __init__(self):
            self.inner = nc.Conv2D(3, 3, activation="tanh")

        def build(self, input_shape, rng):
            return self.inner.build(input_shape, rng)

        def forward(self, x, *, training=False, rng=None):
            return self.inner.forward(x)

        def backward(self, dy, cache, *, need_dx=True):
            return change(self.inner, dy, cache)

    return Wrong()


@pytest.mark.parametrize(
    ("change", "row", "says"),
    [
        (
            lambda inner, dy, c: inner.backward(dy / (1 - c.op.y**2), c),
            "w",
            "tanh's derivative, an activation's, forgotten",
        ),
        (
            lambda inner, dy, c: inner.backward(
                dy * (1 - np.tanh(c.op.y) ** 2) / (1 - c.op.y**2), c
            ),
            "b",
            "tanh's derivative, an activation's, taken at the output",
        ),
        (
            lambda inner, dy, c: (lambda dx, g: (dx, {**g, "w": g["w"] / 3}))(
                *inner.backward(dy, c)
            ),
            "w",
            "too small by 3: N, the size of the batch",
        ),
    ],
)
def test_in_a_layer(change, row, says):
    report = check_layer(_layer(change), (6, 5, 3))
    notes = {failed.name: failed.note for failed in report.failures}
    assert says in notes[row], str(report)
