"""ln and powers of float32: errors, limits, order, the same with the JIT off."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from subprocess import CompletedProcess

import numpy as np
import pytest

from nanocnn.kernels import logarithm
from nanocnn.kernels.jit import kernel
from tests.sizes import sized

LEAST = np.float32(2.0**-126)


@kernel
def log_all(x, y):  # type: ignore[no-untyped-def]
    for e in range(x.size):
        y[np.uintp(e)] = logarithm.log(x[np.uintp(e)])


@kernel
def power_all(x, g, y):  # type: ignore[no-untyped-def]
    for e in range(x.size):
        y[np.uintp(e)] = logarithm.power(x[np.uintp(e)], g)


def log(x: np.ndarray) -> np.ndarray:
    y = np.empty_like(x)
    log_all(x, y)
    return y


def power(x: np.ndarray, g: float) -> np.ndarray:
    y = np.empty_like(x)
    power_all(x, x.dtype.type(g), y)
    return y


def grid() -> np.ndarray:
    """Return normal floats from the smallest to 1, and all near 1 and near sqrt(1/2)."""
    first, last = LEAST.view(np.int32), np.float32(1).view(np.int32)
    run = np.arange(-sized(2000, 200), 1, dtype=np.int32)
    seam = np.float32(math.sqrt(0.5)).view(np.int32) + run - run[0] // 2
    steps = np.arange(first, last, sized(1009, 400_009), np.int32)
    return np.sort(np.concatenate([steps, last + run, seam])).view(np.float32)


def test_error_of_the_logarithm() -> None:
    x = grid()
    true = np.log(x.astype(np.float64))
    off = np.abs(log(x) - true) / np.spacing(np.abs(true).astype(np.float32)).astype(np.float64)
    assert off.max() <= sized(2.5, 3.5)
    assert off.max() > 0.4  # or this measures nothing: rounding alone takes up to a half


def test_limits() -> None:
    x = np.array([0, 2.0**-127, 1, 0.5], np.float32)
    np.testing.assert_array_equal(log(x), [-np.inf, -np.inf, 0, np.float32(-math.log(2))])
    for g in (0.1, 1.0, 3.0):
        np.testing.assert_array_equal(power(np.array([0, 1], np.float32), g), [0, 1])


def test_logarithms_and_powers_never_fall() -> None:
    x = grid()
    assert (np.diff(log(x)) >= 0).all()
    for g in (0.4, 2.5):
        assert (np.diff(power(x, g)) >= 0).all()


@pytest.mark.parametrize("g", [0.05, 0.5, 0.9, 1.0, 1.1, 2.0, 5.0])
def test_error_of_powers(g: float) -> None:
    x = grid()
    true = x.astype(np.float64) ** float(np.float32(g))
    room = (3 + np.abs(g * np.log(x.astype(np.float64)))) * 2.0**-23 * true + float(LEAST)
    assert (np.abs(power(x, g) - true) <= room).all()


def test_float64_is_libms() -> None:
    x = np.linspace(0.001, 1, 1001)
    np.testing.assert_allclose(log(x), np.log(x), rtol=1e-15, atol=1e-18)
    np.testing.assert_allclose(power(x, 0.7), x**0.7, rtol=1e-15, atol=0)


def test_the_bits_do_not_depend_on_the_neighbours() -> None:
    x = grid()[-8 * 40 - 5 :]
    whole = power(x, 0.7)
    for first, last in ((0, 1), (1, 8), (3, 30), (5, 300)):
        np.testing.assert_array_equal(power(x[first:last], 0.7), whole[first:last])


@pytest.mark.compiled
def test_the_bits_of_a_float_and_their_twins() -> None:
    @kernel
    def there(x, y):  # type: ignore[no-untyped-def]
        for e in range(x.size):
            y[e] = logarithm.bits(x[e])

    @kernel
    def back(n, y):  # type: ignore[no-untyped-def]
        for e in range(n.size):
            y[e] = logarithm.from_bits(n[e])

    x = grid()
    n, y = np.empty(x.size, np.int32), np.empty_like(x)
    there(x, n)
    back(n, y)
    np.testing.assert_array_equal(n, x.view(np.int32))
    np.testing.assert_array_equal(y, x)
    assert [logarithm._bits_twin(v) for v in x[:5]] == n[:5].tolist()
    assert [logarithm._from_bits_twin(v) for v in n[:5]] == x[:5].tolist()


@pytest.mark.compiled
def test_the_same_with_the_jit_off(fresh_python: Callable[..., CompletedProcess[str]]) -> None:
    x = grid()[::2003]
    code = f"""
import json, numpy as np
from tests.kernels.test_logarithm import power
print(json.dumps(power(np.array(json.loads({json.dumps(x.tolist())!r}), np.float32), 0.6).tolist()))
"""
    done = fresh_python(code, NUMBA_DISABLE_JIT="1")
    assert done.returncode == 0, done.stderr
    other = np.array(json.loads(done.stdout), np.float32)
    np.testing.assert_allclose(other, power(x, 0.6), rtol=2e-5, atol=float(LEAST))
