"""Linear: convolution, dense layers, averages, dropout, flatten; and every backward in dy."""

from __future__ import annotations

from dataclasses import replace

import hypothesis.strategies as st
from ops.calls import CALLS, values
from vectorized.cases import check

from .tools import factors, law, mix

# Which arguments of the forward pass the operation is linear in, each alone: x, w.
LINEAR = {
    "conv2d": (0, 1),
    "conv_transpose2d": (0, 1),
    "upsample2d": (0,),
    "zero_pad2d": (0,),
    "dense": (0, 1),
    "average_pool2d": (0,),
    "global_average_pool2d": (0,),
    "dropout": (0,),
    "flatten": (0,),
}


@law(st.data(), factors, factors, over=LINEAR)
def test_forward_is_linear(op: str, data: st.DataObject, a: int, b: int) -> None:
    """f(a x1 + b x2) = a f(x1) + b f(x2), and the same in w."""
    call = data.draw(CALLS[op])
    if op in (
        "conv2d",
        "conv_transpose2d",
        "dense",
    ):  # a bias makes it affine, an activation neither
        x, w, _ = call.arrays
        call = replace(call, arrays=(x, w, None), options={**call.options, "activation": None})
    k = data.draw(st.sampled_from(LINEAR[op]))
    first = call.arrays[k]
    second = values(call.source, call.whole, first.shape, salt=7)
    parts = []
    for array in (first, second, mix(a, first, b, second)):
        arrays = [array if n == k else other for n, other in enumerate(call.arrays)]
        parts.append(call.forward(*arrays)[0])
    terms = call.terms(parts[0].shape)[0] * (1 + abs(a) + abs(b)) ** 2
    check(parts[2], mix(a, parts[0], b, parts[1]), terms)


@law(st.data(), factors, factors, over=CALLS)
def test_backward_is_linear_in_dy(op: str, data: st.DataObject, a: int, b: int) -> None:
    """A backward pass multiplies dy by the Jacobian, so it is linear whatever the forward is."""
    call = data.draw(CALLS[op])
    y, cache = call.forward()
    first, second = call.upstream(y.shape, 9), call.upstream(y.shape, 10)
    parts = [call.backward(dy, cache) for dy in (first, second, mix(a, first, b, second))]
    for one, two, both, terms in zip(*parts, call.terms(y.shape)[1:], strict=False):
        if both is not None:
            check(both, mix(a, one, b, two), terms * (1 + abs(a) + abs(b)) ** 2)


@law(CALLS["conv2d"] | CALLS["dense"])
def test_the_bias_is_added_and_its_gradient_is_the_sum(call) -> None:
    """y(x, w, b) = y(x, w) + b, so db is dy summed over all but the channels."""
    x, w, _ = call.arrays
    call = replace(call, options={**call.options, "activation": None}, needs={})
    b = values(call.source, call.whole, (w.shape[-1],), salt=7)
    y, cache = call.forward(x, w, b)
    terms = call.terms(y.shape)
    check(y, call.forward(x, w, None)[0] + b, terms[0])
    dy = call.upstream(y.shape)
    db = call.backward(dy, cache)[2]
    check(db, dy.sum(axis=tuple(range(dy.ndim - 1)), dtype=float).astype(dy.dtype), terms[3])
