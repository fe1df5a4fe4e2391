"""Random keys: whole numbers below 2**64 from which all randomness in a forward pass follows.

A forward pass gets one key. A container derives one key for each layer in it, from its own key and
the layer's name, so a mask does not depend on which other layers there are, nor on any order.
"""

from __future__ import annotations

import hashlib

import numpy as np


def derive(key: int, label: str | int) -> int:
    """Return the key that belongs to `label` under `key`."""
    text = f"{key}/{label}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


def as_key(rng: int | np.random.Generator | None) -> int | None:
    """Turn what `forward` takes as `rng` into a key; a Generator gives one and moves on.

    Raises
    ------
    TypeError
        If `rng` is neither a whole number from 0, nor a Generator, nor None.
    """
    if rng is None:
        return None
    if isinstance(rng, np.random.Generator):
        return int(rng.integers(1 << 63))
    if isinstance(rng, (int, np.integer)) and not isinstance(rng, bool) and rng >= 0:
        return int(rng) % (1 << 64)
    raise TypeError(f"rng must be a whole number from 0 or a numpy.random.Generator, got {rng!r}")
