"""Upsampling and zero padding against numbers worked by hand."""

from __future__ import annotations

import numpy as np

from nanocnn.reference import upsample, zero_pad

X = np.array([[4.0, 8.0]]).reshape(1, 1, 2, 1)


def test_nearest_repeats_and_its_gradient_sums_blocks() -> None:
    y = upsample.upsample2d_forward(X, (2, 2), "nearest")
    assert y[0, :, :, 0].tolist() == [[4, 4, 8, 8], [4, 4, 8, 8]]
    dy = np.arange(1.0, 9.0).reshape(1, 2, 4, 1)
    # 1 + 2 + 5 + 6 and 3 + 4 + 7 + 8
    assert upsample.upsample2d_backward(dy, (2, 2), "nearest").ravel().tolist() == [14, 22]


def test_bilinear_blends_between_centres_and_goes_on_at_the_border() -> None:
    y = upsample.upsample2d_forward(X, (1, 2), "bilinear")
    # Centres at -1/4 (held at 0), 1/4, 3/4, 5/4 (held at 1).
    assert y.ravel().tolist() == [4, 5, 7, 8]
    dy = np.array([8.0, 16.0, 32.0, 64.0]).reshape(1, 1, 4, 1)
    # 8 + 3/4 16 + 1/4 32, and 1/4 16 + 3/4 32 + 64
    assert upsample.upsample2d_backward(dy, (1, 2), "bilinear").ravel().tolist() == [28, 92]


def test_zero_padding_and_cropping() -> None:
    y = zero_pad.zero_pad2d_forward(X, ((1, 0), (0, 2)))
    assert y[0, :, :, 0].tolist() == [[0, 0, 0, 0], [4, 8, 0, 0]]
    dy = np.arange(1.0, 9.0).reshape(1, 2, 4, 1)
    assert zero_pad.zero_pad2d_backward(dy, ((1, 0), (0, 2))).ravel().tolist() == [5, 6]
