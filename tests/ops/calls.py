"""Random calls of every public pair: arrays, options, and how exact the results must be.

All sizes of a call differ from each other, so that no exchange of two axes can hide. Values are
normal numbers, or small whole numbers whose sums are exact in any order: then every rung must give
the same bits, and the kinks of relu and the ties of max pooling are met again and again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import hypothesis.strategies as st
import numpy as np
from vectorized.cases import (
    Array,
    Source,
    different,
    different_convolutions,
    different_poolings,
    sources,
)

from nanocnn import backend, ops

Shape = tuple[int, ...]
Terms = Callable[[Shape], tuple[float, ...]]


@dataclass(frozen=True, repr=False)
class Call:
    """One forward call of an operation, and the options of the backward call that follows it."""

    op: str
    source: Source
    whole: bool
    arrays: tuple[Array | None, ...]
    options: dict[str, Any] = field(default_factory=dict)
    # From y's shape: how many terms each number of y, and of each gradient, adds up (see `check`).
    terms: Terms = lambda shape: (1, 1)
    needs: dict[str, bool] = field(default_factory=dict)

    def __repr__(self) -> str:
        shapes = [a if a is None else a.shape for a in self.arrays]
        whole = "whole" if self.whole else "normal"
        return f"{self.op}{shapes} {self.options} {self.needs}, {whole} numbers of {self.source}"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))  # or Hypothesis prints all numbers

    def forward(self, *arrays: Array | None) -> tuple[Array, Any]:
        """Call `<op>_forward` on the rung in force, on other arrays if some are given."""
        function: Callable[..., tuple[Array, Any]] = getattr(ops, f"{self.op}_forward")
        return function(*(arrays or self.arrays), **self.options)

    def backward(self, dy: Array, cache: Any, **needs: bool) -> tuple[Array | None, ...]:
        """Call `<op>_backward`; the gradients come as a tuple, also where there is only one."""
        grads = getattr(ops, f"{self.op}_backward")(dy, cache, **(needs or self.needs))
        return grads if isinstance(grads, tuple) else (grads,)

    def upstream(self, shape: Shape, salt: int = 9) -> Array:
        """Return a random dy of this shape."""
        return values(self.source, self.whole, shape, salt)


def values(source: Source, whole: bool, shape: Shape, salt: int = 0) -> Array:
    """Return normal numbers, or whole numbers from -2 to 2."""
    return (source.integers if whole else source.normal)(*shape, salt=salt)


needed = st.sampled_from(
    [{}, {}, {}, {"need_dx": False}, {"need_dw": False}, {"need_dx": False, "need_dw": False}]
)
fused = st.sampled_from([None, "relu", "sigmoid", "tanh"])


def _product(
    op: str, source: Source, whole: bool, shapes: tuple[Shape, Shape, Shape | None], **rest: Any
) -> Call:
    """Return the call of a convolution or a dense layer: x, w and b of these shapes."""
    activation = rest["options"]["activation"]
    # relu on rounded sums: one rung may let through what the other, a hair below zero, does not.
    whole = whole or activation == "relu"
    arrays = [s and values(source, whole, s, salt) for salt, s in enumerate(shapes)]
    taps, exact = int(np.prod(shapes[1][:-1])) + 1, whole and activation in (None, "relu")
    back = int(np.prod(shapes[1][:-2])) * shapes[1][-1] // rest["options"].get("groups", 1)
    if op == "conv_transpose2d":  # its filters have the output's channels first
        taps, back = back + 1, taps
    carried = 0.0
    if activation and not exact:  # the rounding of z, of size up to `top`, goes through the slope
        plain = {**rest["options"], "activation": None}
        with backend("vectorized"):
            z = getattr(ops, f"{op}_forward")(*arrays, **plain)[0]
        carried = 4 * taps * max(1.0, float(np.abs(z).max())) ** 2

    def terms(y_shape: Shape) -> tuple[float, ...]:
        places = int(np.prod(y_shape[:-1]))
        sums = (taps + carried, *((1 + carried) * k for k in (back, places, places)))
        return (0,) * 4 if exact else sums

    return Call(op, source, whole, tuple(arrays), terms=terms, **rest)


@st.composite
def convolution_calls(draw: st.DrawFn) -> Call:
    """Draw a convolution, with or without a bias and a fused activation."""
    case, source = draw(different_convolutions()), draw(sources)
    bias = (case.w[3],) if draw(st.booleans()) else None
    options = {
        "stride": case.stride,
        "padding": draw(st.sampled_from([case.padding, case.padding, "same"])),
        "dilation": case.dilation,
        "groups": case.groups,
        "activation": draw(fused),
    }
    shapes = (case.x, case.w, bias)
    needs, whole = draw(needed), draw(st.booleans())
    return _product("conv2d", source, whole, shapes, options=options, needs=needs)


@st.composite
def transposed_calls(draw: st.DrawFn) -> Call:
    """Draw a transposed convolution; its images, filters and strides are all small."""
    (n, h, w, c, f), source = draw(different(5, 1, 6)), draw(sources)
    kernel, stride = draw(different(2, 1, 4)), draw(different(2, 1, 4))
    padding = draw(st.sampled_from(["valid", "same", ((kernel[0] - 1, 0), (0, kernel[1] - 1))]))
    if h * stride[0] < kernel[0] or w * stride[1] < kernel[1]:
        padding = "valid"
    shapes = ((n, h, w, c), (*kernel, f, c), (f,) if draw(st.booleans()) else None)
    options = {"stride": tuple(stride), "padding": padding, "activation": draw(fused)}
    needs, whole = draw(needed), draw(st.booleans())
    return _product("conv_transpose2d", source, whole, shapes, options=options, needs=needs)


@st.composite
def upsample_calls(draw: st.DrawFn) -> Call:
    """Draw an upsampling of either kind."""
    shape, source, whole = tuple(draw(different(4, 1, 6))), draw(sources), draw(st.booleans())
    factor = tuple(draw(different(2, 1, 5)))
    options = {"factor": factor, "interpolation": draw(st.sampled_from(["nearest", "bilinear"]))}
    terms = (4, 4 * int(np.prod(factor)))
    return Call("upsample2d", source, whole, (values(source, whole, shape),), options,
                lambda shape: terms)  # fmt: skip


@st.composite
def padding_calls(draw: st.DrawFn) -> Call:
    """Draw a border: nothing is added up, so all rungs give the same bits."""
    shape, source, whole = tuple(draw(different(4, 1, 6))), draw(sources), draw(st.booleans())
    top, bottom, left, right = (draw(st.integers(0, 3)) for _ in range(4))
    options = {"padding": ((top, bottom), (left, right))}
    x = values(source, whole, shape)
    return Call("zero_pad2d", source, whole, (x,), options, lambda shape: (0, 0))


@st.composite
def dense_calls(draw: st.DrawFn) -> Call:
    """Draw a dense layer, with or without a bias and a fused activation."""
    (n, d, f), source = draw(different(3, 1, 20)), draw(sources)
    shapes = ((n, d), (d, f), (f,) if draw(st.booleans()) else None)
    options = {"activation": draw(fused)}
    needs, whole = draw(needed), draw(st.booleans())
    return _product("dense", source, whole, shapes, options=options, needs=needs)


@st.composite
def pool_calls(draw: st.DrawFn, op: str) -> Call:
    """Draw a pooling; what max pooling sees has many ties, and often NaN and infinities."""
    case, source, whole = draw(different_poolings()), draw(sources), draw(st.booleans())
    x = values(source, op == "max_pool2d" or whole, case.x)
    if op == "max_pool2d" and draw(st.booleans()):
        for number, other in draw(st.sampled_from([SPECIAL, SPECIAL[:1], SPECIAL[1:]])):
            x = np.where(x == number, source.dtype(other), x)
        x = source.arrange(x)
    padding = draw(st.sampled_from([case.padding, case.padding, "same"]))
    options = {"window": case.window, "stride": case.stride, "padding": padding}
    cells = case.window[0] * case.window[1]
    terms = (0, 0 if whole else cells) if op == "max_pool2d" else (1, cells)
    return Call(op, source, whole, (x,), options, lambda shape: terms)


SPECIAL = ((2, np.nan), (-2, -np.inf), (1, np.inf))


@st.composite
def elementwise_calls(
    draw: st.DrawFn, op: str, options: st.SearchStrategy[dict[str, Any]], axes: tuple[int, int]
) -> Call:
    """Draw a call on one array of any number of axes; whole numbers meet the kink at 0."""
    shape = tuple(draw(different(draw(st.integers(*axes)), 1, 6)))
    source, whole = draw(sources), draw(st.booleans())
    x = values(source, whole, shape)
    if op != "flatten":
        x = source.arrange(source.dtype(draw(st.sampled_from([0.01, 1.0, 30.0]))) * x)
    # GELU's slope is a small difference near its turning point; softmax adds up a row.
    slope = {"gelu": 16, "softmax": shape[-1]}.get(op, 1)
    first = 0 if op in ("flatten", "relu") else slope
    terms = (first, 0 if op in ("flatten", "relu") else slope)
    return Call(op, source, whole, (x,), draw(options), lambda shape: terms)


@st.composite
def global_pool_calls(draw: st.DrawFn) -> Call:
    """Draw a pooling over whole images."""
    shape, source, whole = tuple(draw(different(4, 1, 7))), draw(sources), draw(st.booleans())
    return Call("global_average_pool2d", source, whole, (values(source, whole, shape),))


@st.composite
def norm_calls(draw: st.DrawFn, op: str) -> Call:
    """Draw a normalization; gamma and beta are never whole, or relu would meet its kink."""
    sizes = draw(different(draw(st.integers(2, 4)), 1, 6))
    source, whole, options = draw(sources), draw(st.booleans()), {}
    if op == "group_norm":  # groups of two channels at least: one number alone says nothing
        options["groups"] = draw(st.integers(1, 3))
        sizes[-1] = 2 * options["groups"] * draw(st.integers(1, 2))
    options["epsilon"] = draw(st.sampled_from([0.01, 0.3, 1.0]))
    c = sizes[-1]
    if op == "batch_norm":
        options["activation"] = draw(st.sampled_from([None, "relu"]))
        if draw(st.booleans()):
            options["mean"] = np.linspace(-1, 2, c)
            options["variance"] = np.linspace(2, 0, c)
    arrays = (
        values(source, whole, tuple(sizes)),
        values(source, False, (c,), 1),
        values(source, False, (c,), 2),
    )
    # Where the variance is small, 1/s is what roundings of x and of dy are multiplied with.
    terms = 1024 / options["epsilon"]
    return Call(op, source, whole, arrays, options, lambda shape: (terms,) * 4)


@st.composite
def join_calls(draw: st.DrawFn, op: str) -> Call:
    """Draw two arrays of one shape; for a concatenation each has channels of its own."""
    sizes = draw(different(draw(st.integers(2, 4)) + 1, 1, 6))
    source, whole = draw(sources), draw(st.booleans())
    a, b = tuple(sizes[:-1]), (*sizes[:-2], sizes[-1])
    if op == "concatenate":
        arrays = values(source, whole, a), values(source, whole, b, 1)
        return Call(op, source, whole, arrays, terms=lambda shape: (0, 0, 0))
    activation = draw(fused)
    terms = 0 if activation in (None, "relu") else 1
    arrays = values(source, whole, a), values(source, whole, a, 1)
    options = {"activation": activation}
    return Call(op, source, whole, arrays, options, lambda shape: (terms, 4 * terms, 4 * terms))


none = st.just({})
slopes = st.fixed_dictionaries({"slope": st.sampled_from([0.0, 0.01, 0.3, 1.0, 2.5])})
masks = st.fixed_dictionaries(
    {
        "rate": st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.999]),
        "key": st.integers(0, 2**64 - 1),
    }
)
# Whoever exports an operation and gives it no strategy here is told so by a test.
CALLS: dict[str, st.SearchStrategy[Call]] = {
    "conv2d": convolution_calls(),
    "conv_transpose2d": transposed_calls(),
    "upsample2d": upsample_calls(),
    "zero_pad2d": padding_calls(),
    "dense": dense_calls(),
    "max_pool2d": pool_calls("max_pool2d"),
    "average_pool2d": pool_calls("average_pool2d"),
    "global_average_pool2d": global_pool_calls(),
    "batch_norm": norm_calls("batch_norm"),
    "layer_norm": norm_calls("layer_norm"),
    "group_norm": norm_calls("group_norm"),
    "relu": elementwise_calls("relu", none, (1, 4)),
    "leaky_relu": elementwise_calls("leaky_relu", slopes, (1, 4)),
    "sigmoid": elementwise_calls("sigmoid", none, (1, 4)),
    "tanh": elementwise_calls("tanh", none, (1, 4)),
    "gelu": elementwise_calls("gelu", none, (1, 4)),
    "softmax": elementwise_calls("softmax", none, (1, 4)),
    "dropout": elementwise_calls("dropout", masks, (1, 4)),
    "flatten": elementwise_calls("flatten", none, (1, 4)),
    "add": join_calls("add"),
    "concatenate": join_calls("concatenate"),
}
