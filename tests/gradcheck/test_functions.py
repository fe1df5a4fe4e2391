"""`check_op`: the method that is chosen, kinks, scale, reports and errors."""

from __future__ import annotations

import numpy as np
import pytest

from nanocnn import ops
from nanocnn._backend import backend
from nanocnn.gradcheck import GradientError, check_loss, check_op

from . import pairs

NOISE = np.random.default_rng(0)


def random(*shape, seed=7):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize(
    ("pair", "methods"),
    [
        ("dense", ["adjoint identity"] * 3),
        ("conv", ["adjoint identity"] * 2),
        ("mean pool", ["adjoint identity"]),
        ("softmax", ["complex step"]),
        ("relu", ["complex step"]),
        ("max pool", ["complex step"]),
        ("norm", ["complex step", "adjoint identity", "adjoint identity"]),
        ("real relu", ["central differences"]),
    ],
)
def test_strongest_method_is_chosen(pair, methods):
    forward, backward, *arrays = pairs.draw(3)[pair]
    report = check_op(forward, backward, *arrays).raise_if_failed()
    assert [row.method for row in report.rows] == methods
    exact = [row for row in report.rows if row.method != "central differences"]
    assert all(row.tolerance == 1e-12 and row.error < 1e-13 for row in exact)


@pytest.mark.parametrize(
    "drop",
    [lambda a: a.real, np.abs, lambda a: a.real + 0j, np.conj],
    ids=["real", "abs", "complex zero", "conjugate"],
)
def test_code_that_loses_the_imaginary_part_is_not_believed(drop):
    def forward(x):
        inner = drop(x) if np.iscomplexobj(x) else x
        return np.exp(inner) * (1 + 0 * x), np.exp(x)

    report = check_op(forward, lambda dy, e: dy * e, random(3, 4))
    assert report.passed, str(report)
    assert report.rows[0].method == "central differences"
    assert not check_op(forward, lambda dy, e: 0 * dy, random(3, 4)).passed


def test_part_of_the_imaginary_part_lost_does_not_fail_a_right_pass():
    def forward(x):
        y = np.exp(x)
        y[0] = np.exp(x[0].real) if np.iscomplexobj(x) else y[0]
        return y, np.exp(x)

    report = check_op(forward, lambda dy, e: dy * e, random(300))
    assert report.passed, str(report)
    assert report.rows[0].method == "central differences"


@pytest.mark.parametrize("forward", [pairs.relu_forward, pairs.real_relu_forward])
def test_few_kinks_are_skipped_and_counted(forward):
    x = random(6, 5)
    x[0, 0] = x[3, 2] = 0.0
    # At 0 any slope between 0 and 1 is right; the backward pass here takes 1.
    report = check_op(forward, lambda dy, x: dy * (x >= 0), x).raise_if_failed()
    assert report.rows[0].skipped == 2
    assert "(2 skipped)" in str(report)


@pytest.mark.parametrize("forward", [pairs.relu_forward, pairs.real_relu_forward])
def test_many_kinks_are_inconclusive(forward):
    x = random(6, 5)
    x[:3] = 0.0
    report = check_op(forward, lambda dy, x: dy * (x >= 0), x)
    assert not report.passed
    assert "inconclusive" in str(report)


def test_kinks_far_from_the_probed_elements_are_found_by_directions():
    x = random(40, 50)
    x[3, 4] = x[20, 1] = 0.0
    report = check_op(pairs.relu_forward, lambda dy, x: dy * (x >= 0), x, max_elements=20)
    assert report.passed, str(report)
    assert report.rows[0].skipped >= 2


def test_kinks_nearby_do_not_disturb():
    x = np.array([1e-3, -1e-4, 2e-5, -5e-6, 1.0, 2.0])
    report = check_op(pairs.real_relu_forward, pairs.relu_backward, x).raise_if_failed()
    assert report.rows[0].skipped == 0
    assert report.rows[0].checked == 6


@pytest.mark.parametrize("scale", [1e-8, 1e-3, 1e4, 1e9])
@pytest.mark.parametrize("pair", ["dense", "sigmoid", "square", "real relu", "max pool"])
def test_scale_does_not_matter(pair, scale):
    forward, backward, *arrays = pairs.draw(5)[pair]
    if pair == "sigmoid":
        scale = min(scale, 1e3) / 1e3  # beyond, every sigmoid is flat

    def scaled(x, *rest):
        return forward(x, *rest)

    arrays[0] = arrays[0] * scale
    check_op(scaled, backward, *arrays).raise_if_failed()

    def wrong(dy, cache):
        gradients = backward(dy, cache)
        if isinstance(gradients, tuple):
            return (gradients[0] * 1.001, *gradients[1:])
        return gradients * 1.001

    assert not check_op(scaled, wrong, *arrays).passed


def test_one_wrong_element_among_many_is_found_and_named():
    def backward(dy, cache):
        dx, dw, db = pairs.dense_backward(dy, cache)
        dw = dw.copy()
        dw[17, 5] *= 1.01
        return dx, dw, db

    report = check_op(pairs.dense_forward, backward, random(8, 90), random(90, 30), random(30))
    (failed,) = report.failures
    assert (failed.name, failed.method, failed.index) == ("w", "adjoint identity", (17, 5))
    assert failed.analytic == pytest.approx(1.01 * failed.numeric)


def test_one_wrong_element_among_many_in_a_curved_function():
    def backward(dy, y):
        dx = pairs.sigmoid_backward(dy, y)
        dx[11, 13] *= 1.01
        return dx

    report = check_op(pairs.sigmoid_forward, backward, random(60, 50), max_elements=30)
    (failed,) = report.failures
    assert failed.index == (11, 13)


