"""exp, tanh and sigmoid of float32: errors, limits, order, and the polynomial."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from subprocess import CompletedProcess

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanocnn import kernels, reference
from nanocnn.kernels import exponential
from nanocnn.kernels.jit import kernel
from tests.sizes import sized
from tests.vectorized.cases import quick

TINY = np.float32(2**-126)  # below it floats lie as far apart as at it


@kernel
def exp_all(x, y):  # type: ignore[no-untyped-def]
    for e in range(x.size):
        y[np.uintp(e)] = exponential.exp(x[np.uintp(e)])


@kernel
def powers(t, up, y):  # type: ignore[no-untyped-def]
    for e in range(t.size):
        y[e] = exponential.power_of_two(t[e], up)


def exp(x: np.ndarray) -> np.ndarray:
    """Return exp(-|x|), by the function of the kernels, which is for x <= 0."""
    y = np.empty_like(x)
    exp_all(-np.abs(x), y)
    return y


def exact(name: str, x: np.ndarray) -> np.ndarray:
    """Return the function in float64."""
    x = x.astype(np.float64)
    e = np.exp(-np.abs(x))
    return {"exp": e, "tanh": np.tanh(x), "sigmoid": np.where(x >= 0, 1, e) / (1 + e)}[name]


FUNCTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "exp": exp,
    "tanh": kernels.tanh_forward,
    "sigmoid": kernels.sigmoid_forward,
}
# Without a fused multiply-add in Python the errors are a little larger.
MOST = {"exp": sized(1.1, 1.5), "tanh": sized(2.5, 3.0), "sigmoid": sized(2.5, 3.0)}
each = pytest.mark.parametrize("name", FUNCTIONS)


def units_off(name: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the errors in units in the last place of the true result."""
    true = exact(name, x)
    below = np.abs(true).astype(np.float32)
    below = np.where(below > np.abs(true), np.nextafter(below, np.float32(0)), below)
    return np.abs(y - true) / np.spacing(np.maximum(below, TINY)).astype(np.float64)


def grid() -> np.ndarray:
    """Return floats of both signs and all sizes, 0 to 2^10, rising."""
    step = sized(1009, 400_009)
    up = np.arange(0, np.float32(1024).view(np.int32), step, np.int32).view(np.float32)
    return np.concatenate([-up[::-1], up])


def seams() -> np.ndarray:
    """Return floats around the places where k changes, in runs of neighbours; k ln 2 = x or 2x."""
    run = np.arange(-sized(200, 10), sized(200, 10), dtype=np.int32)
    k = np.arange(0.5, 150)
    middle = np.concatenate([k, k[:30] / 2]) * math.log(2)
    return (middle.astype(np.float32).view(np.int32)[:, None] + run).view(np.float32)


@each
def test_error_over_a_dense_grid(name: str) -> None:
    x = np.concatenate([grid(), seams().ravel(), -seams().ravel()])
    off = units_off(name, x, FUNCTIONS[name](x))
    assert off.max() <= MOST[name]
    assert off.max() > 0.4  # or this measures nothing: rounding alone takes up to a half


@each
@quick
@given(st.lists(st.floats(width=32, allow_nan=True), min_size=1, max_size=40))
def test_any_numbers(name: str, numbers: list[float]) -> None:
    x = np.array(numbers, np.float32)
    y = FUNCTIONS[name](x)
    assert y.dtype == np.float32
    np.testing.assert_array_equal(np.isnan(y), np.isnan(x))
    there = ~np.isnan(x)
    assert (units_off(name, x[there], y[there]) <= MOST[name]).all()


def test_limits() -> None:
    inf, least = np.float32(np.inf), np.float32(2.0**-149)
    x = np.array([0, -0.0, least, 100, 103.2, 104, inf], np.float32)
    np.testing.assert_array_equal(exp(x)[[0, 1, 2, 4, 5, 6]], [1, 1, 1, least, 0, 0])
    assert 0 < exp(x)[3] < TINY
    np.testing.assert_array_equal(kernels.sigmoid_forward(-x[[0, 4, 6]]), [0.5, least, 0])
    np.testing.assert_array_equal(kernels.sigmoid_forward(x[[1, 4, 6]]), [0.5, 1, 1])
    y = kernels.tanh_forward(np.array([0, -0.0, least, -least, 10, inf, -inf], np.float32))
    np.testing.assert_array_equal(y, [0, 0, least, -least, 1, 1, -1])
    assert np.signbit(y[:2]).tolist() == [False, True]


def test_exp_and_tanh_keep_the_order() -> None:
    x = np.sort(np.concatenate([grid(), seams().ravel()]))
    for run in (x, *seams()):
        assert (np.diff(exp(run[run >= 0])) <= 0).all()
        assert (np.diff(kernels.tanh_forward(run)) >= 0).all()
    assert (np.diff(kernels.sigmoid_forward(x[x >= 0])) >= 0).all()


