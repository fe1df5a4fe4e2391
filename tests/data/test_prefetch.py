"""Threads that work ahead: the order of the jobs, a bound, and an end however it comes."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

import nanocnn as nc
from nanocnn.data import prefetch as module
from nanocnn.data.prefetch import prefetch


def loader_threads() -> int:
    return sum(thread.name.startswith("nanocnn_loader") for thread in threading.enumerate())


@pytest.fixture(autouse=True)
def _no_threads_are_left() -> Iterator[None]:
    assert loader_threads() == 0
    yield
    assert loader_threads() == 0


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for threads to come to rest; fail if they do not within a minute."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


@settings(max_examples=60, deadline=None)
@given(
    jobs=st.lists(st.integers(), max_size=20),
    threads=st.integers(0, 5),
    queue=st.integers(1, 5),
    pauses=st.lists(st.integers(0, 2), min_size=20, max_size=20),
)
def test_results_come_in_order(
    jobs: list[int], threads: int, queue: int, pauses: list[int]
) -> None:
    def work(place: int) -> int:
        time.sleep(pauses[place] / 2000)  # a later job may be done before an earlier one
        return 3 * jobs[place]

    assert list(prefetch(work, range(len(jobs)), threads, queue)) == [3 * job for job in jobs]


class Counter:
    """Counts how many results were begun, and which."""

    def __init__(self) -> None:
        self.lock, self.begun = threading.Lock(), 0

    def __call__(self, job: int) -> int:
        with self.lock:
            self.begun += 1
        return job


@pytest.mark.parametrize(("threads", "queue"), [(1, 1), (1, 4), (2, 4), (4, 1), (3, 2)])
def test_no_more_are_begun_than_stated(threads: int, queue: int) -> None:
    counter = Counter()
    results = prefetch(counter, range(50), threads, queue)
    assert counter.begun == 0, "nothing is made before it is asked for"
    for k in range(50):
        assert next(results) == k
        ahead = min(50, k + 1 + threads + queue)
        wait_until(lambda ahead=ahead: counter.begun >= ahead)  # type: ignore[misc]
        time.sleep(0.001)
        assert counter.begun == ahead
    assert list(results) == []


def test_without_threads_nothing_is_made_ahead() -> None:
    counter = Counter()
    results = prefetch(counter, range(5), 0, 4)
    for k in range(5):
        assert next(results) == k
        assert counter.begun == k + 1


def test_threads_hold_no_result_while_they_wait() -> None:
    """What was handed out and dropped is gone, although the threads have nothing to do."""

    class Result:
        alive = 0

        def __init__(self, _: int) -> None:
            Result.alive += 1

        def __del__(self) -> None:
            Result.alive -= 1

    results = prefetch(Result, range(40), 2, 3)
    for _ in range(10):
        kept = next(results)
    wait_until(lambda: Result.alive >= 6)
    time.sleep(0.01)
    assert Result.alive == 6  # two threads, a queue of three, and what was handed out last
    results.close()
    del kept
    assert Result.alive == 0


@pytest.mark.parametrize("threads", [0, 1, 4])
def test_an_error_comes_where_its_result_would_have(threads: int) -> None:
    def work(job: int) -> int:
        if job == 7:
            raise KeyError("seven")
        return job

    results = prefetch(work, range(20), threads, 2)
    assert [next(results) for _ in range(7)] == list(range(7))
    with pytest.raises(KeyError, match="seven"):
        next(results)
    assert list(results) == []


def test_closing_early_begins_nothing_more() -> None:
    counter = Counter()
    results = prefetch(counter, range(1000), 2, 4)
    next(results)
    wait_until(lambda: counter.begun == 7)
    assert loader_threads() == 2
    results.close()
    assert loader_threads() == 0
    assert counter.begun == 7


def test_an_iterator_that_was_never_begun_has_no_threads() -> None:
    prefetch(Counter(), range(10), 3, 3)
    assert loader_threads() == 0


def test_dropping_the_iterator() -> None:
    results = prefetch(Counter(), range(1000), 2, 4)
    next(results)
    del results
    assert loader_threads() == 0


def test_dropping_an_iterator_that_is_part_of_a_cycle() -> None:
    for _ in range(20):
        cycle: list[object] = [prefetch(Counter(), range(1000), 2, 4)]
        next(cycle[0])  # type: ignore[call-overload]
        cycle.append(cycle)
        del cycle

    def collected() -> bool:
        gc.collect()  # does nothing while a loader thread collects: that may have missed the last
        return loader_threads() == 0

    wait_until(collected)


def test_an_iterator_dropped_by_a_thread_that_is_about_to_sleep(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The collector may run in the middle of `wait`, after the thread has looked for a job."""
    monkeypatch.setattr(module, "LOOK_AGAIN_SECONDS", 0.01)
    ahead = module._Ahead(lambda job: job, range(1000), 1)
    allocate, dropped = threading._allocate_lock, []  # type: ignore[attr-defined]

    def collecting() -> object:
        if threading.current_thread() in ahead._threads and not dropped:
            dropped.append(True)
            ahead.close()
        return allocate()

    monkeypatch.setattr(threading, "_allocate_lock", collecting)
    ahead.start(1)
    wait_until(lambda: loader_threads() == 0)
    assert dropped


def test_a_cycle_that_a_loader_thread_collects() -> None:
    """The thread cannot wait for its own end; it ends all the same."""
    collect = threading.Event()

    def work(job: int) -> int:
        if job and collect.wait(60):
            gc.collect()
        return job

    gc.disable()
    try:
        cycle: list[object] = [prefetch(work, range(1000), 2, 1)]
        next(cycle[0])  # type: ignore[call-overload]
        cycle.append(cycle)
        del cycle
        collect.set()
        wait_until(lambda: loader_threads() == 0)
    finally:
        gc.enable()


@pytest.mark.parametrize("kind", [KeyboardInterrupt, ValueError, GeneratorExit])
def test_an_error_of_the_consumer(kind: type[BaseException]) -> None:
    def consume() -> None:
        for result in prefetch(Counter(), range(1000), 3, 2):
            if result == 5:
                raise kind

    with pytest.raises(kind):
        consume()
    gc.collect()
    assert loader_threads() == 0


def test_work_is_done_on_the_callers_rung() -> None:
    def work(_: int) -> str:
        return nc.current_backend()

    for name in nc.BACKENDS:
        with nc.backend(name):
            assert list(prefetch(work, range(4), 2, 1)) == [name] * 4


@pytest.mark.slow
def test_eight_threads_and_many_epochs() -> None:
    x = np.arange(1000)
    for epoch in range(300):
        found = list(prefetch(lambda job: x[job] * 2, range(1000), 8, 1 + epoch % 4))
        assert found == list(range(0, 2000, 2))
