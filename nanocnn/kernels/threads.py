"""One small thread pool for all kernels.

The kernels release the interpreter lock and work on a range of items, `kernel(first, last, ...)`.
`run` cuts the items into a few pieces and lets the calling thread and the pool's workers take them
one after another. What an item is depends on shapes only, never on the number of threads, so the
same numbers come out, bit for bit, however many threads there are.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable
from functools import lru_cache

from .jit import JIT
from .workers import Pool, inside

# A hand-off to another thread costs 10 to 30 microseconds: less work is done at once, here.
INLINE_SECONDS = 6e-5
FLOPS_PER_SECOND = 5e10  # a cautious guess for one core; it decides only whether threads are used
BYTES_PER_SECOND = 5e9
# A piece is this share of what is left, over the threads: large at first, since a piece costs some
# microseconds, and small at last, so that no thread waits long for another. 43 items on 2 threads:
# 16 10 6 4 3 2 1 1
_SHARE = 0.7
_CGROUP_FILES = (  # quota and period: in one file in version 2, in two in version 1
    ("/sys/fs/cgroup/cpu.max",),
    ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "/sys/fs/cgroup/cpu/cpu.cfs_period_us"),
)


_lock = threading.Lock()
_pool: Pool | None = None
_num_threads: int | None = None


def _cgroup_limit() -> float:
    """Return the processors that this container may use, or infinity where none is told."""
    for paths in _CGROUP_FILES:
        try:
            quota, period = " ".join(_read(path) for path in paths).split()
            return float("inf") if quota in ("max", "-1") else int(quota) / int(period)
        except (OSError, ValueError):
            continue
    return float("inf")


def _read(path: str) -> str:
    with open(path) as file:
        return file.read()


def _default_threads() -> int:
    forced = os.environ.get("NANOCNN_NUM_THREADS")
    if forced is not None:
        if not forced.isdecimal() or int(forced) < 1:
            raise ValueError(f"NANOCNN_NUM_THREADS is {forced!r}; it must be a whole number from 1")
        return int(forced)
    return processors() if JIT else 1  # without it the interpreter lock lets one run at a time


@lru_cache(maxsize=1)
def processors() -> int:
    """Return how many processors this process may use at once."""
    try:
        available = len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        available = os.cpu_count() or 1
    return max(1, int(min(available, _cgroup_limit())))


def get_num_threads() -> int:
    """Return the number of threads that the kernels use, the caller's included."""
    global _num_threads
    if _num_threads is None:
        _num_threads = _default_threads()
    return _num_threads


def set_num_threads(n: int) -> None:
    """Let the kernels use `n` threads, the caller's included. Results do not depend on it."""
    global _num_threads
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise ValueError(f"the number of threads must be a whole number from 1, got {n!r}")
    _num_threads = n


def _forget_pool() -> None:
    """A forked child has none of its parent's threads: start again with no pool."""
    global _pool, _lock
    _pool, _lock = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)


def _workers(n: int) -> Pool:
    """Return the pool, with at least `n` workers."""
    global _pool
    with _lock:
        if _pool is None:
            _pool = Pool()
        _pool.grow(n, processors())
        return _pool


@lru_cache(maxsize=4096)
def _pieces(n_items: int, threads: int) -> tuple[tuple[int, int], ...]:
    """Return the pieces, each its first item and the one behind its last, the largest first."""
    pieces, first = [], 0
    while first < n_items:
        last = first + math.ceil((n_items - first) * _SHARE / threads)
        pieces.append((first, last))
        first = last
    return tuple(pieces)


def run(kernel: Callable[..., None], n_items: int, args: tuple, seconds: float) -> None:
    """Call `kernel(first, last, *args)` until the items 0 .. n_items - 1 are done.

    Parameters
    ----------
    kernel : function that releases the interpreter lock
    n_items : int
    args : tuple
    seconds : float
        A guess at the work's length on one thread; short work is not worth a hand-off.
    """
    threads = min(get_num_threads(), n_items)
    if threads < 2 or seconds < INLINE_SECONDS or getattr(inside, "worker", False):
        if n_items:
            kernel(0, n_items, *args)
        return
    pieces = iter(_pieces(n_items, threads))  # next() on it is atomic

    def work() -> None:
        for first, last in pieces:
            kernel(first, last, *args)

    pool = _workers(threads - 1)
    others = [pool.submit(work) for _ in range(threads - 1)]
    try:
        work()
    finally:
        for other in others:
            if not other.cancel():  # one that has not started is not needed any more
                other.result(pool.turns)