def test_tanh_is_odd() -> None:
    x = grid()
    np.testing.assert_array_equal(kernels.tanh_forward(-x), -kernels.tanh_forward(x))


@each
def test_the_bits_do_not_depend_on_the_neighbours(name: str) -> None:
    """What a vector computes, and what is left over for one number at a time."""
    x = grid()[: 8 * 40 + 5]
    whole = FUNCTIONS[name](x)
    for first, last in ((0, 1), (1, 8), (3, 30), (5, 300)):
        np.testing.assert_array_equal(FUNCTIONS[name](x[first:last]), whole[first:last])


@each
def test_float64_is_libms(name: str) -> None:
    x = grid().astype(np.float64)[:: sized(97, 1)]
    e = np.array([math.exp(-abs(v)) for v in x])
    true = {
        "exp": e,
        "tanh": np.array([math.tanh(v) for v in x]),
        "sigmoid": np.where(x >= 0, 1, e) / (1 + e),
    }[name]
    assert (np.abs(FUNCTIONS[name](x) - true) <= 2 * np.spacing(np.abs(true))).all()


@pytest.mark.compiled
@each
def test_the_same_with_the_jit_off(
    name: str, fresh_python: Callable[..., CompletedProcess[str]]
) -> None:
    x = grid()[::2003]
    code = f"""
import json, numpy as np
from tests.kernels.test_exponential import FUNCTIONS
x = np.array(json.loads({json.dumps(x.tolist())!r}), np.float32)
print(json.dumps(FUNCTIONS[{name!r}](x).tolist()))
"""
    done = fresh_python(code, NUMBA_DISABLE_JIT="1")
    assert done.returncode == 0, done.stderr
    other = np.array(json.loads(done.stdout), np.float32)
    assert units_off(name, x, other).max() <= MOST[name] + 0.5
    apart = np.abs(other.astype(np.float64) - FUNCTIONS[name](x))
    assert (apart <= 2 * np.spacing(np.maximum(np.abs(other), TINY))).all()


@pytest.mark.compiled
@pytest.mark.parametrize("up", [0, 30])
def test_powers_of_two(up: int) -> None:
    k = np.arange(-126 - up, 128 - up)
    t, y = (exponential.ROUND + k).astype(np.float32), np.empty(len(k), np.float32)
    powers(t, up, y)
    np.testing.assert_array_equal(y, 2.0 ** (k + up))
    np.testing.assert_array_equal([exponential._power_of_two_twin(v, up) for v in t], y)


def points() -> np.ndarray:
    r = math.log(2) / 2 * np.cos(np.pi * (np.arange(400) + 0.5) / 400)
    return r[np.abs(r) > 1e-3]


def test_the_polynomial_is_the_best_of_its_degree() -> None:
    """Lawson's algorithm, see the module: no other coefficients have a much smaller error."""
    r = points()
    wanted = sum(r**j / math.factorial(j + 2) for j in range(16))
    columns = np.abs(r)[:, None] * r[:, None] ** np.arange(5)
    weights = np.full(len(r), 1 / len(r))
    for _ in range(400):
        root = np.sqrt(weights)
        best = np.linalg.lstsq(columns * root[:, None], np.abs(r) * wanted * root)[0]
        error = np.abs(columns @ best - np.abs(r) * wanted)
        weights *= error / (weights @ error)
    ours = [float(getattr(exponential, f"S{j}")) for j in range(5)]
    off = np.abs(columns @ ours - np.abs(r) * wanted).max()
    assert error.max() <= off <= 1.05 * error.max() <= 1.4e-8
    assert float(exponential.LN2_HIGH) * 2**16 % 2 == 0  # 15 bits: times k it is exact
    assert float(exponential.LN2_HIGH) + float(exponential.LN2_LOW) == pytest.approx(
        math.log(2), abs=1e-13, rel=0
    )


def test_gelu_does_not_cancel_far_below_zero() -> None:
    """1 + tanh(h) has no digits left there; the rounding of h weighs 2h times as much."""
    x = np.linspace(-9, 9, 401).astype(np.float32)
    h = math.sqrt(2 / math.pi) * (x + 0.044715 * x.astype(np.float64) ** 3)
    true = x / (1 + np.exp(-2 * h))
    room = (4 + 4 * np.abs(h)) * np.finfo(np.float32).eps * np.abs(true) + float(TINY)
    assert (np.abs(kernels.gelu_forward(x) - true) <= room).all()
    far = np.array([-1e38, -1e20, -50, 50, 1e20, 1e38], np.float32)
    np.testing.assert_array_equal(kernels.gelu_forward(far), np.maximum(far, 0))
    for dtype in (np.float32, np.float64):
        slopes = kernels.gelu_backward(np.ones(6, dtype), far.astype(dtype))
        np.testing.assert_array_equal(slopes, far > 0)
    np.testing.assert_allclose(
        kernels.gelu_backward(np.ones_like(x), x),
        reference.gelu_backward(np.ones(x.size), x.astype(np.float64)),
        rtol=0,
        atol=1e-6,
    )
