"""Cross-entropy and Tversky loss of pixels with one label each, in one pass or two.

The numbers of a loss are few beside a network's, unless each pixel has its own: 8 masks of 128x128
are half a million logits. What NumPy does in twenty passes over float64 tables is here one pass,
with the label itself in place of a row of zeros and a one. The Tversky loss needs a second pass, as
its gradient depends on sums over all pixels; the first leaves the softmax where the gradient will
be. Pixels go in blocks, whatever the number of threads; each block has its own sums, in float64,
and they are added up in order.
"""

from __future__ import annotations

import numpy as np

from . import memory, threads
from .exponential import exp
from .jit import U, kernel
from .logarithm import log
from .softmax import larger

BLOCK = 256  # pixels: their exponentials are one long loop, and stay in the first-level cache


@kernel
def _first_pass(first, last, z, labels, s, w, dz, sums, k, pixels, blocks, alone):
    """Items are blocks. Leave the softmax in dz, or the gradient where cross-entropy is `alone`.

    Sums of a block: the loss, then of each class truth and prediction in common, both alone.
    """
    logs, inverses = np.empty(BLOCK, z.dtype), np.empty(BLOCK, z.dtype)
    for item in range(first, last):
        group = item // blocks
        start = group * pixels + (item - group * blocks) * BLOCK
        end = min((group + 1) * pixels, start + BLOCK)
        for i in range(start, end):
            highest = z[U(i * k)]
            for e in range(i * k, (i + 1) * k):
                highest = larger(highest, z[U(e)])
            for e in range(i * k, (i + 1) * k):
                dz[U(e)] = z[U(e)] - highest
            # Of the label's logit, before it is lost; without a label, of any.
            logs[U(i - start)] = dz[U(i * k + max(labels[U(i)], 0))]
        for e in range(start * k, end * k):
            dz[U(e)] = exp(dz[U(e)])
        for i in range(start, end):
            total = 0.0
            for e in range(i * k, (i + 1) * k):
                total += dz[U(e)]
            inverses[U(i - start)] = 1 / total
        for i in range(end - start):  # of the label's softmax: its logit less that of the sum
            logs[U(i)] += log(inverses[U(i)])
        own = sums[U(item)]
        own[:] = loss = 0.0
        for i in range(start, end):
            inverse = inverses[U(i - start)]
            label = labels[U(i)]
            if label < 0:  # ignored: as if the pixel were not there
                for e in range(i * k, (i + 1) * k):
                    dz[U(e)] = 0.0
                continue
            weight = s[U(i)] if s.size else 1.0
            scale = weight * w[U(label)]
            loss -= scale * logs[U(i - start)]  # (L1)
            if alone:
                step = z.dtype.type(scale * inverse)
                for e in range(i * k, (i + 1) * k):
                    dz[U(e)] *= step
                dz[U(i * k + label)] -= z.dtype.type(scale)  # (L2)
                continue
            for c in range(k):
                e = U(i * k + c)
                dz[e] *= inverse
                own[U(1 + k + c)] += weight * dz[e]
            own[U(1 + label)] += weight * dz[U(i * k + label)]
            own[U(1 + 2 * k + label)] += weight
        own[0] = loss


@kernel
def _second_pass(first, last, labels, s, w, u, v, dz, k, pixels):
    """Items are pixels. Turn the softmax in dz into the gradient, cross-entropy's part added."""
    for i in range(first, last):
        label = labels[U(i)]
        if label < 0:
            continue
        group = U(i // pixels)
        here = U(i * k + label)
        inner = u[group, U(label)] * dz[here]
        for c in range(k):
            inner += v[group, U(c)] * dz[U(i * k + c)]
        weight = s[U(i)] if s.size else 1.0
        change = w[U(label)] - inner
        extra = u[group, U(label)] * dz[here] - w[U(label)]
        for c in range(k):
            e = U(i * k + c)
            dz[e] *= weight * (v[group, U(c)] + change)  # (L13), and (L2)
        dz[here] += weight * extra


def tversky_cross_entropy(z, labels, s, w, c, alpha, beta, smoothing):
    """Return the sum of both losses and its gradient: (L1), (L2), (L10), (L12), (L13).

    `z` (G, P, K) are logits, `labels` (G, P) int32, below 0 where a pixel is ignored, `s` (G, P)
    float64 weights of pixels, or None. Cross-entropy is summed, each pixel times the weight `w`
    (K,) of its class; of the Tversky loss, `c` (K,) are the classes' weights, None for none of it.
    """
    groups, pixels, k = z.shape
    blocks = -(-pixels // BLOCK)
    dz = memory.empty(z.shape, z.dtype)
    flat, sums = dz.reshape(-1), np.empty((groups * blocks, 1 + 3 * k))
    given = memory.flat(labels), np.empty(0) if s is None else memory.flat(s), w
    seconds = 6 * z.nbytes / threads.BYTES_PER_SECOND
    args = (memory.flat(z), *given, flat, sums, k, pixels, blocks, c is None)
    threads.run(_first_pass, len(sums), args, seconds)
    loss = sums[:, 0].sum()
    if c is None:
        return loss.item(), dz
    A, predicted, true = np.split(sums.reshape(groups, blocks, -1)[:, :, 1:].sum(axis=1), 3, axis=1)
    V = 2 * A + 2 * alpha * (predicted - A) + 2 * beta * (true - A) + smoothing
    T = (2 * A + smoothing) / V
    scale = 2 * c / (groups * V)
    v, u = scale * alpha * T, scale * ((1 - alpha - beta) * T - 1)
    args = (*given, u, v, flat, k, pixels)
    threads.run(_second_pass, groups * pixels, args, seconds / 2)
    return (loss + (c * (1 - T)).sum() / groups).item(), dz
