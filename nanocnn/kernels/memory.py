"""Recycled memory for activations.

The first touch of fresh memory costs far more than the arithmetic done on it: 64 MB took 250 ms at
worst against 4 ms when warm. A training step needs the same shapes again and again, so a block is
kept when the last array on it dies, and handed out again.

    empty((32, 126, 126, 32), float32)
      -> an array on an _Owner's memory; every view of it keeps the _Owner alive
      -> when the last view dies, the _Owner's finalizer puts the block back on its shelf

Nothing is ever handed out while an array on it lives. Contents are whatever was there before.
"""

from __future__ import annotations

import ctypes
import math
import os
import threading
from collections import deque

import numpy as np

ALIGNMENT = 64  # a cache line; also the widest vector
SLACK = 64  # bytes behind each block that a kernel may read (never write) past the end
SMALL = 1 << 16  # below this the system's allocator is as good
CAP = 1 << 29  # at most this many bytes wait on the shelves


def _rounded(size: int) -> int:
    """Return the size of the block that serves a request: up to an eighth more, one of few sizes.

    What is not asked for is never touched, so the system gives no memory for it.
    """
    step = 1 << (size.bit_length() - 4)
    return -(-size // step) * step


class _Shelves:
    """Free blocks by size, the least recently returned ones dropped first."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.returned: deque[np.ndarray] = deque()  # not yet sorted in
        self.free: dict[int, deque[tuple[int, np.ndarray]]] = {}  # each with the time it came
        self.time = self.bytes = 0

    def take(self, size: int) -> np.ndarray | None:
        """Return the block of this size that came back last: the cache may still hold it."""
        with self.lock:
            self._sort_in()
            if not self.free.get(size):
                return None
            self.bytes -= size
            return self.free[size].pop()[1]

    def put(self, block: np.ndarray) -> None:
        """Take a block back. The garbage collector may call this in the middle of `take`.

        So the shelves are changed only by the holder of the lock, and nobody waits for it here.
        """
        self.returned.append(block)
        if self.lock.acquire(blocking=False):
            try:
                self._sort_in()
            finally:
                self.lock.release()

    def _sort_in(self) -> None:
        while self.returned:
            block = self.returned.popleft()
            self.time += 1
            self.free.setdefault(block.nbytes, deque()).append((self.time, block))
            self.bytes += block.nbytes
        while self.bytes > CAP:
            oldest = min((shelf for shelf in self.free.values() if shelf), key=lambda s: s[0][0])
            self.bytes -= oldest.popleft()[1].nbytes

    def clear(self) -> None:
        with self.lock:
            self.returned.clear()
            self.free.clear()
            self.bytes = 0


_shelves = _Shelves()
if hasattr(os, "register_at_fork"):  # another thread may hold the lock at that moment, for ever
    os.register_at_fork(after_in_child=_shelves.__init__)


class _Block(np.ndarray):
    """Bytes. A type of its own: NumPy lets an array on a view of an array of its own type refer to
    what that is a view of, and would leave an _Owner out."""

    __slots__ = ()


class _Owner(_Block):
    """Stands behind all arrays on one block, and returns the block when the last of them dies."""

    __slots__ = ()

    def __del__(self, put=_shelves.put) -> None:  # still there while the interpreter shuts down
        put(self.base)


def _fresh(size: int) -> _Block:
    """Return so many bytes of new memory, aligned."""
    block = np.empty(size + ALIGNMENT, np.uint8)
    start = -ctypes.addressof(ctypes.c_char.from_buffer(block)) % ALIGNMENT
    return block[start : start + size].view(_Block)


def empty(shape: tuple[int, ...], dtype) -> np.ndarray:
    """Return an uninitialised array, on recycled memory where it is large.

    The array is contiguous, aligned to 64 bytes, and at least 64 bytes behind it may be read.
    """
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize + SLACK
    if size < SMALL:
        return np.ndarray(shape, dtype, _fresh(size))
    size = _rounded(size)
    block = _shelves.take(size)
    if block is None:
        block = _fresh(size)
    return np.ndarray(shape, dtype, block.view(_Owner))


def release_memory() -> None:
    """Give the memory that waits for reuse back to the system. Arrays in use are not touched."""
    _shelves.clear()


class _Alias:
    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        self.__array_interface__ = {**array.__array_interface__}
        address, _ = array.__array_interface__["data"]
        self.__array_interface__["data"] = (address, False)


def flat(array: np.ndarray) -> np.ndarray:
    """Return the elements in row order as one contiguous axis; a view where that is possible.

    A read-only array comes back as a writeable view, since Numba would compile every kernel once
    more for it; the kernels write to their outputs only.
    """
    array = np.ascontiguousarray(array)
    if not array.flags.writeable:
        array = np.asarray(_Alias(array))
    return array.reshape(-1)
