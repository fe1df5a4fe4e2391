"""Normalization of single pixels, each over its own channels: layer normalization.

A row of numbers is short. What `norm` prepares for an image, lanes and a table of constants, would
take thirty times as long as the row itself; here it is read twice from the first-level cache.
"""

from __future__ import annotations

import numpy as np

from .jit import U, kernel
from .microkernel import multiply_add
from .prefetch import prefetch_ahead

ROWS = 64  # of a work item


@kernel
def rows_forward(first, last, x, gamma, beta, epsilon, y, mean, variance):
    """(B8), (B9), (B10) with P = 1; items are ROWS rows. As in `norm`, d = x - the first number."""
    channels, groups = gamma.size, mean.shape[1]
    width = channels // groups
    for n in range(first * ROWS, min(last * ROWS, mean.shape[0])):
        prefetch_ahead(x, n * channels, channels)
        for g in range(groups):
            c0 = g * width
            a = n * channels + c0
            shift = np.float64(x[a])
            one = two = 0.0
            for c in range(width):
                d = np.float64(x[U(a + c)]) - shift
                one += d
                two += d * d
            one, two = one / width, two / width
            two -= one * one
            mean[n, g], variance[n, g] = shift + one, 0.0 if two < 0 else two
            r = 1 / np.sqrt(variance[n, g] + epsilon)
            centre = x.dtype.type(mean[n, g])
            rest = mean[n, g] - np.float64(centre)
            for c in range(width):
                scale = gamma[U(c0 + c)] * r
                offset = x.dtype.type(beta[U(c0 + c)] - rest * scale)
                y[U(a + c)] = multiply_add(x[U(a + c)] - centre, x.dtype.type(scale), offset)


@kernel
def rows_backward(first, last, dy, x, gamma, mean, variance, epsilon, parts, dx, totals):
    """(B11), (B12) with P = 1; items are parts, totals[part] are dgamma and dbeta of its rows."""
    channels, groups, rows = gamma.size, mean.shape[1], mean.shape[0]
    width = channels // groups
    for part in range(first, last):
        dgamma, dbeta = totals[part, 0], totals[part, 1]
        for n in range(part * rows // parts, (part + 1) * rows // parts):
            prefetch_ahead(x, n * channels, channels)
            prefetch_ahead(dy, n * channels, channels)
            for g in range(groups):
                c0 = g * width
                a = n * channels + c0
                m, r = mean[n, g], 1 / np.sqrt(variance[n, g] + epsilon)
                total = product = 0.0
                for c in range(width):
                    upstream, xhat = np.float64(dy[U(a + c)]), (x[U(a + c)] - m) * r
                    dgamma[U(c0 + c)] += upstream * xhat
                    dbeta[U(c0 + c)] += upstream
                    total += gamma[U(c0 + c)] * upstream
                    product += gamma[U(c0 + c)] * upstream * xhat
                total, product = total / width, product / width
                for c in range(width):
                    xhat = (x[U(a + c)] - m) * r
                    dx[U(a + c)] = r * (gamma[U(c0 + c)] * dy[U(a + c)] - total - xhat * product)
