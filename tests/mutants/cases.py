"""The inputs on which wrong passes are checked: few numbers, at least two samples.

Each operation has an input whose sizes all differ, where a wrong index shows, and one whose sizes
are all equal, where a transpose runs and only its numbers are wrong.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from nanocnn import losses, ops
from nanocnn.gradcheck import Report, check_loss, check_op
from nanocnn.gradcheck.cases import exported_losses, exported_ops


class Case(NamedTuple):
    """Shapes of the arrays, options of the forward pass; of a loss, what draws its target."""

    shapes: tuple[tuple[int, ...], ...]
    options: dict[str, Any] = {}  # noqa: RUF012 - a NamedTuple's defaults are never changed
    target: Callable[[np.random.Generator, tuple[int, ...]], Any] | None = None


def _labels(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    return rng.permutation(np.arange(shape[0]) % shape[1])


def _soft(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    q = rng.uniform(0.1, 1, shape)
    return q / q.sum(axis=1, keepdims=True)


def _between(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    return rng.uniform(0, 1, shape)


def _numbers(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    return rng.standard_normal(shape)


_EACH = [Case(((3, 4),)), Case(((3, 3),))]
_CUBE = (3, 3, 3, 3)
_POOL = [
    Case(((2, 5, 6, 3),), {"window": (2, 3), "stride": (1, 2), "padding": ((1, 0), (2, 1))}),
    Case(((2, 7, 3, 2),), {"window": (3, 2), "stride": (2, 1), "padding": ((0, 2), (1, 0))}),
    Case((_CUBE,), {"window": 2, "stride": 1, "padding": ((1, 0), (0, 1))}),
]
_CONSTANT = {"mean": (0.5, -1.0, 0.3), "variance": (1.0, 0.3, 2.0), "epsilon": 0.1}
_THREE = {"class_weight": (0.5, 2.0, 1.5), "label_smoothing": 0.1}

CASES: dict[str, list[Case]] = {
    "conv2d": [
        Case(
            ((2, 6, 5, 4), (2, 3, 2, 6), (6,)),
            {"groups": 2, "stride": (2, 1), "dilation": (1, 2), "padding": ((1, 0), (0, 2))},
        ),
        Case(
            ((2, 5, 6, 2), (3, 2, 2, 3), (3,)),
            {"stride": (1, 2), "dilation": (2, 1), "padding": ((0, 1), (2, 1))},
        ),
        Case((_CUBE, _CUBE, (3,)), {"padding": ((2, 0), (0, 2))}),
    ],
    "conv_transpose2d": [
        Case(((2, 3, 4, 2), (3, 2, 3, 2), (3,)), {"stride": (1, 2), "padding": ((1, 0), (0, 1))}),
        Case(((2, 4, 3, 5), (2, 3, 2, 5), (2,)), {"stride": (2, 1), "padding": ((0, 1), (2, 0))}),
        Case((_CUBE, _CUBE, (3,)), {"padding": ((2, 0), (0, 1))}),
    ],
    "upsample2d": [
        Case(((2, 3, 7, 4),), {"factor": (3, 2), "interpolation": "bilinear"}),
        Case((_CUBE,), {"factor": 2}),
    ],
    "zero_pad2d": [
        Case(((2, 3, 4, 5),), {"padding": ((1, 0), (2, 3))}),
        Case((_CUBE,), {"padding": ((0, 1), (1, 0))}),
    ],
    "dense": [Case(((2, 3), (3, 4), (4,))), Case(((3, 3), (3, 3), (3,)))],
    "max_pool2d": _POOL,
    "average_pool2d": _POOL,
    "global_average_pool2d": [Case(((2, 4, 5, 3),)), Case((_CUBE,))],
    "batch_norm": [
        Case(((5, 3), (3,), (3,)), {"epsilon": 0.1}),
        Case(((5, 3), (3,), (3,)), _CONSTANT),
        Case(((3, 3), (3,), (3,)), {"epsilon": 0.2}),
    ],
    "layer_norm": [Case(((3, 4), (4,), (4,)), {"epsilon": 0.1})],
    "group_norm": [
        Case(((2, 3, 6), (6,), (6,)), {"groups": 2, "epsilon": 0.1}),
        Case(((3, 3, 3), (3,), (3,)), {"groups": 1, "epsilon": 0.2}),
    ],
    "relu": _EACH,
    "leaky_relu": [Case(((3, 4),), {"slope": 0.2}), Case(((3, 3),), {"slope": 0.3})],
    "sigmoid": _EACH,
    "tanh": _EACH,
    "gelu": _EACH,
    "softmax": _EACH,
    "dropout": [
        Case(((4, 5),), {"rate": 0.4, "key": 11}),
        Case(((3, 3),), {"rate": 0.3, "key": 5}),
    ],
    "flatten": [Case(((2, 3, 2, 2),)), Case(((4, 2, 2),))],
    "add": [
        Case(((2, 3, 4), (2, 3, 4))),
        Case(((3, 3), (3, 3)), {"activation": "sigmoid"}),
    ],
    "concatenate": [Case(((2, 3, 2, 4), (2, 3, 2, 5))), Case(((3, 2), (3, 3)))],
    "softmax_cross_entropy": [Case(((4, 3),), {}, _labels), Case(((3, 3),), _THREE, _soft)],
    "categorical_crossentropy": [Case(((4, 3),), {}, _labels), Case(((3, 3),), _THREE, _soft)],
    "binary_cross_entropy": [
        Case(((4, 3),), {}, _between),
        Case(((3, 3),), {"class_weight": (0.5, 2.0), "label_smoothing": 0.1}, _between),
    ],
    "mean_squared_error": [Case(((4, 3),), {}, _numbers), Case(((3, 3),), {}, _numbers)],
    "focal": [
        Case(((4, 3),), {}, _labels),
        Case(((3, 3),), {"gamma": 0.5, "class_weight": (0.5, 2.0, 1.5)}, _soft),
    ],
    "soft_dice": [
        Case(((4, 3),), {}, _labels),
        Case(((3, 3),), {"background": True, "per_image": True, "smoothing": 0.2}, _soft),
    ],
    "tversky": [
        Case(((4, 3),), {}, _labels),
        Case(((3, 3),), {"alpha": 0.9, "beta": 0.2, "class_weight": (0.5, 2.0, 1.5)}, _soft),
    ],
    "dice_cross_entropy": [
        Case(((4, 3),), {}, _labels),
        Case(((3, 3),), {"dice_weight": 0.4, "cross_entropy_weight": 2.5}, _soft),
    ],
}


def subject_of(target: str) -> str:
    """Return the operation or loss to which a function of `nanocnn.reference` belongs."""
    names = [n for n in [*exported_ops(), *exported_losses()] if target.startswith(n)]
    return max(names, key=len)


def check(subject: str, case: Case, seed: int, wrong: Callable[..., Any] | None = None) -> Report:
    """Let the checker judge an operation or a loss.

    `wrong` is taken for its backward pass, or for the loss, if it is given.
    """
    rng = np.random.default_rng([seed, zlib.crc32(repr((subject, case.shapes)).encode())])
    if case.target is not None:
        y = rng.standard_normal(case.shapes[0])
        if subject == "categorical_crossentropy":
            y = rng.uniform(0.1, 1, y.shape)
        loss = wrong or functools.partial(getattr(losses, subject), **case.options)
        return check_loss(loss, y, case.target(rng, y.shape), seed=seed, max_elements=20)
    arrays = [rng.standard_normal(shape) for shape in case.shapes]
    forward = getattr(ops, f"{subject}_forward")
    return check_op(
        lambda *a: forward(*a, **case.options),
        wrong or getattr(ops, f"{subject}_backward"),
        *arrays,
        seed=seed,
        max_elements=20,
    )
