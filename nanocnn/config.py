"""Settings that change how something is computed, not what.

with nc.config.winograd(False):
    model.fit(...)                 # every convolution direct
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def winograd(enabled: bool) -> Iterator[None]:
    """Allow or forbid Winograd's convolution inside the `with` block.

    Where it is allowed (it is, unless the environment variable NANOCNN_WINOGRAD is "0"), 3x3
    convolutions with stride 1 in float32 are done so where a table of measured shapes says that it
    pays. Its results differ from the direct convolution's by rounding alone, a few times more than
    that itself is off; see `nanocnn.reference.winograd`. float64 is always direct.

    Parameters
    ----------
    enabled : bool

    Notes
    -----
    Like the choice of the rung, this one belongs to the current context (a `ContextVar`).
    """
    from .kernels import choice

    token = choice.enabled.set(bool(enabled))
    try:
        yield
    finally:
        choice.enabled.reset(token)
