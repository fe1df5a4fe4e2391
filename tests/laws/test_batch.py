"""Images do not see each other: what the batch holds besides does not change an image's result.

On the loops and on the kernels that is true to the bit, forward and in dx. NumPy's rung hands
matrix products to BLAS and sums to NumPy, whose order of addition depends on all sizes, the batch's
included: there it is true within rounding. Dropout is left out: its mask goes by an element's place
in the batch, so that all images of a batch differ. In inference, as a layer, it is the identity.
Batch normalization is left out: its images see each other, that is what it is for. In inference, as
a layer, they do not. Sums and concatenations of two batches are tried as layers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import hypothesis.strategies as st
import numpy as np
from kernels.cases import wide_convolutions
from ops.calls import CALLS
from vectorized.cases import Array, Convolution, check

from nanocnn import current_backend, ops
from tests.layers.examples import NAMES, built, images

from .tools import Numbers, law, numbers, options

SEPARATE = [op for op in CALLS if op not in ("dropout", "batch_norm", "add", "concatenate")]


def each(function: Callable[[Array], Array], *arrays: Array) -> Array:
    """Call the function on each image alone and put the results together."""
    parts = [function(*(a[n : n + 1] for a in arrays)) for n in range(len(arrays[0]))]
    return np.concatenate(parts)


def same(actual: Array, expected: Array, terms: float) -> None:
    """Compare the bits where the backend promises them."""
    check(actual, expected, terms if current_backend() == "vectorized" else 0)


def draw_batch(op: str, data: st.DataObject) -> Any:
    """Draw a call whose x has a batch axis (one row of scores has none)."""
    return data.draw(CALLS[op].filter(lambda call: call.arrays[0].ndim > 1))


@law(st.data(), over=SEPARATE)
def test_forward_of_each_image_alone(op: str, data: st.DataObject) -> None:
    call = draw_batch(op, data)
    x, *rest = call.arrays
    y, _ = call.forward()
    alone = each(lambda image: call.forward(image, *rest)[0], x)
    same(y, alone, call.terms(y.shape)[0])


@law(st.data(), over=SEPARATE)
def test_exchanged_images_exchange_results(op: str, data: st.DataObject) -> None:
    call = draw_batch(op, data)
    x, *rest = call.arrays
    order = data.draw(st.permutations(range(len(x))))
    y, cache = call.forward()
    other, other_cache = call.forward(x[order], *rest)
    terms = call.terms(y.shape)
    same(other, y[order], terms[0])
    dy = call.upstream(y.shape)
    dx, other_dx = call.backward(dy, cache)[0], call.backward(dy[order], other_cache)[0]
    if dx is not None:
        same(other_dx, dx[order], terms[1])


@law(st.data(), over=SEPARATE)
def test_backward_of_each_image_alone(op: str, data: st.DataObject) -> None:
    """dx belongs to an image; dw and db of a batch are the sums of those of its images."""
    call = draw_batch(op, data)
    x, *rest = call.arrays
    y, cache = call.forward()
    dy, terms = call.upstream(y.shape), call.terms(y.shape)
    grads = call.backward(dy, cache)
    alone = [
        call.backward(dy[n : n + 1], call.forward(x[n : n + 1], *rest)[1]) for n in range(len(x))
    ]
    if grads[0] is not None:
        same(grads[0], np.concatenate([parts[0] for parts in alone]), terms[1])
    for k, grad in enumerate(grads[1:], 1):
        if grad is not None:
            check(grad, sum(parts[k] for parts in alone), terms[k + 1])


@law(wide_convolutions(), numbers)
def test_larger_convolutions_of_each_image_alone(case: Convolution, make: Numbers) -> None:
    """Images of several blocks, channels of several panels: how work is cut must not show."""
    if current_backend() == "reference":
        case = replace(case, x=(*case.x[:3], case.groups), w=(*case.w[:2], 1, case.groups))
    x, w, b = make(*case.x), make(*case.w, salt=1), make(case.w[3], salt=2)
    y, cache = ops.conv2d_forward(x, w, b, **options(case))
    dy = make(*y.shape, salt=3)
    dx, _, _ = ops.conv2d_backward(dy, cache, need_dw=False)
    alone = [ops.conv2d_forward(x[n : n + 1], w, b, **options(case)) for n in range(len(x))]
    same(y, np.concatenate([part for part, _ in alone]), make.terms(w[..., 0].size + 1))
    parts = [
        ops.conv2d_backward(dy[n : n + 1], cache, need_dw=False)[0]
        for n, (_, cache) in enumerate(alone)
    ]
    same(dx, np.concatenate(parts), make.terms(w[:, :, 0].size))


@law(st.integers(2, 5), st.sampled_from(["float32", "float64"]), over=NAMES)
def test_layers_in_inference(op: str, n: int, dtype: str) -> None:
    layer, input_shape, _ = built(op, dtype)
    x = images(input_shape, dtype, n)
    y = layer(x)
    terms = max([1, *(p.size for p in layer.params.values())])
    same(y, each(layer, x), terms)
    same(layer(x[::-1]), y[::-1], terms)
