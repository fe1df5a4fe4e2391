"""The thread pool: same bits on any number of threads, calls from many threads, fork, errors."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from nanocnn import kernels
from nanocnn.kernels import threads, waiting, workers
from tests.sizes import JIT

from .work import SAME, WORK, X, normal

Use = Callable[[int], list[int]]


def test_every_kernel_is_in_the_table() -> None:
    copies = {f"{op}_{way}" for op in ("flatten", "zero_pad2d") for way in ("forward", "backward")}
    for name in set(kernels.__all__) - copies - {"ACTIVATIONS"}:
        assert any(name.startswith(work.split(",")[0]) for work in WORK), name


@pytest.mark.parametrize("name", WORK)
def test_same_bits_on_1_2_and_4_threads(name: str, many_threads: Use) -> None:
    used = many_threads(1)
    expected = WORK[name]()
    assert not used
    for n in (2, 4):
        used = many_threads(n)
        for actual, one in zip(WORK[name](), expected, strict=True):
            np.testing.assert_array_equal(actual, one, strict=True)
        assert used, "the work was not shared out"


def test_large_work_is_shared_out_without_being_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    used = []
    pool = threads._workers
    monkeypatch.setattr(threads, "_workers", lambda n: used.append(n) or pool(n))
    before = threads.get_num_threads()
    threads.set_num_threads(2)
    large, w = normal(4, 33, 31, 19), normal(3, 3, 19, 40)
    try:
        kernels.conv2d_forward(large, w, None, *SAME)
        assert used == [1]
        kernels.conv2d_forward(large[:1, :4], w, None, *SAME)
        assert used == [1], "small work is not worth a hand-off"
    finally:
        threads.set_num_threads(before)


def test_eight_threads_may_call_at_once(many_threads: Use) -> None:
    many_threads(1)
    names = ["conv2d_forward", "conv2d_backward_weight", "max_pool2d", "fused_backward"]
    expected = {name: WORK[name]() for name in names}
    many_threads(3)
    start = threading.Barrier(8)

    def call(k: int) -> None:
        start.wait()
        for step in range(6):
            name = names[(k + step) % len(names)]
            for actual, one in zip(WORK[name](), expected[name], strict=True):
                np.testing.assert_array_equal(actual, one)

    with ThreadPoolExecutor(8) as callers:
        for done in [callers.submit(call, k) for k in range(8)]:
            done.result(timeout=60)


def test_run_does_every_item_once(many_threads: Use) -> None:
    for n_threads in (1, 2, 4):
        many_threads(n_threads)
        for n_items in (0, 1, 2, 3, 7, 100):
            done: list[int] = []
            threads.run(lambda first, last: done.extend(range(first, last)), n_items, (), 1.0)  # noqa: B023
            assert sorted(done) == list(range(n_items))


def test_an_error_in_a_worker_reaches_the_caller(many_threads: Use) -> None:
    many_threads(3)
    caller = threading.get_ident()
    in_worker = threading.Event()

    def work(first: int, last: int) -> None:
        if threading.get_ident() == caller:
            assert in_worker.wait(20)  # leave something to the others
        else:
            in_worker.set()
            raise ArithmeticError("from a worker")

    with pytest.raises(ArithmeticError, match="from a worker"):
        threads.run(work, 12, (), 1.0)
    done: list[int] = []
    threads.run(lambda first, last: done.extend(range(first, last)), 5, (), 1.0)
    assert sorted(done) == [0, 1, 2, 3, 4]


def test_an_error_in_the_callers_share_waits_for_the_workers(many_threads: Use) -> None:
    many_threads(2)
    caller = threading.get_ident()
    in_worker, finished = threading.Event(), threading.Event()

    def work(first: int, last: int) -> None:
        if threading.get_ident() != caller:
            in_worker.set()
            threading.Event().wait(0.1)
            finished.set()
        else:
            assert in_worker.wait(20)
            raise ArithmeticError("from the caller")

    with pytest.raises(ArithmeticError, match="from the caller"):
        threads.run(work, 2, (), 1.0)
    assert finished.is_set(), "a worker may still be writing"


def test_a_worker_that_is_busy_elsewhere_is_not_waited_for(
    many_threads: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "_pool", None)  # a new pool, of one worker
    many_threads(2)
    release = threading.Event()
    busy = threads._workers(1).submit(lambda: release.wait(20) and None)
    done: list[int] = []
    threads.run(lambda first, last: done.extend(range(first, last)), 9, (), 1.0)
    assert done == list(range(9))
    assert busy._running.locked()
    release.set()


def test_a_call_from_inside_a_worker_runs_there(many_threads: Use) -> None:
    many_threads(2)
    caller = threading.get_ident()
    in_worker = threading.Event()
    inner: list[tuple[int, int, int]] = []

    def work(first: int, last: int) -> None:
        if threading.get_ident() == caller:
            assert in_worker.wait(20)
            return
        threads.run(lambda a, b: inner.append((a, b, threading.get_ident())), 9, (), 1.0)
        me = threading.get_ident()
        assert (0, 9, me) in inner
        in_worker.set()

    threads.run(work, 2, (), 1.0)
    assert inner


@pytest.mark.parametrize("n", [0, -1, 1.5, True, "2"])
def test_a_number_of_threads_that_is_none(n: object) -> None:
    with pytest.raises(ValueError, match=r"whole number from 1, got"):
        threads.set_num_threads(n)  # type: ignore[arg-type]


def test_a_child_shares_neither_pool_nor_lock_with_its_parent(
    many_threads: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_pool", "_lock"):
        monkeypatch.setattr(threads, name, getattr(threads, name))  # put back afterwards
    used = many_threads(2)
    kernels.relu_forward(X)
    assert used
    before = threads._pool
    with threads._lock:  # in a child it would be held for ever
        threads._forget_pool()
        assert threads._pool is None
        kernels.relu_forward(X)
    assert threads._pool not in (None, before)


FORK = """
import os, sys, warnings
warnings.simplefilter("ignore")  # Python 3.12 warns of a fork beside threads: that is the point
import numpy as np
from nanocnn import kernels
from nanocnn.kernels import memory, threads
threads.INLINE_SECONDS = 0.0
threads.set_num_threads(2)
x, w = np.ones((2, 40, 40, 8), np.float32), np.ones((3, 3, 8, 16), np.float32)
conv = lambda: kernels.conv2d_forward(x, w, None, (1, 1), ((1, 1), (1, 1)), (1, 1), 1)
y = conv()
assert threads._pool is not None
memory._shelves.lock.acquire()  # as if another thread were just asking for memory
threads._lock.acquire()
child = os.fork()
if child == 0:
    good = threads._pool is None and np.array_equal(conv(), y) and threads._pool is not None
    os._exit(0 if good else 1)
