"""`check_layer` and `check_model`: every layer passes, wrong ones do not, nothing is changed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

import nanocnn as nc
from nanocnn.gradcheck import check_layer, check_model

LAYERS = [
    (lambda: nc.Conv2D(4, 3), (6, 5, 2), {"adjoint identity"}),
    (lambda: nc.Conv2D(4, (2, 3), stride=2, padding="same", groups=2), (7, 5, 2), None),
    (lambda: nc.Conv2D(3, 3, activation="relu"), (6, 5, 2), {"complex step"}),
    (lambda: nc.Conv2D(3, 3, activation="gelu", use_bias=False), (6, 5, 2), {"complex step"}),
    (lambda: nc.Dense(5), (4,), {"adjoint identity"}),
    (lambda: nc.Dense(5, activation="sigmoid"), (4,), {"complex step"}),
    (lambda: nc.Dense(5, activation="softmax"), (4,), {"complex step"}),
    (lambda: nc.MaxPool2D(2), (6, 5, 2), {"complex step"}),
    (lambda: nc.AveragePool2D(2), (6, 5, 2), {"adjoint identity"}),
    (lambda: nc.GlobalAveragePool2D(), (6, 5, 2), {"adjoint identity"}),
    (lambda: nc.Flatten(), (3, 2, 4), {"adjoint identity"}),
    (lambda: nc.ReLU(), (3, 4), {"complex step"}),
    (lambda: nc.LeakyReLU(), (3, 4), {"complex step"}),
    (lambda: nc.Sigmoid(), (3, 4), {"complex step"}),
    (lambda: nc.Tanh(), (3, 4), {"complex step"}),
    (lambda: nc.GELU(), (3, 4), {"complex step"}),
    (lambda: nc.Softmax(), (4,), {"complex step"}),
]


@pytest.mark.parametrize(("make", "shape", "methods"), LAYERS)
def test_layers(make, shape, methods):
    with nc.backend("vectorized"):
        for seed in range(3):
            report = check_layer(make(), shape, seed=seed, max_elements=40).raise_if_failed()
            assert methods is None or {row.method for row in report.rows} == methods
            assert {row.name for row in report.rows} >= {"x"}


def test_compiled_rung():
    report = check_layer(nc.Dense(3, activation="sigmoid"), (4,)).raise_if_failed()
    assert [(row.name, row.method) for row in report.rows] == [
        ("x", "complex step"),
        ("w", "complex step"),
        ("b", "complex step"),
    ]


def test_dropout_is_checked_in_both_modes():
    with nc.backend("vectorized"):
        report = check_layer(nc.Dropout(0.4), (5, 3)).raise_if_failed()
        assert [row.name for row in report.rows] == ["x", "x (training)"]
        only = check_layer(nc.Dropout(0.4), (5, 3), training=True).raise_if_failed()
        assert [row.name for row in only.rows] == ["x"]


def test_the_layer_is_left_as_it_was():
    built = nc.Dense(3)
    built.build((4,), np.random.default_rng(0))
    before = built.params["w"].copy()
    with nc.backend("vectorized"):
        check_layer(built, (4,)).raise_if_failed()
        fresh = nc.Dense(3)
        check_layer(fresh, (4,)).raise_if_failed()
    assert built.params["w"].dtype == np.float32
    np.testing.assert_array_equal(built.params["w"], before)
    assert fresh.params == {}


class Cache(NamedTuple):
    x: np.ndarray


class Affine:
    """A user's layer that knows nothing of nanocnn: y = s x + t, one s and t for each channel."""

    name = "affine"

    def __init__(self, **wrong):
        self.params = {}
        self.wrong = wrong

    def build(self, input_shape, rng):
        self.params = {"s": np.ones(input_shape[-1:]), "t": np.zeros(input_shape[-1:])}
        return input_shape

    def forward(self, x, *, training=False, rng=None):
        self.last = x
        if self.wrong.get("changes x") and not np.iscomplexobj(x):
            x[0] = 0
        return self.params["s"] * x + self.params["t"], Cache(x)

    def backward(self, dy, cache, *, need_dx=True):
        axes = tuple(range(dy.ndim - 1))
        x = self.last if self.wrong.get("stale") else cache.x
        grads = {"s": (dy * x).sum(axis=axes), "t": dy.sum(axis=axes)}
        dx = dy * self.params["s"]
        for name, change in self.wrong.items():
            if name == "dx":
                dx = change(dx)
            elif name in grads:
                grads[name] = change(grads[name])
            elif name == "missing":
                del grads[change]
            elif name == "extra":
                grads[change] = dx
            elif name == "updates":
                self.params["s"] -= 0.1 * grads["s"]
        return dx, grads


