"""The rules of the layer protocol: kept by every layer, and each broken by a layer that we see."""

from __future__ import annotations

import numpy as np
import pytest

import nanocnn as nc
from nanocnn.gradcheck import check_layer
from nanocnn.gradcheck.contract import RULES
from nanocnn.layers import Layer


class Scale(Layer):
    """y = s x, right in every respect."""

    def build(self, input_shape, rng):
        self.params = {"s": rng.uniform(1, 2, input_shape[-1:]).astype(self.dtype)}
        return input_shape

    def forward(self, x, *, training=False, rng=None):
        return x * self.params["s"], x

    def backward(self, dy, x, *, need_dx=True):
        grads = {"s": (dy * x).sum(axis=tuple(range(dy.ndim - 1)))}
        return (dy * self.params["s"] if need_dx else None), grads


class WrongShape(Scale):
    def build(self, input_shape, rng):
        return (*super().build(input_shape, rng), 1)


class Widens(Scale):
    def forward(self, x, *, training=False, rng=None):
        return x * self.params["s"].astype(np.float64), x


class WritesInput(Scale):
    def forward(self, x, *, training=False, rng=None):
        before = x.copy()
        if x.flags.writeable and not np.iscomplexobj(x):
            x *= 2
        return before * self.params["s"], before


class Extra(Scale):
    def backward(self, dy, x, *, need_dx=True):
        dx, grads = super().backward(dy, x)
        return dx, {**grads, "t": dy}


class OneMemory(Scale):
    def forward(self, x, *, training=False, rng=None):
        self.last = x
        return super().forward(x)

    def backward(self, dy, x, *, need_dx=True):
        return super().backward(dy, self.last)


class AddsUp(Scale):
    def backward(self, dy, x, *, need_dx=True):
        dx, grads = super().backward(dy, x)
        self.total = getattr(self, "total", 0) + grads["s"]
        return dx, {"s": self.total}


class NeedsDx(Scale):
    def backward(self, dy, x, *, need_dx=True):
        dx, grads = super().backward(dy, x)
        return dx, grads if need_dx else {}


class CalledOtherwise(Scale):
    def __call__(self, x):
        return 2 * self.forward(x)[0]


class ReadsMemory(Scale):
    """Takes the array's memory as it lies there."""

    def forward(self, x, *, training=False, rng=None):
        return x * self.params["s"], np.ravel(x, order="K").reshape(x.shape)


class TwoAtLeast(Scale):
    def forward(self, x, *, training=False, rng=None):
        if len(x) < 2:
            raise ValueError("a batch of one has no variance")
        return super().forward(x)


class ForgetsItsSetting(Scale):
    def __init__(self, power=1, *, name=None):
        super().__init__(name=name)
        self.power = power

    def forward(self, x, *, training=False, rng=None):
        return x * self.params["s"] * self.power, x * self.power

    def backward(self, dy, x, *, need_dx=True):
        dx, grads = super().backward(dy, x)
        return dx * self.power, grads


BROKEN = {
    "shapes as declared": WrongShape(),
    "dtype kept": Widens(),
    "nothing is written to": WritesInput(),
    "gradients for the parameters, no more": Extra(),
    "two passes open, first one first": OneMemory(),
    "backward twice": AddsUp(),
    "without dx": NeedsDx(),
    "called": CalledOtherwise(),
    "non-contiguous inputs": ReadsMemory(),
    "batch of one": TwoAtLeast(),
    "saved and loaded": ForgetsItsSetting(3),
}


def broken_rules(report):
    return {rule.name.split(" (")[0] for rule in report.rules if not rule.passed}


def test_a_right_layer_keeps_every_rule():
    report = check_layer(Scale(), (5, 3)).raise_if_failed()
    # in float32 and float64, in inference and training; and saving
    assert len(report.rules) == 4 * len(RULES) + 1
    assert report.checks == len(report.rules) + sum(row.checked for row in report.rows)
    assert f"{report.checks} checks" in str(report)
    assert f"{len(report.rules)} rules of the layer protocol" in str(report)


@pytest.mark.parametrize("rule", BROKEN)
def test_a_broken_rule_is_seen(rule):
    report = check_layer(BROKEN[rule], (5, 3))
    assert not report.passed
    assert rule in broken_rules(report), str(report)
    assert rule in str(report)


def test_read_only_inputs():
    class Writes(Scale):
        def forward(self, x, *, training=False, rng=None):
            if not np.iscomplexobj(x):
                x[:1] = x[:1]  # changes nothing, and is refused all the same
            return super().forward(x)

    report = check_layer(Writes(), (5, 3))
    assert broken_rules(report) == {"read-only inputs"}
    assert "read-only" in str(report)


def test_a_foreign_layer_has_no_rule_about_saving():
    class Foreign:
        def __init__(self):
            self.params = {}

        def build(self, input_shape, rng):
            return input_shape

        def forward(self, x, *, training=False, rng=None):
            return np.exp(x), np.exp(x)

        def backward(self, dy, y, *, need_dx=True):
            return dy * y, {}

    report = check_layer(Foreign(), (4,)).raise_if_failed()
    assert len(report.rules) == 2 * len(RULES)


def test_a_layer_that_cannot_run_in_training_says_so():
    class NoTraining(Scale):
        def forward(self, x, *, training=False, rng=None):
            if training:
                raise RuntimeError("out of order")
            return super().forward(x)

    report = check_layer(NoTraining(), (3,), training=False)
    assert broken_rules(report) == {"both passes run"}
    assert "RuntimeError: out of order" in str(report)


def test_frozen_layers_and_containers_keep_the_rules():
    layer = nc.Dense(3)
    layer.freeze()
    check_layer(layer, (4,)).raise_if_failed()
    inner = nc.Sequential([nc.Dense(3, activation="tanh"), nc.Dropout(0.2), nc.Dense(2)])
    check_layer(inner, (4,)).raise_if_failed()
