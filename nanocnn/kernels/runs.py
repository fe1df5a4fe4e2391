"""The pixels of one axis, in runs that see the same taps of a filter.

With padding, stride and dilation not every output pixel sees every tap of the filter. But along
one axis the pixels fall into a few runs within which all see the same taps at the same distances.
A 3-tap filter with padding 1 on 6 pixels, stride 1:

    pixel   0      1  2  3  4      5
    taps    . 1 2  0  1  2         0 1 .        three runs: {0}, {1, 2, 3, 4}, {5}

The gradient for the input is of the same kind. With stride s the input pixel h receives from the
taps u for which h + p - u d is a multiple of s, so the runs are separated by the phase h mod s, and
nothing is multiplied by inserted zeros.
"""

from __future__ import annotations

from typing import NamedTuple


class Run(NamedTuple):
    """Pixels `first, first + step, ...` of one axis that all see the same taps.

    `taps` holds (index of the tap, place it reads for the first pixel); for each following pixel
    of the run the place moves by `source_step`.
    """

    first: int
    step: int
    count: int
    source_step: int
    taps: tuple[tuple[int, int], ...]


def out_size(size, window, stride, padding, dilation=1):
    """Return how many places a window has along one axis, (C0); padding is (before, after)."""
    return (size + sum(padding) - dilation * (window - 1) - 1) // stride + 1


def forward_runs(size: int, out: int, kernel: int, stride: int, before: int, dilation: int):
    """Runs of output pixels; pixel i reads input i * stride + u * dilation - before."""

    def taps(i: int) -> tuple[tuple[int, int], ...]:
        places = ((u, i * stride + u * dilation - before) for u in range(kernel))
        return tuple((u, h) for u, h in places if 0 <= h < size)

    return _runs(out, taps, phases=1, source_step=stride)


def backward_runs(size: int, out: int, kernel: int, stride: int, before: int, dilation: int):
    """Runs of input pixels; pixel h reads output (h + before - u * dilation) / stride."""

    def taps(h: int) -> tuple[tuple[int, int], ...]:
        places = ((u, h + before - u * dilation) for u in reversed(range(kernel)))
        hits = ((u, q // stride) for u, q in places if q % stride == 0)
        return tuple((u, i) for u, i in hits if 0 <= i < out)

    return _runs(size, taps, phases=stride, source_step=1)


def _runs(size: int, taps, phases: int, source_step: int) -> tuple[Run, ...]:
    runs: list[Run] = []
    for phase in range(min(phases, size)):
        previous = None
        for pixel in range(phase, size, phases):
            seen = taps(pixel)
            which = tuple(u for u, _ in seen)
            if which == previous:
                runs[-1] = runs[-1]._replace(count=runs[-1].count + 1)
            else:
                runs.append(Run(pixel, phases, 1, source_step, seen))
            previous = which
    return tuple(runs)