def test_report_and_error():
    good = check_op(pairs.sigmoid_forward, pairs.sigmoid_backward, random(3, 2), name="mine")
    assert good.raise_if_failed() is good
    assert bool(good)
    text = str(good)
    assert text.startswith("check_op mine: passed")
    assert "complex step" in text
    bad = check_op(
        pairs.dense_forward,
        lambda dy, c: (dy @ c[1].T, -c[0].T @ dy, dy.sum(axis=0)),
        random(4, 3),
        random(3, 2),
        random(2),
    )
    assert [row.passed for row in bad.rows] == [True, False, True]
    with pytest.raises(GradientError, match="1 of 3 gradients are wrong") as caught:
        bad.raise_if_failed()
    message = str(caught.value)
    assert isinstance(caught.value, AssertionError)
    assert "\n  w " in message
    assert "\n  x " not in message
    assert "FAILED" in message


def test_a_gradient_that_is_zero_but_for_rounding_passes():
    """The offset in front of a normalisation changes nothing."""

    def forward(x, offset):
        return pairs.norm_forward(x + offset, np.ones(3), np.zeros(3))

    def backward(dy, cache):
        dx = pairs.norm_backward(dy, cache)[0]
        return dx, dx.sum(axis=0)

    for seed in range(20):
        check_op(forward, backward, random(6, 3, seed=seed), random(3), seed=seed).raise_if_failed()


def test_contract():
    x = random(3, 4)

    def writes(x):
        y = x * 2
        x += 1
        return y, None

    assert "input was changed" in str(check_op(writes, lambda dy, c: 2 * dy, x))
    report = check_op(lambda x: (2 * x, None), lambda dy, c: 2 * dy.T, x)
    assert "shape (4, 3), the input (3, 4)" in str(report)
    report = check_op(lambda x: (2 * x, None), lambda dy, c: (2 * dy).astype("f4"), x)
    assert "gradient is float32" in str(report)

    def spoils(dy, cache):
        dy *= 2
        return dy.copy()

    report = check_op(lambda x: (2 * x, None), spoils, x)
    assert "upstream gradient was changed" in str(report)
    report = check_op(lambda x: (2 * x, None), lambda dy, c: (2 * dy, dy), x)
    assert "2 gradients for 1 inputs" in str(report)
    assert not np.array_equal(x, random(3, 4) + 1)


def test_linear_in():
    forward, backward, *arrays = pairs.draw(0)["dense"]
    assert check_op(forward, backward, *arrays, linear_in=(0, 1, 2)).passed
    forward, backward, x = pairs.draw(0)["sigmoid"]
    report = check_op(forward, backward, x, linear_in=(0,))
    assert "declared linear, but it is not" in str(report)


def test_other_arguments_pass_through():
    winner = np.array([[0, 1], [1, 0], [1, 1]])

    def forward(x, index, bias):
        assert bias is None
        return np.take_along_axis(x, index, 1) * 2, (x.shape, index)

    def backward(dy, cache):
        dx = np.zeros(cache[0])
        np.put_along_axis(dx, cache[1], 0, 1)
        for n, row in enumerate(cache[1]):
            for j, k in enumerate(row):
                dx[n, k] += 2 * dy[n, j]
        return dx, None, None

    check_op(forward, backward, random(3, 2), winner, None).raise_if_failed()


def test_float32_inputs_are_widened():
    forward, backward, *arrays = pairs.draw(0)["dense"]
    check_op(forward, backward, *(a.astype(np.float32) for a in arrays)).raise_if_failed()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: check_op(lambda x: (x, 0), lambda d, c: d, np.arange(3)), "floating-point array"),
        (lambda: check_op(lambda x: (x, 0), lambda d, c: d, np.ones((0, 2))), "input x is empty"),
        (lambda: check_op(lambda x: (x / 0, 0), lambda d, c: d, np.ones(2)), "not finite"),
        (
            lambda: check_op(lambda x: (x * NOISE.normal(), 0), lambda d, c: d, np.ones(2)),
            "two equal calls differ",
        ),
        (lambda: check_op(lambda x: (x, 0), lambda d, c: None, np.ones(2)), "no gradient to check"),
        (lambda: check_loss(lambda y, t: (np.nan, y), np.ones(2), None), "the loss is nan"),
        (lambda: check_loss(lambda y, t: (0.0, y), [1, 2], None), "floating-point array"),
    ],
)
def test_errors(call, message):
    with np.errstate(all="ignore"), pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("rung", ["reference", "vectorized", "numba"])
def test_on_the_operations(rung):
    x, w, b = random(2, 6, 5, 3), random(3, 2, 3, 4), random(4)
    with backend(rung):
        report = check_op(ops.conv2d_forward, ops.conv2d_backward, x, w, b, max_elements=20)
        assert [row.method for row in report.raise_if_failed().rows] == ["adjoint identity"] * 3
        report = check_op(ops.gelu_forward, ops.gelu_backward, x, max_elements=20)
        assert report.raise_if_failed().rows[0].method == "complex step"

        def forward(x):
            return ops.max_pool2d_forward(x, 2)

        check_op(forward, ops.max_pool2d_backward, x, max_elements=20).raise_if_failed()


def test_an_input_without_gradient_is_shown_as_not_checked():
    def backward(dy, cache):
        return pairs.dense_backward(dy, cache)[0], None, dy.sum(axis=0)

    report = check_op(pairs.dense_forward, backward, random(4, 3), random(3, 2), random(2))
    assert [row.method for row in report.rows] == ["adjoint identity", "none", "adjoint identity"]
    assert "not checked: backward returned None" in str(report)


def test_an_infinite_gradient_fails_without_a_warning():
    report = check_op(pairs.sigmoid_forward, lambda dy, y: dy * np.inf, random(3, 4))
    assert not report.passed
    assert "NaN or infinity" in str(report)
