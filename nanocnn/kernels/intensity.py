"""Changing the values of images: blur a row at a time, everything else in one pass over an image.

The pass takes some rows at a time, which stay in the first-level cache while short loops go over
them: contrast and brightness, then gamma, then noise, each only where the image's strength is not
that which changes nothing. So every loop fills vectors, and nothing is computed in vain.
"""

from __future__ import annotations

import math

import numpy as np

from . import memory, threads
from .jit import U, as_written
from .logarithm import power
from .microkernel import multiply_add
from .normal import fill_normal

BLOCK = 512  # numbers that are taken together, in whole rows
NUMBER_SECONDS = 2e-9  # decides only whether threads are used


@as_written
def _blur(first, last, x, y, weights, radii, h, w, c):
    """Items are output rows of all images: along columns into a buffer, then along rows."""
    width, margin = w * c, weights.shape[1] * c
    wide = np.empty(width + 2 * margin, x.dtype)
    for t in range(first, last):
        n, i = t // h, t % h
        o, radius, heaviest = t * width, radii[n], weights[n, 0]
        for a in range(width):
            wide[U(margin + a)] = heaviest * x[U(o + a)]
        for u in range(1, radius + 1):
            weight = weights[n, u]
            above = (n * h + max(0, i - u)) * width
            below = (n * h + min(h - 1, i + u)) * width
            for a in range(width):
                both = x[U(above + a)] + x[U(below + a)]
                wide[U(margin + a)] = multiply_add(weight, both, wide[U(margin + a)])
        for a in range(radius * c):  # the border: the first and the last pixel go on
            wide[margin - 1 - a] = wide[margin + c - 1 - a % c]
            wide[margin + width + a] = wide[margin + width - c + a % c]
        for a in range(width):
            y[U(o + a)] = heaviest * wide[U(margin + a)]
        for v in range(1, radius + 1):
            weight, left, right = weights[n, v], margin - v * c, margin + v * c
            for a in range(width):
                both = wide[U(left + a)] + wide[U(right + a)]
                y[U(o + a)] = multiply_add(weight, both, y[U(o + a)])


@as_written
def _means(x, start, h, w, c, sums, means):
    """Write an image's mean of each channel, by sums of its columns: they fill vectors."""
    sums[:] = 0
    for i in range(h):
        for a in range(w * c):
            sums[U(a)] += x[U(start + i * w * c + a)]
    for f in range(c):
        total = 0.0
        for j in range(w):
            total += sums[j * c + f]
        means[f] = total / (h * w)


@as_written
def _adjust(first, last, x, y, contrast, brightness, gamma, noise, keys, boxes, h, w, c):
    """Items are images."""
    width = w * c
    rows = max(1, BLOCK // width)
    zero, one = x.dtype.type(0), x.dtype.type(1)
    offsets, normal = np.empty(rows * width, x.dtype), np.empty(rows * width + 2, np.float32)
    radii, turns = np.empty(normal.size, np.float32), np.empty(normal.size, np.float32)
    sums, means = np.empty(width), np.zeros(c)
    for n in range(first, last):
        start = n * h * width
        top, bottom = max(0, boxes[n, 0]), min(h, boxes[n, 1])
        left, right = max(0, boxes[n, 2]), min(w, boxes[n, 3])
        is_hidden = top < bottom and left < right
        if is_hidden or contrast[n] != 1:
            _means(x, start, h, w, c, sums, means)
        for a in range(rows * width):
            offsets[a] = (1 - contrast[n]) * means[a % c] + brightness[n]
        k, g, sigma = x.dtype.type(contrast[n]), x.dtype.type(gamma[n]), x.dtype.type(noise[n])
        for i in range(0, h, rows):
            o = start + i * width
            count = min(rows, h - i) * width
            for a in range(count):
                v = multiply_add(k, x[U(o + a)], offsets[U(a)])
                y[U(o + a)] = zero if v < zero else (one if v > one else v)
            if gamma[n] != 1:
                for a in range(count):
                    y[U(o + a)] = power(y[U(o + a)], g)
            if noise[n] != 0:
                e = i * width  # of the image's numbers; pairs may begin before it and end behind
                odd = e % 2
                fill_normal(keys[n], e // 2, (count + odd + 1) // 2, radii, turns, normal)
                for a in range(count):
                    v = multiply_add(sigma, x.dtype.type(normal[U(a + odd)]), y[U(o + a)])
                    y[U(o + a)] = zero if v < zero else (one if v > one else v)
        if is_hidden:
            for i in range(top, bottom):
                for a in range(left * c, right * c):
                    y[U(start + i * width + a)] = means[a % c]


def blur_images(x, sigmas):
    """(I1)."""
    n, h, w, c = x.shape
    radii = np.array([math.ceil(3 * sigma) for sigma in sigmas], np.int64)
    weights = np.zeros((n, 1 + radii.max(initial=0)), x.dtype)
    for row, radius, sigma in zip(weights, radii, sigmas, strict=True):
        row[: radius + 1] = _half_gaussian(int(radius), float(sigma))
    y = memory.empty(x.shape, x.dtype)
    args = (memory.flat(x), y.reshape(-1), weights, radii, h, w, c)
    taps = 2 * weights.shape[1]
    threads.run(_blur, n * h, args, taps * x.nbytes / threads.BYTES_PER_SECOND)
    return y


def _half_gaussian(radius, sigma):
    """Return w[0] ... w[R] of (I1); from `math`, whose bits are the same in any batch."""
    ratios = [u / sigma if u else 0.0 for u in range(radius + 1)]
    bell = [math.exp(-ratio * ratio / 2) for ratio in ratios]
    total = 2 * sum(bell) - bell[0]
    return [weight / total for weight in bell]


def adjust_images(x, contrast, brightness, gamma, noise, keys, boxes):
    """(I2), (I3), (I4)."""
    n, h, w, c = x.shape
    y = memory.empty(x.shape, x.dtype)
    strengths = (memory.flat(v) for v in (contrast, brightness, gamma, noise, keys))
    args = (memory.flat(x), y.reshape(-1), *strengths, memory.flat(boxes).reshape(n, 4), h, w, c)
    threads.run(_adjust, n, args, x.size * NUMBER_SECONDS)
    return y
