"""Which of the three rungs runs: the loops, NumPy, or the compiled kernels.

Every operation exists three times under one name: in `nanocnn.reference` (loops that equal the
equation), in `nanocnn.vectorized` (plain NumPy) and in `nanocnn.kernels` (Numba). The functions in
`nanocnn.ops` ask `rung()` which one to call.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import ModuleType

_MODULES = {
    "reference": "nanocnn.reference",
    "vectorized": "nanocnn.vectorized",
    "numba": "nanocnn.kernels",
}
BACKENDS = tuple(_MODULES)
_current: ContextVar[str] = ContextVar("nanocnn_backend", default="numba")


@contextmanager
def backend(name: str) -> Iterator[None]:
    """Run every operation inside the `with` block on one rung.

    Parameters
    ----------
    name : "reference", "vectorized" or "numba"
        The loops, plain NumPy, or the compiled kernels (the default outside any block).

    Examples
    --------
    >>> import numpy as np, nanocnn as nc
    >>> with nc.backend("reference"):
    ...     y, cache = nc.ops.relu_forward(np.array([-1.0, 2.0]))
    >>> y.tolist()
    [0.0, 2.0]

    Notes
    -----
    The choice belongs to the current context (a `ContextVar`), so it does not leak into other
    threads or asynchronous tasks. Caches have one content on all rungs: a forward pass on one
    may be followed by a backward pass on another.
    """
    if name not in _MODULES:
        raise ValueError(
            f"backend {name!r} is unknown; use one of {', '.join(map(repr, BACKENDS))}"
        )
    token = _current.set(name)
    try:
        yield
    finally:
        _current.reset(token)


def current_backend() -> str:
    """Return the name of the rung in force: "reference", "vectorized" or "numba"."""
    return _current.get()


def rung() -> ModuleType:
    """Return the module whose functions the operations call now."""
    return _module(_current.get())


@functools.cache
def _module(backend: str) -> ModuleType:
    # Not from sys.modules: there a module stands while another thread is still importing it.
    return importlib.import_module(_MODULES[backend])
