"""Convolution of two arrays whose channels are put side by side, for containers that see both."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any, NamedTuple

from .._backend import current_backend, rung
from ._checks import Array, check_floats, check_shape
from ._fused import backward_through_activation
from .conv import Conv2DCache, check_conv2d_shapes, conv2d_backward, conv2d_forward
from .join import ConcatenateCache, concatenate_backward, concatenate_forward


class Conv2DPairCache(NamedTuple):
    """The cache of `conv2d_forward`, whose x is a alone where b is kept beside it."""

    conv: Conv2DCache
    b: Array | None
    joint: ConcatenateCache


def _for_two(a: Array, b: Array, w: Array, *geometry: Any) -> ModuleType | None:
    """Return the kernels that read a and b where they lie; None where the two are to be joined."""
    if current_backend() != "numba":
        return None
    from ..kernels import pair  # with the rung, not before: it brings Numba along

    return pair if pair.pair_pays(a, b, w, *geometry) else None


def conv2d_pair_forward(
    a: Array,
    b: Array,
    w: Array,
    bias: Array | None,
    activation: str | None,
    conv: Mapping[str, Any],
) -> tuple[Array, Conv2DPairCache]:
    """Return what `conv2d_forward` makes of `concatenate_forward`, bit for bit: (C1) of (J3).

    Compiled, the joined array is not made where Winograd's form is chosen for all three passes,
    see `nanocnn.kernels.pair`.

    Parameters
    ----------
    a, b : (N, H, W, C_a) and (N, H, W, C_b) arrays
    w, bias, activation : as for `conv2d_forward`
    conv : dict
        All its keyword arguments but the activation: `Conv2D.geometry`.

    Raises
    ------
    TypeError, ValueError
        As the two operations.
    """
    check_floats("conv2d", a=a, b=b, w=w, bias=bias)
    if a.ndim == b.ndim == 4 and a.shape[:3] == b.shape[:3]:
        joined = (*a.shape[:3], a.shape[3] + b.shape[3])
        geometry = check_conv2d_shapes(joined, w, bias, **conv, activation=activation)
        kernels = _for_two(a, b, w, *geometry)
        if kernels is not None:
            y = kernels.pair_forward(a, b, w, bias, geometry[1], activation)
            kept = y if activation else None
            cache = Conv2DCache(a, w, kept, bias is not None, *geometry, activation, y.shape)
            return y, Conv2DPairCache(cache, b, ConcatenateCache(joined, a.shape[3]))
    x, joint = concatenate_forward(a, b)
    y, cache = conv2d_forward(x, w, bias, **conv, activation=activation)
    return y, Conv2DPairCache(cache, None, joint)


def conv2d_pair_backward(
    dy: Array, cache: Conv2DPairCache, *, need_dx: bool = True, need_dw: bool = True
) -> tuple[tuple[Array, Array] | None, Array | None, Array | None]:
    """Return what `conv2d_backward` and `concatenate_backward` do: (da, db), dw, dbias."""
    conv, b = cache.conv, cache.b
    geometry = (conv.stride, conv.padding, conv.dilation, conv.groups)
    kernels = None if b is None else _for_two(conv.x, b, conv.w, *geometry)
    if b is not None and kernels is not None:
        check_floats("conv2d backward", x=conv.x, dy=dy)
        check_shape("conv2d backward", "dy", dy, conv.y_shape)
        dz, _ = backward_through_activation(rung(), "", dy, conv.y, conv.activation, need_db=False)
        pair = dw = dbias = None
        if need_dw:
            dw, dbias = kernels.pair_backward_weight_and_bias(
                dz, conv.x, b, conv.padding, conv.has_bias
            )
        if need_dx:
            channels = (conv.x.shape[3], b.shape[3])
            pair = kernels.pair_backward_input(dz, conv.w, channels, conv.padding)
        return pair, dw, dbias
    if b is not None:  # another rung than in the forward pass, or Winograd's form switched off
        conv = conv._replace(x=concatenate_forward(conv.x, b)[0])
    dx, dw, dbias = conv2d_backward(dy, conv, need_dx=need_dx, need_dw=need_dw)
    return None if dx is None else concatenate_backward(dx, cache.joint), dw, dbias
