"""Optimizers: hand-worked steps, PyTorch's numbers, and what must not happen."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from nanocnn import optimizers
from nanocnn._backend import backend
from nanocnn.optimizers import SGD, Adam, AdamW, Optimizer, RMSprop

# PyTorch 2.13, float64: four steps from W and B with the gradients of `run`, torch.optim with the
# same settings (alpha for rho). In "clipped" the gradients were scaled by hand to a norm of 1.
W = np.array([[1.0, -2.0], [0.5, 3.0]])
B = np.array([0.3, -0.7])
ALL = {"decay_vectors": True}
TORCH = {
    "sgd": (
        lambda: SGD(0.1),
        [[0.9166666666666666, -1.9375], [0.7500000000000001, 2.583333333333333]],
        [0.19999999999999996, -0.1999999999999999],
    ),
    "momentum": (
        lambda: SGD(0.1, momentum=0.9, weight_decay=0.01, **ALL),
        [[0.764321775341, -1.811947360632], [1.1754115555305, 1.8396792301030003]],
        [0.11189567000029997, 0.23329350863930007],
    ),
    "nesterov": (
        lambda: SGD(0.1, momentum=0.8, nesterov=True),
        [[0.7559626666666666, -1.8169719999999998], [1.232112, 1.7798133333333337]],
        [0.062143999999999956, 0.48928000000000016],
    ),
    "rmsprop": (
        lambda: RMSprop(0.01),
        [[0.9362284810978502, -1.9362284827263003], [0.5637715221590501, 2.9362284771895695]],
        [0.19002425189888283, -0.5900242377038236],
    ),
    "rmsprop momentum": (
        lambda: RMSprop(0.01, rho=0.95, epsilon=1e-6, momentum=0.5, weight_decay=0.02, **ALL),
        [[0.8469600014957817, -1.8415027229574994], [0.6486458240677747, 2.8480783555601095]],
        [0.05923585413181038, -0.4586507022132332],
    ),
    "adam": (
        lambda: Adam(0.05),
        [[0.8186711548472191, -1.81867115686944], [0.6813288491972231, 2.8186711499938886]],
        [0.10582033606320881, -0.5058203264462859],
    ),
    "adam decay": (
        lambda: Adam(0.05, beta1=0.8, beta2=0.99, epsilon=1e-6, weight_decay=0.1, **ALL),
        [[0.8159107388440751, -1.8093529529938708], [0.67300038816249, 2.817835786815106]],
        [0.0993785775342442, -0.5001395845973473],
    ),
    "adamw": (
        lambda: AdamW(0.05, weight_decay=0.1, **ALL),
        [[0.8002501259076958, -1.7803996285410948], [0.6699741290466028, 2.760549122337537]],
        [0.10133232722596192, -0.49339211795195903],
    ),
    "clipped": (
        lambda: SGD(0.1, momentum=0.9, clip_norm=1.0),
        [[0.88966650922753, -1.9172498819206476], [0.8310004723174101, 2.44833254613765]],
        [0.19947644525915806, -0.19738222629579044],
    ),
}
EVERY = [SGD, RMSprop, Adam, AdamW]


def run(optimizer, dtype=np.float64, steps=4):
    params = {"dense.w": W.astype(dtype), "dense.b": B.astype(dtype)}
    for k in range(1, steps + 1):
        grads = {
            "dense.w": (np.array([[0.4, -0.3], [-1.2, 2.0]]) / k).astype(dtype),
            "dense.b": (np.array([0.1, -0.5]) * k).astype(dtype),
        }
        optimizer.step(params, grads)
    return params


@pytest.mark.parametrize("rung", ["reference", "vectorized", "numba"])
@pytest.mark.parametrize("case", TORCH)
def test_equals_pytorch(case, rung):
    make, w, b = TORCH[case]
    with backend(rung):
        params = run(make())
        rounded = run(make(), np.float32)
    np.testing.assert_allclose(params["dense.w"], w, rtol=1e-13)
    np.testing.assert_allclose(params["dense.b"], b, rtol=1e-13)
    assert rounded["dense.w"].dtype == np.float32
    np.testing.assert_allclose(rounded["dense.w"], w, rtol=3e-6)
    np.testing.assert_allclose(rounded["dense.b"], b, rtol=3e-6)


def one_step(optimizer, p=2.0, g=0.5, steps=1):
    params = {"x.w": np.array([[p]])}
    for _ in range(steps):
        optimizer.step(params, {"x.w": np.array([[g]])})
    return params["x.w"].item()


def test_one_step_by_hand():
    assert one_step(SGD(0.1)) == pytest.approx(2 - 0.1 * 0.5)
    assert one_step(SGD(0.1, weight_decay=0.2)) == pytest.approx(2 - 0.1 * (0.5 + 0.2 * 2))
    assert one_step(SGD(0.1, momentum=0.9), steps=2) == pytest.approx(2 - 0.1 * (0.5 + 0.95))
    nesterov = SGD(0.1, momentum=0.9, nesterov=True)
    assert one_step(nesterov) == pytest.approx(2 - 0.1 * (0.5 + 0.9 * 0.5))
    # v = 0.1 * 0.25, so the step is 0.1 * 0.5 / sqrt(0.025).
    assert one_step(RMSprop(0.1)) == pytest.approx(2 - 0.05 / math.sqrt(0.025), rel=1e-7)
    # Adam's first step is the learning rate, whatever the gradient; AdamW first shrinks.
    assert one_step(Adam(0.1)) == pytest.approx(1.9, rel=1e-7)
    assert one_step(AdamW(0.1, weight_decay=0.5)) == pytest.approx(2 * 0.95 - 0.1, rel=1e-7)
    assert one_step(SGD(0.1, clip_value=0.2)) == pytest.approx(2 - 0.02)
    assert one_step(SGD(0.1, clip_norm=0.2)) == pytest.approx(2 - 0.02)
    assert one_step(SGD(0.1, clip_norm=0.6)) == pytest.approx(2 - 0.05)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("limit", [1e-3, 0.5, 4.0, 1e3])
@pytest.mark.parametrize("seed", range(5))
def test_what_clipping_makes_of_several_gradients(limit, seed, dtype):
    """From 0, with a rate of 1, a step of SGD shows the gradient that it took."""
    rng = np.random.default_rng(seed)
    grads = {"a.w": rng.normal(size=(5, 3)), "a.b": 3 * rng.normal(size=3), "c.w": np.zeros((2, 2))}
    grads = {name: g.astype(dtype) for name, g in grads.items()}

    def taken(**options):
        params = {name: np.zeros(g.shape, dtype) for name, g in grads.items()}
        params["frozen.w"] = np.full((9, 9), 7, dtype)  # counts in no norm
        SGD(1.0, **options).step(params, grads)
        return {name: -params[name] for name in grads}

    room = 8 * np.finfo(dtype).eps
    norm = math.sqrt(sum(float((g.astype(float) ** 2).sum()) for g in grads.values()))
    for name, g in taken(clip_norm=limit).items():
        assert g.dtype == dtype
        np.testing.assert_allclose(g, grads[name] * min(1.0, limit / norm), rtol=room)
    for name, g in taken(clip_value=limit).items():
        np.testing.assert_array_equal(g, np.clip(grads[name], dtype(-limit), dtype(limit)))


@pytest.mark.parametrize("make", EVERY)
def test_decay_leaves_vectors_alone_unless_asked(make):
    zero = {"c.w": np.zeros((2, 2)), "c.b": np.zeros(2), "n.gamma": np.zeros(2)}
    for asked in (False, True):
        params = {"c.w": np.ones((2, 2)), "c.b": np.ones(2), "n.gamma": np.ones(2)}
        make(0.1, weight_decay=0.1, decay_vectors=asked).step(params, zero)
        assert (params["c.w"] < 1).all()
        assert (params["c.b"] < 1).all() == asked
        assert (params["n.gamma"] < 1).all() == asked


@pytest.mark.parametrize("make", EVERY)
def test_converges_on_a_quadratic(make):
    # f(w) = sum of scale * (w - goal)^2 / 2
    goal, scale = np.array([[1.0, -2.0, 0.5]]), np.array([[1.0, 3.0, 0.5]])
    params = {"w": np.zeros((1, 3))}
    options = {"weight_decay": 0.0}
    if make is SGD:
        options["momentum"] = 0.5
    optimizer = make(0.1, **options)
    for k in range(600):
        optimizer.learning_rate = 0.1 / (1 + k / 20)
        optimizer.step(params, {"w": scale * (params["w"] - goal)})
    np.testing.assert_allclose(params["w"], goal, atol=5e-3)
    assert optimizer.iterations == 600


@pytest.mark.parametrize("make", EVERY)
def test_in_place_and_gradients_untouched(make):
    w = W.copy()
    g = np.ones_like(w)
    g.flags.writeable = False
    params = {"w": w}
    optimizer = make(clip_norm=0.1)
    optimizer.step(params, {"w": g})
    optimizer.step(params, {"w": g})
    assert params["w"] is w
    assert not np.array_equal(w, W)
    assert (g == 1).all()


@pytest.mark.parametrize("make", [lambda: SGD(momentum=0.9), RMSprop, Adam, AdamW])
def test_each_parameter_has_its_own_state(make):
    together, alone = make(), make()
    both = {"a.w": W.copy(), "b.w": W.copy() * 2}
    single = {"a.w": W.copy()}
    rng = np.random.default_rng(0)
    for _ in range(3):
        grads = {"a.w": rng.normal(size=(2, 2)), "b.w": rng.normal(size=(2, 2))}
        together.step(both, grads)
        alone.step(single, {"a.w": grads["a.w"]})
    np.testing.assert_array_equal(both["a.w"], single["a.w"])
    assert all(isinstance(value, np.ndarray) for value in together.state.values())
    assert {key.split("/")[0] for key in together.state} == {"a.w", "b.w"}


@pytest.mark.parametrize("make", EVERY)
def test_frozen_parameters_stay_and_count_from_their_first_step(make):
    optimizer = make(weight_decay=0.1)
    params = {"a.w": W.copy(), "b.w": W.copy()}
    for _ in range(5):
        optimizer.step(params, {"a.w": np.ones((2, 2))})
    np.testing.assert_array_equal(params["b.w"], W)
    optimizer.step(params, {"b.w": np.ones((2, 2))})
    fresh = {"b.w": W.copy()}
    make(weight_decay=0.1).step(fresh, {"b.w": np.ones((2, 2))})
    np.testing.assert_array_equal(params["b.w"], fresh["b.w"])


@pytest.mark.parametrize("make", EVERY)
@pytest.mark.parametrize("clip", [{}, {"clip_norm": 1.0}, {"clip_value": 1.0}])
def test_nan_gradients_are_not_hidden(make, clip):
    params = {"a.w": W.copy(), "b.w": W.copy()}
    bad = np.ones((2, 2))
    bad[0, 1] = np.nan
    make(**clip).step(params, {"a.w": bad, "b.w": np.ones((2, 2))})
    assert np.isnan(params["a.w"][0, 1])
    assert np.isfinite(params["b.w"]).all()


@pytest.mark.parametrize("rung", ["reference", "vectorized", "numba"])
@pytest.mark.parametrize("make", EVERY)
def test_any_memory_order(make, rung):
    rng = np.random.default_rng(1)
    g = rng.normal(size=(3, 4))
    with backend(rung):
        plain, odd = {"w": np.ones((3, 4))}, {"w": np.ones((4, 6)).T[::2]}
        for params, gradient in ((plain, g), (odd, np.asfortranarray(g))):
            optimizer = make()
            optimizer.step(params, {"w": gradient})
            optimizer.step(params, {"w": gradient})
    np.testing.assert_allclose(odd["w"], plain["w"], rtol=1e-14)


@pytest.mark.parametrize(
    ("grads", "error", "message"),
    [
        ({"z": np.ones((2, 2))}, ValueError, "gradient 'z' belongs to no parameter"),
        ({"b": np.ones(3)}, ValueError, r"'b' has shape \(3,\), the parameter \(2,\)"),
        ({"b": np.ones(2, np.float32)}, TypeError, "'b' is float64, its gradient float32"),
        ({"locked": np.ones(2)}, ValueError, "'locked' is read-only"),
        ({"whole": np.ones(2, int)}, TypeError, "'whole' is int64"),
    ],
)
def test_errors_change_nothing(grads, error, message):
    locked = np.ones(2)
    locked.flags.writeable = False
    params = {"w": W.copy(), "b": B.copy(), "locked": locked, "whole": np.ones(2, int)}
    optimizer = Adam()
    with pytest.raises(error, match=message):
        optimizer.step(params, {"w": np.ones((2, 2)), **grads})
    np.testing.assert_array_equal(params["w"], W)
    assert optimizer.iterations == 0
    assert optimizer.state == {}


def test_another_model_is_refused():
    optimizer = Adam()
    optimizer.step({"w": W.copy()}, {"w": W})
    with pytest.raises(ValueError, match="use a new optimizer"):
        optimizer.step({"w": np.ones((3, 3))}, {"w": np.ones((3, 3))})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SGD(-1), "learning_rate must be a finite number"),
        (lambda: SGD("fast"), "learning_rate must be a finite number"),
        (lambda: SGD(momentum=1.0), "momentum must be from 0 to below 1"),
        (lambda: SGD(nesterov=True), "nesterov=True needs a momentum"),
        (lambda: Adam(beta2=1.5), "beta2 must be"),
        (lambda: Adam(clip_norm=0), "clip_norm must be above 0"),
        (lambda: Adam(clip_norm=1, clip_value=1), "give one of them"),
        (lambda: optimizers.get("adagrad"), "sgd, rmsprop, adam, adamw"),
    ],
)
def test_bad_settings(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("case", TORCH)
def test_config_survives_json(case):
    first = TORCH[case][0]()
    second = optimizers.get(json.loads(json.dumps(first.get_config())))
    assert type(second) is type(first)
    assert second.get_config() == first.get_config()
    np.testing.assert_array_equal(run(first)["dense.w"], run(second)["dense.w"])


def test_get():
    assert type(optimizers.get("adam")) is Adam
    assert type(optimizers.get("SGD")) is SGD
    own = Adam(0.5)
    assert optimizers.get(own) is own
    with pytest.raises(TypeError, match="must be a name"):
        optimizers.get(3)
    with pytest.raises(NotImplementedError, match="Optimizer must define _update"):
        Optimizer(0.1).step({"w": W.copy()}, {"w": W})
