"""Winograd's convolution in loops: its tables, one line by hand, and the convolution it equals."""

from __future__ import annotations

import numpy as np
import pytest

from nanocnn.reference import conv, winograd
from nanocnn.vectorized import winograd as in_numpy


def test_the_tables_are_those_that_are_printed() -> None:
    """Lavin and Gray (2016) print them as A^T, G and B^T for F(4x4, 3x3)."""
    A, G, B = winograd.winograd_tables()
    np.testing.assert_array_equal(
        A.T, [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]
    )
    np.testing.assert_allclose(
        24 * G,
        [[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]],
        rtol=1e-15,
    )
    np.testing.assert_array_equal(
        B,
        [
            [4, 0, -5, 0, 1, 0],
            [0, -4, -4, 1, 1, 0],
            [0, 4, -4, -1, 1, 0],
            [0, -2, -1, 2, 1, 0],
            [0, 2, -1, -2, 1, 0],
            [0, 4, 0, -5, 0, 1],
        ],
    )


def test_one_line_by_hand() -> None:
    """(W1) with g = (1, 2, 3) and d = (1, 0, 2, 0, 0, 1): y[0] = 1*1 + 2*0 + 3*2 = 7, and so on."""
    g, d = np.array([1.0, 2, 3]), np.array([1.0, 0, 2, 0, 0, 1])
    for rung in (winograd, in_numpy):
        np.testing.assert_allclose(rung.winograd_line(d, g), [7, 4, 2, 3], atol=1e-12)


CASES = [
    ((2, 6, 6, 3), ((0, 0), (0, 0))),  # one whole tile
    ((1, 3, 3, 2), ((0, 0), (0, 0))),  # one output
    ((2, 7, 9, 3), ((1, 1), (1, 1))),
    ((2, 5, 4, 3), ((2, 0), (1, 2))),
    ((1, 11, 8, 2), ((0, 2), (2, 1))),
]


@pytest.mark.parametrize(("shape", "padding"), CASES)
@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_it_is_the_convolution(shape: tuple[int, ...], padding: tuple, dtype: type) -> None:
    r = np.random.default_rng(0)

    def normal(*sizes: int) -> np.ndarray:
        imaginary = 1j * r.normal(size=sizes) if dtype is np.complex128 else 0
        return (r.normal(size=sizes) + imaginary).astype(dtype)

    x, w, b = normal(*shape), normal(3, 3, shape[3], 4), normal(4)
    geometry = ((1, 1), padding, (1, 1), 1)
    y = conv.conv2d_forward(x, w, b, *geometry)
    dy = normal(*y.shape)
    close = {"rtol": 0, "atol": 1e-11}
    np.testing.assert_allclose(winograd.winograd_forward(x, w, b, padding), y, **close)
    without = conv.conv2d_forward(x, w, None, *geometry)
    np.testing.assert_allclose(winograd.winograd_forward(x, w, None, padding), without, **close)
    np.testing.assert_allclose(
        winograd.winograd_backward_input(dy, w, x.shape, padding),
        conv.conv2d_backward_input(dy, w, x.shape, *geometry),
        **close,
    )
    np.testing.assert_allclose(
        winograd.winograd_backward_weight(dy, x, padding),
        conv.conv2d_backward_weight(dy, x, w.shape, *geometry),
        **close,
    )
