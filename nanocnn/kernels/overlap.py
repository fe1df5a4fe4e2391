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
from .jit import U, inline, kernel
from .logarithm import log
from .softmax import larger

BLOCK = 256  # pixels: their exponentials are one long loop, and stay in the first-level cache


@inline
def _softmax(z, labels, start, end, k, dz, logs, inverses):
    """Leave exp(z - its largest) of pixels in dz, and the inverse of their sums.

    And the logarithm of the label's softmax in `logs`, of any class where there is no label.
    """
    for i in range(start, end):
        highest = z[U(i * k)]
        for c in range(1, k):
            highest = larger(highest, z[U(i * k + c)])
        for c in range(k):
            dz[U(i * k + c)] = z[U(i * k + c)] - highest
    for i in range(start, end):  # the label's logit, before it is lost
        logs[U(i - start)] = dz[U(i * k + max(labels[U(i)], 0))]
    for e in range(start * k, end * k):
        dz[U(e)] = exp(dz[U(e)])
    for i in range(start, end):
        total = dz[U(i * k)]
        for c in range(1, k):
            total += dz[U(i * k + c)]
        inverses[U(i - start)] = 1 / total
    for i in range(end - start):  # less the logarithm of the sum
        logs[U(i)] += log(inverses[U(i)])


@inline
def _cross_entropy(labels, s, w, start, end, k, dz, logs, inverses):
    """Return (L1) of pixels, and turn what is in dz into (L2)."""
    loss = 0.0
    for i in range(start, end):
        label = labels[U(i)]
        scale = w[U(max(label, 0))]
        if s.size:
            scale *= s[U(i)]
        there = label >= 0  # one without a label is ignored: as if it were not there
        loss -= scale * logs[U(i - start)] if there else 0.0
        step, truth = dz.dtype.type(scale * inverses[U(i - start)]), dz.dtype.type(scale)
        for c in range(k):
            slope = dz[U(i * k + c)] * step - (truth if c == label else dz.dtype.type(0))
            dz[U(i * k + c)] = slope if there else 0
    return loss


@kernel
def _sums(labels, s, w, start, end, k, dz, logs, inverses, own):
    """Turn what is in dz into the softmax, and write what is said of `sums` in `_first_pass`."""
    loss = 0.0
    for i in range(start, end):
        label = labels[U(i)]
        if label < 0:
            for e in range(i * k, (i + 1) * k):
                dz[U(e)] = 0.0
            continue
        weight = s[U(i)] if s.size else 1.0
        loss -= weight * w[U(label)] * logs[U(i - start)]  # (L1)
        for c in range(k):
            e = U(i * k + c)
            dz[e] *= inverses[U(i - start)]
            own[U(1 + k + c)] += weight * dz[e]
        own[U(1 + label)] += weight * dz[U(i * k + label)]
        own[U(1 + 2 * k + label)] += weight
    own[0] = loss


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
        own = sums[U(item)]
        own[:] = 0.0
        if k == 2:  # so few classes that their loops are none, and those over pixels go by vectors
            _softmax(z, labels, start, end, 2, dz, logs, inverses)
            if alone:
                own[0] = _cross_entropy(labels, s, w, start, end, 2, dz, logs, inverses)
        else:
            _softmax(z, labels, start, end, k, dz, logs, inverses)
            if alone:
                own[0] = _cross_entropy(labels, s, w, start, end, k, dz, logs, inverses)
        if not alone:
            _sums(labels, s, w, start, end, k, dz, logs, inverses, own)


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