def test_a_users_own_layer():
    report = check_layer(Affine(), (5, 3)).raise_if_failed()
    assert [row.name for row in report.rows] == ["x", "s", "t"]


@pytest.mark.parametrize(
    ("wrong", "row"),
    [
        ({"dx": lambda a: -a}, "x"),
        ({"dx": lambda a: a * 1.0001}, "x"),
        ({"dx": lambda a: None}, "x"),
        ({"dx": lambda a: a[:1]}, "x"),
        ({"dx": lambda a: a.astype("f4")}, "x"),
        ({"s": lambda a: a / 3}, "s"),
        ({"s": lambda a: a[::-1]}, "s"),
        ({"t": lambda a: 0 * a}, "t"),
        ({"t": lambda a: a.tolist()}, "t"),
        ({"stale": True}, "s"),
        ({"missing": "t"}, "t"),
        ({"extra": "u"}, "u"),
        ({"changes x": True}, "x"),
        ({"updates": True}, "s"),
    ],
)
def test_wrong_layers_are_rejected(wrong, row):
    report = check_layer(Affine(**wrong), (5, 3))
    assert not report.passed
    told = {failed.name for failed in report.failures}  # a gradient by its name, or a rule
    told |= {failed.note.split(":")[0] for failed in report.failures if failed.method == "contract"}
    assert row in told


def small_model(dtype="float32", **last):
    model = nc.Sequential(
        [
            nc.Conv2D(3, 3, activation="relu"),
            nc.MaxPool2D(2),
            nc.Flatten(),
            nc.Dense(4, activation="tanh"),
            nc.Dropout(0.3),
            nc.Dense(2, **last),
        ],
        input_shape=(6, 7, 1),
        seed=1,
        dtype=dtype,
    )
    return model


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_whole_model(dtype):
    model = small_model(dtype)
    model.compile(optimizer="adam", loss="softmax_cross_entropy")
    x = np.random.default_rng(0).normal(size=(5, 6, 7, 1))
    before = {name: p.copy() for name, p in model.params.items()}
    with nc.backend("vectorized"):
        report = check_model(model, x, [0, 1, 1, 0, 1]).raise_if_failed()
    assert [row.name for row in report.rows] == ["x", *model.params]
    assert {row.method for row in report.rows} == {"complex step"}
    for name, p in model.params.items():
        assert p.dtype == dtype
        np.testing.assert_array_equal(p, before[name])


def test_a_model_on_probabilities_and_one_with_an_own_loss():
    x = np.random.default_rng(0).normal(size=(5, 6, 7, 1))
    model = small_model(activation="softmax")
    with nc.backend("vectorized"):
        check_model(model, x, [0, 1, 1, 0, 1], loss="categorical_crossentropy").raise_if_failed()

        def own(y, target):
            return float(np.sum(np.abs(y - target) ** 3)), 3 * (y - target) * np.abs(y - target)

        report = check_model(small_model(), x, np.full((5, 2), 7.0), loss=own, training=False)
        report.raise_if_failed()
        assert {row.method for row in report.rows} == {"central differences"}
    with pytest.raises(ValueError, match="no loss"):
        check_model(small_model(), x, [0, 1, 1, 0, 1])


def test_a_wrong_layer_inside_a_model_is_seen():
    class Wrong(nc.Dense):
        def backward(self, dy, cache, *, need_dx=True):
            dx, grads = super().backward(dy, cache, need_dx=need_dx)
            return dx, {**grads, "w": 1.001 * grads["w"]}

    model = nc.Sequential([nc.Dense(4, activation="tanh"), Wrong(3)], input_shape=(5,), seed=0)
    x = np.random.default_rng(0).normal(size=(4, 5))
    with nc.backend("vectorized"):
        report = check_model(model, x, [0, 1, 2, 1], loss="softmax_cross_entropy")
    (failed,) = report.failures
    assert failed.name.endswith(".w")
    assert failed.analytic == pytest.approx(1.001 * failed.numeric)


def test_frozen_parameters_have_no_row():
    model = small_model()
    model.layers[0].freeze()
    x = np.random.default_rng(0).normal(size=(3, 6, 7, 1))
    with nc.backend("vectorized"):
        report = check_model(model, x, [0, 1, 1], loss="softmax_cross_entropy").raise_if_failed()
    assert len(report.rows) == 1 + len(model.params) - 2


def test_a_container_can_be_checked_as_a_layer():
    model = small_model()
    with nc.backend("vectorized"):
        report = check_layer(model, (6, 7, 1), max_elements=20).raise_if_failed()
    assert len(report.rows) == 2 * (1 + len(model.params))
