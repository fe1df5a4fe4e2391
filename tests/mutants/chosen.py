"""Wrong backward passes of single operations, chosen by hand: the classics of each.

Two tables: mistakes with an activation that is fused into an affine operation, and mistakes that
only make sense for one operation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from nanocnn import ops

from .cases import CASES, Case
from .wrapped import Backward, WrappedMutant

_FUSED = ("relu", "sigmoid", "tanh")
_AFFINE = {
    "conv2d": Case(((2, 4, 5, 2), (2, 3, 2, 3), (3,)), {"padding": ((1, 0), (0, 1))}),
    "dense": Case(((2, 3), (3, 4), (4,))),
}


def chosen() -> Iterator[WrappedMutant]:
    """Yield the mutants of this file."""
    for op, case in _AFFINE.items():
        for activation in _FUSED:
            fused = case._replace(options={**case.options, "activation": activation})
            for text, make in _around_an_activation(activation).items():
                yield WrappedMutant(f"{op} with {activation}: {text}", op, fused, make)
    for name, change in SINGLE.items():
        op = name.split(":")[0]
        yield WrappedMutant(name, op, CASES[op][0], _of(change))


def _around_an_activation(activation: str) -> dict[str, Callable[[Backward], Backward]]:
    def without(cache: Any) -> Any:
        return cache._replace(activation=None, y=None)

    def forgotten_in(*which: int) -> Callable[[Backward], Backward]:
        def make(right: Backward) -> Backward:
            def backward(dy: Any, cache: Any) -> Any:
                good, bad = right(dy, cache), right(dy, without(cache))
                return tuple(bad[k] if k in which else good[k] for k in range(3))

            return backward

        return make

    def twice(right: Backward) -> Backward:
        slope = getattr(ops, f"{activation}_backward")
        output = ops.relu_forward(np.zeros(1))[1]._replace
        return lambda dy, cache: right(slope(dy, output(y=cache.y)), cache)

    def at_the_output(right: Backward) -> Backward:
        again = getattr(ops, f"{activation}_forward")
        return lambda dy, cache: right(dy, cache._replace(y=again(cache.y)[0]))

    changes = {
        "slope forgotten": forgotten_in(0, 1, 2),
        "slope forgotten in dx": forgotten_in(0),
        "slope forgotten in dw": forgotten_in(1),
        "slope forgotten in db": forgotten_in(2),
        "slope gated by dy": lambda right: lambda dy, cache: right(dy, cache._replace(y=dy)),
    }
    if activation != "relu":  # relu's slope may be taken twice, and at its output
        changes |= {"slope taken twice": twice, "slope taken at the output": at_the_output}
    for other in _FUSED:
        if other != activation:
            changes[f"slope of {other}"] = _with(activation=other)
    return changes


def _with(**settings: Any) -> Callable[[Backward], Backward]:
    """Give the right pass another cache."""
    return lambda right: lambda dy, cache: right(dy, cache._replace(**settings))


def _of(change: Callable[..., Any]) -> Callable[[Backward], Backward]:
    return lambda right: lambda dy, cache: change(right, dy, cache)


def _exchange(gradients: tuple[Any, ...], k: int, change: Callable[[Any], Any]) -> tuple[Any, ...]:
    return tuple(change(g) if i == k else g for i, g in enumerate(gradients))


def _turned(axes: tuple[int, ...]) -> Callable[..., Any]:
    def backward(right: Backward, dy: Any, cache: Any) -> Any:
        wrong = right(dy, cache._replace(w=np.flip(cache.w, axes).copy()))
        return (wrong[0], *right(dy, cache)[1:])

    return backward


def _counted_with_padding(right: Backward, dy: Any, cache: Any) -> Any:
    """Divide by the whole window: what PyTorch does unless told not to."""
    (top, bottom), (left, right_side) = cache.padding
    n, h, w, c = cache.x_shape
    padded = cache._replace(
        x_shape=(n, h + top + bottom, w + left + right_side, c), padding=((0, 0), (0, 0))
    )
    return right(dy, padded)[:, top : top + h, left : left + w].copy()


def _shared_by_all(right: Backward, dy: Any, cache: Any) -> Any:
    geometry = (cache.x_shape, cache.winner.shape, cache.window, cache.stride, cache.padding)
    return ops.average_pool2d_backward(dy, ops.pool.AveragePool2DCache(*geometry))


def _other_winner(change: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda right, dy, cache: right(dy, cache._replace(winner=change(cache.winner)))


def _with_statistics(**settings: Any) -> Callable[..., Any]:
    return lambda right, dy, cache: right(dy, cache._replace(**settings))


SINGLE: dict[str, Callable[..., Any]] = {
    "conv2d: dx with the filters turned": _turned((0, 1)),
    "conv2d: dx with the filters upside down": _turned((0,)),
    "conv2d: dx with the filters left to right": _turned((1,)),
    "conv2d: dx with the filters in reverse order": _turned((3,)),
    "conv2d: dx with the channels in reverse order": _turned((2,)),
    "conv2d: padding before and behind exchanged": lambda right, dy, c: right(
        dy, c._replace(padding=tuple(p[::-1] for p in c.padding))
    ),
    "conv2d: dw averaged over places": lambda right, dy, c: _exchange(
        right(dy, c), 1, lambda g: g / (dy.shape[1] * dy.shape[2])
    ),
    "conv2d: db averaged over places": lambda right, dy, c: _exchange(
        right(dy, c), 2, lambda g: g / (dy.shape[1] * dy.shape[2])
    ),
    "conv2d: weight decay left in dw": lambda right, dy, c: _exchange(
        right(dy, c), 1, lambda g: g + 1e-4 * c.w
    ),
    "conv2d: groups in reverse order in dx": lambda right, dy, c: _exchange(
        right(dy, c), 0, lambda g: np.roll(g, g.shape[3] // 2, axis=3)
    ),
    "conv2d: border of dx forgotten": lambda right, dy, c: _exchange(
        right(dy, c), 0, lambda g: np.pad(g[:, 1:-1], ((0, 0), (1, 1), (0, 0), (0, 0)))
    ),
    "conv2d: last row of dy forgotten": lambda right, dy, c: right(
        dy * (np.arange(dy.shape[1]) < dy.shape[1] - 1)[:, None, None], c
    ),
    "dense: weight decay left in dw": lambda right, dy, c: _exchange(
        right(dy, c), 1, lambda g: g + 1e-4 * c.w
    ),
    "dense: db of all inputs": lambda right, dy, c: _exchange(
        right(dy, c), 2, lambda g: g * c.x.shape[1]
    ),
    "dense: one gradient too few": lambda right, dy, c: right(dy, c)[:2],
    "max_pool2d: always the first place wins": _other_winner(np.zeros_like),
    "max_pool2d: the place behind the winner": _other_winner(lambda w: (w + 1) % 6),
    "max_pool2d: the winner of the next channel": _other_winner(lambda w: w[..., ::-1].copy()),
    "max_pool2d: the winner of the other sample": _other_winner(lambda w: w[::-1].copy()),
    "max_pool2d: winner read column by column": _other_winner(lambda w: w % 3 * 2 + w // 3),
    "max_pool2d: shared by all pixels": _shared_by_all,
    "average_pool2d: padding counted": _counted_with_padding,
    "average_pool2d: padding before and behind exchanged": lambda right, dy, c: right(
        dy, c._replace(padding=tuple(p[::-1] for p in c.padding))
    ),
    "average_pool2d: smoothed once more": lambda right, dy, c: right(
        (dy + np.roll(dy, 1, axis=1)) / 2, c
    ),
    "batch_norm: as if the statistics were constants": _with_statistics(constant=True),
    "batch_norm: epsilon forgotten": _with_statistics(epsilon=1e-12),
    "batch_norm: variance by M - 1": lambda right, dy, c: right(
        dy, c._replace(variance=c.variance * len(c.x) / (len(c.x) - 1))
    ),
    "batch_norm: gamma forgotten in dx": lambda right, dy, c: _exchange(
        right(dy, c), 0, lambda g: g / c.gamma
    ),
    "batch_norm: relu where there is none": _with_statistics(activation="relu"),
    "batch_norm: the mean of dy stays": lambda right, dy, c: _exchange(
        right(dy, c),
        0,
        lambda g: g + c.gamma / np.sqrt(c.variance + c.epsilon) * dy.mean(axis=0),
    ),
    "layer_norm: statistics of the next row": lambda right, dy, c: right(
        dy, c._replace(mean=np.roll(c.mean, 1, axis=0), variance=np.roll(c.variance, 1, axis=0))
    ),
    "layer_norm: gamma taken behind the means": lambda right, dy, c: _exchange(
        right(dy, c),
        0,
        lambda g: right(dy, c._replace(gamma=np.ones_like(c.gamma)))[0] * c.gamma,
    ),
    "group_norm: one group": lambda right, dy, c: right(
        dy,
        c._replace(
            mean=c.mean.mean(axis=1, keepdims=True), variance=c.variance.mean(axis=1, keepdims=True)
        ),
    ),
    "group_norm: groups in reverse order": lambda right, dy, c: right(
        dy, c._replace(mean=c.mean[:, ::-1].copy(), variance=c.variance[:, ::-1].copy())
    ),
    "relu: gate by dy": lambda right, dy, c: right(dy, c._replace(y=dy)),
    "relu: the output instead of the gate": lambda right, dy, c: dy * c.y,
    "relu: leaks a little": lambda right, dy, c: np.where(c.y > 0, dy, 1e-5 * dy),
    "relu: gate at one half": lambda right, dy, c: dy * (c.y > 0.5),
    "leaky_relu: default slope": lambda right, dy, c: right(dy, c._replace(slope=0.01)),
    "leaky_relu: gate by dy": lambda right, dy, c: right(dy, c._replace(x=dy)),
    "sigmoid: slope taken at the output": lambda right, dy, c: right(
        dy, c._replace(y=1 / (1 + np.exp(-c.y)))
    ),
    "sigmoid: slope of tanh": lambda right, dy, c: ops.tanh_backward(dy, c),
    "tanh: slope taken at the output": lambda right, dy, c: right(dy, c._replace(y=np.tanh(c.y))),
    "tanh: slope of sigmoid": lambda right, dy, c: ops.sigmoid_backward(dy, c),
    "gelu: slope at the output": lambda right, dy, c: right(
        dy, c._replace(x=ops.gelu_forward(c.x)[0])
    ),
    "gelu: slope of relu": lambda right, dy, c: dy * (c.x > 0),
    "gelu: slope of x sigmoid(1.702 x)": lambda right, dy, c: dy * _swish_slope(c.x),
    "softmax: diagonal only": lambda right, dy, c: dy * c.y * (1 - c.y),
    "softmax: sum over the batch": lambda right, dy, c: (
        c.y * (dy - (dy * c.y).sum(axis=0, keepdims=True))
    ),
    "softmax: as if with cross-entropy": lambda right, dy, c: c.y - dy,
    "softmax: sum over all rows": lambda right, dy, c: c.y * (dy - (dy * c.y).sum()),
    "dropout: another key": lambda right, dy, c: right(dy, c._replace(key=c.key + 1)),
    "dropout: another rate": lambda right, dy, c: right(dy, c._replace(rate=c.rate / 2)),
    "dropout: as if at inference": lambda right, dy, c: dy.copy(),
    "dropout: mask in column order": lambda right, dy, c: right(
        dy.T.copy(), c._replace(shape=dy.T.shape)
    ).T.copy(),
    "dropout: the dropped are kept": lambda right, dy, c: dy / (1 - c.rate) - right(dy, c),
    "flatten: channels outermost": lambda right, dy, c: np.moveaxis(
        dy.reshape(len(dy), *(c.x_shape[3], c.x_shape[1], c.x_shape[2])), 1, 3
    ).copy(),
    "flatten: columns before rows": lambda right, dy, c: np.swapaxes(
        dy.reshape(len(dy), c.x_shape[2], c.x_shape[1], c.x_shape[3]), 1, 2
    ).copy(),
    "flatten: column order": lambda right, dy, c: dy.reshape(c.x_shape, order="F").copy(),
}


def _swish_slope(x: Any) -> Any:
    """Return the slope of the other approximation to GELU."""
    p = 1 / (1 + np.exp(-1.702 * x))
    return p + 1.702 * x * p * (1 - p)