memory._shelves.lock.release()
threads._lock.release()
_, status = os.waitpid(child, 0)
assert np.array_equal(conv(), y)
print("child left with", os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_gets_a_new_pool(fresh_python: Callable[..., object]) -> None:
    done = fresh_python(FORK)
    assert done.stdout == "child left with 0\n", done.stderr


@pytest.mark.parametrize("begun", [True, False])
def test_a_job_that_is_over_holds_nothing(begun: bool) -> None:
    class Big:
        pass

    big = Big()
    alive = weakref.ref(big)
    job = workers.Job(lambda big=big: None)  # type: ignore[misc]
    del big
    assert alive() is not None
    if begun:
        job.run()
        assert not job.cancel()
    else:
        assert job.cancel()
        job.run()
    assert alive() is None


def late(flag: np.ndarray) -> threading.Timer:
    """Write to the flag in a moment, from another thread."""
    timer = threading.Timer(0.05, flag.fill, (1,))
    timer.start()
    return timer


def test_waiting_sees_what_another_thread_writes() -> None:
    done, flag = np.zeros(1, np.int64), np.zeros(1, np.int64)
    waiting.wait(done, flag, 0, 3, 0)
    assert done[0] == 1
    assert flag[0] == 0, "it gave up after three turns"
    begin = time.perf_counter()
    timer = late(flag)
    waiting.wait(done, flag, 0, 10**12 if JIT else 0, 7)
    timer.join()
    assert flag[0] == 1
    assert time.perf_counter() - begin < 30
    waiting.wait(done, flag, 0, 10**12, 7)  # nothing to wait for


def test_turns_take_the_time_that_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "JIT", True)  # without it nobody waits so
    turns = waiting.turns_in.__wrapped__(0.02)
    flag = np.zeros(1, np.int64)
    begin = time.perf_counter()
    waiting.wait(flag.copy(), flag, 0, turns, 0)
    assert 0.005 < time.perf_counter() - begin < 2  # a wide net: the machine may be busy


@pytest.mark.parametrize(("processors", "look"), [(2, True), (1, False)])
def test_nobody_looks_out_where_processors_are_too_few(processors: int, look: bool) -> None:
    pool = workers.Pool()
    pool.grow(1, processors)
    assert (pool.turns > 0) == (look and JIT)
    done = []
    for k in range(50):
        jobs = [pool.submit(lambda k=k: done.append(k)) for _ in range(3)]
        for job in jobs:
            if not job.cancel():  # what is cancelled stays in the queue, for a worker to pass over
                job.result(pool.turns)
                assert k in done
