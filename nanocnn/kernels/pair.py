"""Convolution of two images side by side, as behind a concatenation, that are never joined.

To join them, and to cut the gradient in two, is to read and write the largest arrays of a U-Net
four times for nothing: a tile of Winograd's convolution may as well take its first channels from
one image and its last ones from another. The bits are those of the joined image.
"""

from __future__ import annotations

from .choice import PASSES, winograd_pays
from .elementwise import channel_sums
from .transform import LANES
from .winograd import winograd_backward_pair, winograd_backward_weight, winograd_forward


def pair_pays(a, b, w, stride, padding, dilation, groups) -> bool:
    """Tell whether all three passes can do it: by Winograd, and where a vector of channels ends."""
    if a.dtype != b.dtype or a.shape[:3] != b.shape[:3] or a.shape[3] % LANES:
        return False
    joined = (*a.shape[:3], a.shape[3] + b.shape[3])
    rest = (joined, w.shape, stride, padding, dilation, groups)
    return joined[3] == w.shape[2] and all(winograd_pays(p, a.dtype, *rest) for p in PASSES)


def pair_forward(a, b, w, bias, padding, activation=None):
    """(C1) of [a, b], with `activation` applied on the way out."""
    return winograd_forward((a, b), w, bias, padding, activation)


def pair_backward_input(dy, w, channels, padding):
    """(C2), cut into the gradients of a and b, of so many channels each."""
    return winograd_backward_pair(dy, w, channels, padding)


def pair_backward_weight_and_bias(dy, a, b, padding, need_db):
    """(C3), and (C4) where it is needed."""
    return winograd_backward_weight(dy, (a, b), padding), channel_sums(dy) if need_db else None
