"""Wrong backward passes, each with the name of its mistake: the checker must reject every one.

A mutant goes with a pair of `pairs.draw`. All sizes there differ and the batch has at least two
samples; where a wrong shape would give the mistake away at once, the inputs are made square.
"""

from __future__ import annotations

import numpy as np

from .pairs import (
    conv_backward,
    conv_forward,
    dense_backward,
    dense_forward,
    norm_backward,
    sigmoid_forward,
    softmax_backward,
)


def _dense(dx=None, dw=None, db=None):
    """Return dense_backward with some of its gradients exchanged."""

    def backward(dy, cache):
        right = dense_backward(dy, cache)
        wrong = (dx, dw, db)
        return tuple(
            right[k] if f is None else f(dy, *cache, right[k]) for k, f in enumerate(wrong)
        )

    return backward


def _conv(dx=None, dw=None):
    def backward(dy, cache):
        right = conv_backward(dy, cache)
        return tuple(
            right[k] if f is None else f(dy, *cache, right[k]) for k, f in enumerate((dx, dw))
        )

    return backward


def _norm(change):
    def backward(dy, cache):
        return change(dy, *cache, *norm_backward(dy, cache))

    return backward


def _tiny(a):
    b = a.copy()
    b.flat[a.size // 2] *= 1 + 1e-9
    return b


def _first_row_only(a):
    b = np.zeros_like(a)
    b[0] = a[0]
    return b


class Stale:
    """Keeps the memory of the last forward pass on itself instead of in the cache."""

    def __init__(self, forward, backward):
        self._forward, self._backward, self._memory = forward, backward, None

    def forward(self, *arrays):
        y, self._memory = self._forward(*arrays)
        return y, None

    def backward(self, dy, cache):
        return self._backward(dy, self._memory)


class Accumulating:
    """Adds to the gradients of the call before."""

    def __init__(self):
        self.sum = 0.0

    def backward(self, dy, cache):
        dx, dw, db = dense_backward(dy, cache)
        self.sum = self.sum + dw
        return dx, self.sum, db


MUTANTS = {
    # name: (pair, backward)
    "dense: dx with the wrong sign": ("dense", _dense(dx=lambda dy, x, w, a: -a)),
    "dense: dw with the wrong sign": ("dense", _dense(dw=lambda dy, x, w, a: -a)),
    "dense: dx with w not transposed": ("square dense", _dense(dx=lambda dy, x, w, a: dy @ w)),
    "dense: dw transposed": ("square dense", _dense(dw=lambda dy, x, w, a: a.T)),
    "dense: dw with x not transposed": ("square dense", _dense(dw=lambda dy, x, w, a: x @ dy)),
    "dense: dw divided by N": ("dense", _dense(dw=lambda dy, x, w, a: a / len(x))),
    "dense: db averaged over the batch": ("dense", _dense(db=lambda dy, x, w, a: dy.mean(axis=0))),
    "dense: db of the first sample only": ("dense", _dense(db=lambda dy, x, w, a: dy[0])),
    "dense: db without the sum": ("dense", _dense(db=lambda dy, x, w, a: dy)),
    "dense: db summed over the wrong axis": (
        "square dense",
        _dense(db=lambda dy, x, w, a: dy.sum(axis=1)),
    ),
    "dense: db summed to one number": (
        "dense",
        _dense(db=lambda dy, x, w, a: np.full_like(a, dy.sum())),
    ),
    "dense: dw of the first sample only": (
        "dense",
        _dense(dw=lambda dy, x, w, a: np.outer(x[0], dy[0])),
    ),
    "dense: dx of the first sample only": (
        "dense",
        _dense(dx=lambda dy, x, w, a: _first_row_only(a)),
    ),
    "dense: ones instead of dy in dx": (
        "dense",
        _dense(dx=lambda dy, x, w, a: np.ones_like(dy) @ w.T),
    ),
    "dense: ones instead of dy in dw": (
        "dense",
        _dense(dw=lambda dy, x, w, a: x.T @ np.ones_like(dy)),
    ),
    "dense: ones instead of dy in db": (
        "dense",
        _dense(db=lambda dy, x, w, a: np.ones_like(dy).sum(axis=0)),
    ),
    "dense: dx is zero": ("dense", _dense(dx=lambda dy, x, w, a: 0 * a)),
    "dense: dw twice too large": ("dense", _dense(dw=lambda dy, x, w, a: 2 * a)),
    "dense: dx rounded to float32": (
        "dense",
        _dense(dx=lambda dy, x, w, a: a.astype(np.float32).astype(np.float64)),
    ),
    "dense: dx in float32": ("dense", _dense(dx=lambda dy, x, w, a: a.astype(np.float32))),
    "dense: one element off by 1e-9": ("dense", _dense(dw=lambda dy, x, w, a: _tiny(a))),
    "dense: batch reversed in dx": ("dense", _dense(dx=lambda dy, x, w, a: a[::-1])),
    "dense: units shifted by one in db": ("dense", _dense(db=lambda dy, x, w, a: np.roll(a, 1))),
    "dense: weight decay left in dw": ("dense", _dense(dw=lambda dy, x, w, a: a + 1e-4 * w)),
    "dense: one gradient too few": ("dense", lambda dy, c: dense_backward(dy, c)[:2]),
    "dense: memory on the object": ("dense", Stale(dense_forward, dense_backward)),
    "dense: gradients add up over calls": ("dense", Accumulating().backward),
    "dense: NaN in dx": ("dense", _dense(dx=lambda dy, x, w, a: np.where(a == a[0, 0], np.nan, a))),
    "sigmoid: derivative taken at the output": (
        "sigmoid",
        lambda dy, y: dy * sigmoid_forward(y)[0] * (1 - sigmoid_forward(y)[0]),
    ),
    "sigmoid: derivative missing": ("sigmoid", lambda dy, y: dy),
    "sigmoid: y (1 + y)": ("sigmoid", lambda dy, y: dy * y * (1 + y)),
    "sigmoid: y instead of y (1 - y)": ("sigmoid", lambda dy, y: dy * y),
    "sigmoid: that of tanh": ("sigmoid", lambda dy, y: dy * (1 - y * y)),
    "sigmoid: dy forgotten": ("sigmoid", lambda dy, y: y * (1 - y)),
    "square: a term missing": ("square", lambda dy, x: dy * 2 * x),
    "square: a factor missing": ("square", lambda dy, x: dy * (x + 3 * x**2)),
    "softmax: diagonal only": ("softmax", lambda dy, y: dy * y * (1 - y)),
    "softmax: wrong sign of the sum": (
        "softmax",
        lambda dy, y: y * (dy + (dy * y).sum(axis=1, keepdims=True)),
    ),
    "softmax: sum over the batch": (
        "softmax",
        lambda dy, y: y * (dy - (dy * y).sum(axis=0, keepdims=True)),
    ),
    "softmax: sum without y": (
        "softmax",
        lambda dy, y: y * (dy - dy.sum(axis=1, keepdims=True)),
    ),
    "softmax: as if with cross-entropy": ("softmax", lambda dy, y: y - dy),
    "softmax: divided by the batch": (
        "softmax",
        lambda dy, y: softmax_backward(dy, y) / len(y),
    ),
    "relu: everything let through": ("relu", lambda dy, x: dy),
    "relu: gate the other way": ("relu", lambda dy, x: dy * (x < 0)),
    "relu: gate at one": ("relu", lambda dy, x: dy * (x > 1)),
    "relu: gate by dy": ("relu", lambda dy, x: dy * (dy > 0)),
    "relu: the output instead of the gate": ("relu", lambda dy, x: dy * np.maximum(x, 0)),
    "relu: leaks a little": ("real relu", lambda dy, x: dy * np.where(x > 0, 1, 1e-5)),
    "conv: filters flipped in dx": (
        "conv",
        _conv(dx=lambda dy, x, w, a: conv_backward(dy, (x, w[::-1, ::-1]))[0]),
    ),
    "conv: filters flipped in one axis": (
        "conv",
        _conv(dx=lambda dy, x, w, a: conv_backward(dy, (x, w[:, ::-1]))[0]),
    ),
    "conv: dw flipped": ("conv", _conv(dw=lambda dy, x, w, a: a[::-1, ::-1])),
    "conv: dx shifted by one row": ("conv", _conv(dx=lambda dy, x, w, a: np.roll(a, 1, axis=1))),
    "conv: dw shifted by one column": ("conv", _conv(dw=lambda dy, x, w, a: np.roll(a, 1, axis=1))),
    "conv: channels exchanged in dw": ("conv", _conv(dw=lambda dy, x, w, a: a[:, :, ::-1])),
    "conv: filters exchanged in dw": ("conv", _conv(dw=lambda dy, x, w, a: a[..., ::-1])),
    "conv: last row of dy forgotten": (
        "conv",
        _conv(
            dw=lambda dy, x, w, a: conv_backward(
                dy * (np.arange(dy.shape[1]) < dy.shape[1] - 1)[:, None, None], (x, w)
            )[1]
        ),
    ),
    "conv: border of dx forgotten": (
        "conv",
        _conv(dx=lambda dy, x, w, a: np.pad(a[:, 1:-1], ((0, 0), (1, 1), (0, 0), (0, 0)))),
    ),
    "conv: dw averaged over positions": (
        "conv",
        _conv(dw=lambda dy, x, w, a: a / (dy.shape[1] * dy.shape[2])),
    ),
    "conv: memory on the object": ("conv", Stale(conv_forward, conv_backward)),
    "max pool: the loser wins": (
        "max pool",
        lambda dy, first: _pool(dy * ~first, dy * first),
    ),
    "max pool: shared between both": ("max pool", lambda dy, first: _pool(dy / 2, dy / 2)),
    "max pool: both get all": ("max pool", lambda dy, first: _pool(dy, dy)),
    "max pool: overlap overwrites": ("max pool", lambda dy, first: _overwrite(dy, first)),
    "max pool: always the first": ("max pool", lambda dy, first: _pool(dy, 0 * dy)),
    "mean pool: not divided": ("mean pool", lambda dy, c: np.repeat(dy, 2, axis=1)),
    "mean pool: tiled, not repeated": ("mean pool", lambda dy, c: np.tile(dy / 2, 2)),
    "mean pool: divided twice": ("mean pool", lambda dy, c: np.repeat(dy / 4, 2, axis=1)),
    "norm: mean and variance held fixed": (
        "norm",
        _norm(lambda dy, z, s, g, dx, dg, db: (dy * g / s, dg, db)),
    ),
    "norm: variance held fixed": (
        "norm",
        _norm(lambda dy, z, s, g, dx, dg, db: ((dy * g - (dy * g).mean(axis=0)) / s, dg, db)),
    ),
    "norm: gamma forgotten": (
        "norm",
        _norm(lambda dy, z, s, g, dx, dg, db: (dx / g, dg, db)),
    ),
    "norm: epsilon added once more": (
        "norm",
        _norm(lambda dy, z, s, g, dx, dg, db: (dx * s / np.sqrt(s**2 + 1e-3), dg, db)),
    ),
    "norm: dgamma and dbeta exchanged": (
        "norm",
        _norm(lambda dy, z, s, g, dx, dg, db: (dx, db, dg)),
    ),
}


def _pool(first, second):
    dx = np.zeros((first.shape[0], first.shape[1] + 1))
    dx[:, :-1] += first
    dx[:, 1:] += second
    return dx


def _overwrite(dy, first):
    dx = np.zeros((dy.shape[0], dy.shape[1] + 1))
    for i in range(dy.shape[1]):
        for n in range(len(dy)):
            dx[n, i if first[n, i] else i + 1] = dy[n, i]
    return dx
