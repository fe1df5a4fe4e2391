"""Which loss is minimised, on which part of the model; and what is measured."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nanocnn as nc
from nanocnn.data import LeakWarning
from nanocnn.layers.base import Array
from nanocnn.training.objective import accuracy
from tests.layers.examples import images, same
from tests.models.examples import Scale, copies, half_square, pictures, small

LN2 = float(np.log(2))


def dense_model(*layers: Any, n: int = 3, dtype: str = "float64") -> nc.Sequential:
    return nc.Sequential(layers, input_shape=(n,), dtype=dtype)


ENDS = {
    "activation": lambda: [nc.Dense(3, activation="softmax")],
    "activation behind others": lambda: [nc.Dense(4, activation="tanh"),
                                         nc.Dense(3, activation="softmax")],
    "layer": lambda: [nc.Dense(3), nc.Softmax()],
    "nested": lambda: [nc.Dense(4), nc.Sequential([nc.Dense(3, activation="softmax")])],
    "nested layer": lambda: [nc.Sequential([nc.Dense(3), nc.Softmax()])],
    "nested alone": lambda: [nc.Dense(3), nc.Sequential([nc.Softmax()])],
    "deep": lambda: [nc.Sequential([nc.Dense(3), nc.Sequential([nc.Sequential([nc.Softmax()])])])],
}  # fmt: skip


@pytest.mark.parametrize("end", ENDS)
def test_softmax_at_the_end_runs_on_logits(end: str) -> None:
    """The same loss and gradients as in Keras, which takes probabilities and their gradient."""
    model = dense_model(*ENDS[end]())
    x, y = images((3,), "float64", 8), np.arange(8) % 3
    model.compile("sgd", "categorical_crossentropy", ["accuracy"])
    objective = model.objective()
    z, cache = objective.model.forward(x, training=True)
    loss, dz = objective.loss(z, y)
    _, grads = objective.model.backward(dz, cache, need_dx=False)

    p, full_cache = model.forward(x, training=True)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
    expected, dp = nc.losses.categorical_crossentropy(p, y)
    _, expected_grads = model.backward(dp, full_cache, need_dx=False)
    by_hand = -np.mean(np.log(p[np.arange(8), y]))
    assert loss == pytest.approx(expected, rel=1e-12)
    assert loss == pytest.approx(by_hand, rel=1e-12)
    assert list(grads) == list(expected_grads)
    for key, g in grads.items():
        np.testing.assert_allclose(g, expected_grads[key], rtol=1e-10, atol=1e-14)
    assert model.evaluate(x, y)[0] == pytest.approx(by_hand, rel=1e-12)
    for key, value in objective.model.params.items():
        assert value is model.params[key], "the parameters are shared"


@pytest.mark.parametrize("end", ENDS)
def test_extreme_logits_stay_finite_and_are_learnt(end: str) -> None:
    model = dense_model(*ENDS[end](), dtype="float32")
    for p in model.params.values():
        p[...] = 0
    list(model.params.values())[-1][...] = [3000, 0, -3000]
    x, y = images((3,), n=8), np.full(8, 2)
    model.compile(nc.SGD(500.0), "categorical_crossentropy", ["accuracy"])
    history = model.fit(x, y, epochs=12, batch_size=8, verbose=False).history
    assert history["loss"][0] == pytest.approx(6000, rel=1e-4)
    assert history["loss"][-1] < 1
    assert model.evaluate(x, y) == (pytest.approx(0, abs=1e-6), 1.0)
    assert np.isfinite(model.predict(x)).all()


def test_predict_gives_probabilities_all_the_same() -> None:
    model, (x, y) = small("softmax"), pictures()
    model.compile("adam", "categorical_crossentropy", ["accuracy"])
    model.fit(x, y, verbose=False)
    np.testing.assert_allclose(model.predict(x).sum(axis=1), 1, rtol=1e-6)


def test_a_model_that_is_nothing_but_softmax() -> None:
    model = nc.Sequential([nc.Softmax()], input_shape=(2,))
    model.compile("sgd", "categorical_crossentropy", ["accuracy"])
    assert model.evaluate(np.zeros((2, 2), np.float32), [0, 1])[0] == pytest.approx(LN2)


def test_an_own_last_layer_with_softmax_inside() -> None:
    class Own(Scale):
        activation = "softmax"

        def forward(self, x: Array, **options: Any) -> tuple[Array, Any]:
            return nc.ops.softmax_forward(x)

    model = nc.Sequential([nc.Dense(2), Own()], input_shape=(3,))
    model.compile("sgd", "categorical_crossentropy")
    p = model.predict(images((3,)))
    assert model.evaluate(images((3,)), [0, 1, 1])[0] == pytest.approx(
        -np.mean(np.log(p[[0, 1, 2], [0, 1, 1]])), rel=1e-5
    )


@pytest.mark.parametrize(
    ("end", "loss", "message"),
    [
        ("softmax", "softmax_cross_entropy", "takes logits but the model ends in softmax; use loss="
         "'categorical_crossentropy', or drop the softmax"),
        ("softmax", "binary_cross_entropy", "takes logits but the model ends in softmax"),
        ("sigmoid", "binary_crossentropy", "ends in sigmoid; drop the sigmoid: the loss applies"),
        ("sigmoid", "softmax_cross_entropy", "ends in sigmoid"),
        (None, "categorical_crossentropy", "is for a model that ends in softmax; add activation"),
        ("relu", "categorical_crossentropy", "is for a model that ends in softmax"),
        ("sigmoid", "sparse_categorical_crossentropy", "is for a model that ends in softmax"),
    ],
)  # fmt: skip
def test_losses_that_do_not_fit_the_end(end: str | None, loss: str, message: str) -> None:
    for tail in (
        [nc.Dense(2, activation=end)],
        [nc.Dense(2), nc.Sequential([nc.Dense(2, activation=end)])],
    ):
        model = nc.Sequential(tail)
        with pytest.raises(ValueError, match=message):
            model.compile("adam", loss)
        assert model.loss is None
        with pytest.raises(ValueError, match=message):
            model.compile("adam", nc.losses.get(loss))


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({}, ValueError, "compile needs a loss, for example"),
        ({"loss": "hinge"}, ValueError, "loss 'hinge' is unknown"),
        ({"loss": 3}, TypeError, "loss must be a name or a function"),
        ({"loss": "mse", "optimizer": "lion"}, ValueError, "optimizer 'lion' is unknown"),
        ({"loss": "mse", "optimizer": None}, TypeError, "optimizer must be a name"),
        (
            {"loss": "mse", "metrics": ["auc"]},
            ValueError,
            "metric 'auc' is unknown; use 'accuracy'",
        ),
        ({"loss": "mse", "metrics": "accuracy"}, TypeError, "metrics must be a list, such as"),
        ({"loss": "mse", "metrics": None}, TypeError, "metrics must be a list, such as"),
        ({"loss": "mse", "metrics": [lambda t, y: 0.0]}, ValueError, "or a named function"),
        ({"loss": "mse", "metrics": ["accuracy"] * 2}, ValueError, "called 'accuracy', which is"),
        ({"loss": "mse", "metrics": [5]}, ValueError, "metric 5 is unknown"),
    ],
)
def test_wrong_arguments_of_compile(
    options: dict[str, Any], kind: type[Exception], message: str
) -> None:
    model = small()
    with pytest.raises(kind, match=message):
        model.compile(**options)
    assert model.loss is model.optimizer is None


def test_metrics_see_the_output_of_the_model() -> None:
    seen = []

    def row_sum(target: Array, y: Array) -> float:
        seen.append(y)
        return float(y.sum(axis=1).mean())

    model, (x, y) = small("softmax"), pictures()
    model.compile("adam", "categorical_crossentropy", [row_sum, "accuracy"])
    before = model.predict(x)
    scores = model.evaluate(x, y)
    assert scores._fields == ("loss", "row_sum", "accuracy")  # type: ignore[attr-defined]
    assert scores[1] == pytest.approx(1)
    np.testing.assert_allclose(seen[0], before, rtol=1e-6)
    assert model.fit(x, y, verbose=False).history["row_sum"] == [pytest.approx(1)]


def test_accuracy() -> None:
    y = np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])
    for target in ([1, 0, 0, 0], [[1], [0], [0], [0]], np.eye(2)[[1, 0, 0, 0]]):
        assert accuracy(np.asarray(target), y) == 0.75
    logits = np.array([[-1.0], [2.0], [0.25], [-3.0]])
    for flat in (logits, logits[:, 0]):
        assert accuracy(np.array([0, 1, 0, 0]), flat) == 0.75
        assert accuracy(np.array([[0], [1], [0], [0]]), flat, threshold=0.5) == 1
    assert accuracy(np.zeros((2, 3, 4), int), np.zeros((2, 3, 4, 5))) == 1
    with pytest.raises(ValueError, match=r"accuracy: targets of shape \(4, 3\) do not fit"):
        accuracy(np.zeros((4, 3)), y)


def test_yes_or_no_with_logits_and_with_a_sigmoid() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 2)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.int64)
    logits = nc.Sequential([nc.Dense(1)])
    logits.compile(nc.Adam(0.3), "binary_cross_entropy", ["accuracy"])
    squashed = nc.Sequential([nc.Dense(1, activation="sigmoid")])
    squashed.compile(nc.Adam(0.3), "mse", ["accuracy"])
    for model in (logits, squashed):
        model.fit(x, y, epochs=20, batch_size=16, verbose=False)
        assert model.evaluate(x, y)[1] > 0.95
    with pytest.raises(ValueError, match="target is 3 at"):
        logits.fit(x, y * 3)


def test_class_weight_and_smoothing_act_in_training_only() -> None:
    x, y = pictures()
    model = small()
    model.compile(nc.SGD(0.0), "softmax_cross_entropy", ["accuracy"])
    z = model.predict(x)
    weighted = nc.losses.softmax_cross_entropy(z, y, class_weight=[1, 3])[0]
    smooth = nc.losses.softmax_cross_entropy(z, y, label_smoothing=0.3)[0]
    plain = nc.losses.softmax_cross_entropy(z, y)[0]
    assert len({round(v, 4) for v in (weighted, smooth, plain)}) == 3
    for options, expected in (
        ({"class_weight": [1, 3]}, weighted),
        ({"class_weight": {1: 3.0}}, weighted),
        ({"label_smoothing": 0.3}, smooth),
        ({}, plain),
    ):
        with pytest.warns(LeakWarning):  # the same images, to compare the two losses
            history = model.fit(x, y, validation_data=(x, y), verbose=False, **options).history
        assert history["loss"] == [pytest.approx(expected, rel=1e-6)]
        assert history["val_loss"] == [pytest.approx(plain, rel=1e-6)]
        assert model.evaluate(x, y)[0] == pytest.approx(plain, rel=1e-6)


def test_class_weight_moves_predictions_and_smoothing_holds_them_back() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(200, 3)).astype(np.float32), np.arange(200) % 2  # nothing to learn

    def trained(**options: Any) -> Array:
        model = dense_model(nc.Dense(2, activation="softmax"), dtype="float32")
        model.compile(nc.Adam(0.05), "categorical_crossentropy")
        model.fit(x, y, epochs=30, verbose=False, **options)
        return model.predict(x)

    assert trained(class_weight={1: 4.0})[:, 1].mean() == pytest.approx(0.8, abs=0.05)
    assert trained(class_weight={0: 4.0})[:, 1].mean() == pytest.approx(0.2, abs=0.05)
    assert trained()[:, 1].mean() == pytest.approx(0.5, abs=0.05)

    y = (x[:, 0] > 0).astype(np.int64)
    sure, smooth = (trained(label_smoothing=s).max(axis=1).mean() for s in (0.0, 0.4))
    assert smooth < 0.85 < sure


@pytest.mark.parametrize("loss", ["mse", half_square])
def test_options_that_a_loss_does_not_have(loss: Any) -> None:
    model, (x, y) = small(), pictures()
    model.compile("sgd", loss, [])
    for options in ({"class_weight": [1, 2]}, {"label_smoothing": 0.1}):
        with pytest.raises(ValueError, match="are for the cross-entropy losses of this package"):
            model.fit(x, np.eye(2)[y], **options)


def test_own_loss() -> None:
    model, (x, y) = small(), pictures(24)
    model.compile(nc.Adam(0.01), half_square, ["accuracy"])
    history = model.fit(x, np.eye(2)[y], epochs=60, batch_size=8, verbose=False).history
    assert history["loss"][-1] < 0.2 * history["loss"][0]
    assert history["accuracy"][-1] == 1
    report = nc.gradcheck.check_model(small("tanh"), x[:2], np.eye(2)[:2], loss=half_square)
    report.raise_if_failed()


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (lambda y: None, r"wrong must return \(loss, dy\), a number and an array, got None"),
        (lambda y: 0.5, r"wrong must return \(loss, dy\), a number and an array, got 0.5"),
        (lambda y: (y, y), r"wrong must return \(loss, dy\), a number and an array"),
        (lambda y: (0.5, 0.5), r"must return dy like y, float32 \(12, 2\), got 0.5"),
        (lambda y: (0.5, y[:, :1]), r"like y, float32 \(12, 2\), got float32 \(12, 1\)"),
        (lambda y: (0.5, y.astype(float)), r"like y, float32 \(12, 2\), got float64 \(12, 2\)"),
    ],
)
def test_own_loss_that_returns_something_else(result: Any, message: str) -> None:
    def wrong(y: Array, target: Array) -> Any:
        return result(y)

    model, (x, y) = small(), pictures()
    model.compile("sgd", wrong, [])
    before = copies(model)
    with pytest.raises(TypeError, match=message):
        model.fit(x, y, verbose=False)
    assert same(copies(model), before)
