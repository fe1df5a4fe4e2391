"""The thread pool: same bits on any number of threads, calls from many threads, fork, errors."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from nanocnn import kernels
from nanocnn.kernels import threads
from nanocnn.kernels.jit import panel_width
from tests.sizes import sized

Use = Callable[[int], list[int]]
SAME = ((1, 1), ((1, 1), (1, 1)), (1, 1), 1)
POOL = ((3, 2), (2, 2), ((1, 1), (0, 1)))
HALVES = ((2, 2), (2, 2), ((0, 0), (0, 0)))
MANY = sized(200_003, 2003)


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def adam() -> list[np.ndarray]:
    p, m, v = normal(MANY), np.zeros(MANY, np.float32), np.zeros(MANY, np.float32)
    kernels.adam_update(p, normal(MANY, seed=1), m, v, 1, 0.1, 0.9, 0.99, 1e-8, 0.1, True)
    return [p, m, v]


def sgd() -> list[np.ndarray]:
    p, v = normal(MANY), np.zeros(MANY, np.float32)
    kernels.sgd_update(p, normal(MANY, seed=1), v, 0.1, 0.9, True, 0.1)
    return [p, v]


def rmsprop() -> list[np.ndarray]:
    p, v = normal(MANY), np.zeros(MANY, np.float32)
    kernels.rmsprop_update(p, normal(MANY, seed=1), v, None, 0.1, 0.9, 1e-8, 0.0, 0.1)
    return [p, v]


PANEL = panel_width(4)
C, F, WIDE_C, WIDE_F, D = sized((19, 40, 96, 112, 3001), (3, 7, 17, 19, 301))
PIXELS = sized((4, 33, 31), (4, 13, 11))
X, W, B = normal(*PIXELS, C), normal(3, 3, C, F, seed=1), normal(F, seed=2)
WIDE_X, WIDE_W = normal(3, 9, 8, WIDE_C), normal(3, 3, WIDE_C, WIDE_F, seed=1)  # dw in one part
DY, WIDE_DY = normal(*PIXELS, F, seed=3), normal(3, 9, 8, WIDE_F, seed=3)
ROWS, WEIGHTS, ROWS_DY = normal(70, D), normal(D, 70, seed=1), normal(70, 70, seed=2)
AFFINE, CUBES = (normal(C, seed=5), normal(C, seed=6)), X.reshape(PIXELS[0], -1, C)
PLACES = X.reshape(-1, C)
IMAGES = np.abs(normal(*PIXELS, 3, seed=4)) % 1
MOVES, GRIDS = np.eye(2, 3) + normal(4, 2, 3) / 10.0, 0.5 * normal(4, 7, 7, 2).astype(np.float64)
MASKS, ONES = (9 * IMAGES[..., 0]).astype(np.uint8), np.ones(4)
BOXES = np.tile([1, 5, 2, 7], (4, 1))
NO_PADDING = ((0, 0), (0, 0))
STAMPS, TWICE = normal(2, 2, F, C, seed=5), (2 * PIXELS[1], 2 * PIXELS[2])
LABELS = (C * IMAGES[..., 0]).astype(np.int32).reshape(4, -1) - 1  # some are ignored
OVERLAP = (X.reshape(4, -1, C), LABELS, 1.0 + IMAGES[..., 1].reshape(4, -1), np.ones(C))
WORK: dict[str, Callable[[], list[np.ndarray]]] = {
    "conv2d_forward": lambda: [kernels.conv2d_forward(X, W, B, *SAME, "tanh")],
    "conv2d_max_pool2d_forward": lambda: [  # in bands, and by Winograd
        *kernels.conv2d_max_pool2d_forward(X, W, B, (2, 2), *SAME[1:], "tanh", *HALVES),
        *kernels.conv2d_max_pool2d_forward(X, W[..., :PANEL], None, *SAME, "relu", *HALVES),
    ],
    "conv2d_backward_input": lambda: [kernels.conv2d_backward_input(DY, W, X.shape, *SAME)],
    "conv2d_backward_weight": lambda: [kernels.conv2d_backward_weight(DY, X, W.shape, *SAME)],
    "conv2d_backward_weight, wide": lambda: [
        kernels.conv2d_backward_weight(WIDE_DY, WIDE_X, WIDE_W.shape, *SAME)
    ],
    "conv2d_backward_bias": lambda: [kernels.conv2d_backward_bias(DY)],
    "dense_forward": lambda: [kernels.dense_forward(ROWS, WEIGHTS, None, "relu")],
    "dense_backward_input": lambda: [kernels.dense_backward_input(ROWS_DY, WEIGHTS)],
    "dense_backward_weight": lambda: [kernels.dense_backward_weight(ROWS_DY, ROWS)],
    "dense_backward_bias": lambda: [kernels.dense_backward_bias(ROWS)],
    "max_pool2d": lambda: [
        *(forward := kernels.max_pool2d_forward(X, *POOL)),
        kernels.max_pool2d_backward(*forward, X.shape, *POOL),
    ],
    "conv_transpose2d": lambda: [
        y := kernels.conv_transpose2d_forward(X, STAMPS, B, TWICE, (2, 2), NO_PADDING, "tanh"),
        kernels.conv_transpose2d_backward_input(y, STAMPS, X.shape, (2, 2), NO_PADDING),
        kernels.conv_transpose2d_backward_weight(y, X, STAMPS.shape, (2, 2), NO_PADDING),
    ],
    "upsample2d": lambda: [
        y := kernels.upsample2d_forward(X, (2, 3), "bilinear"),
        kernels.upsample2d_backward(y, (2, 3), "bilinear"),
        y := kernels.upsample2d_forward(X, (2, 3), "nearest"),
        kernels.upsample2d_backward(y, (2, 3), "nearest"),
    ],
    "average_pool2d": lambda: [
        y := kernels.average_pool2d_forward(X, *POOL),
        kernels.average_pool2d_backward(y, X.shape, *POOL),
    ],
    "global_average_pool2d": lambda: [
        y := kernels.global_average_pool2d_forward(X),
        kernels.global_average_pool2d_backward(y, X.shape),
    ],
    "relu": lambda: [kernels.relu_forward(X), kernels.relu_backward(X, X)],
    "leaky_relu": lambda: [
        kernels.leaky_relu_forward(X, 0.1),
        kernels.leaky_relu_backward(X, X, 0.1),
    ],
    "sigmoid": lambda: [kernels.sigmoid_forward(X), kernels.sigmoid_backward(X, X)],
    "tanh": lambda: [kernels.tanh_forward(X), kernels.tanh_backward(X, X)],
    "gelu": lambda: [kernels.gelu_forward(X), kernels.gelu_backward(X, X)],
    "fused_backward": lambda: [*kernels.fused_backward(DY, DY, "sigmoid")],
    "softmax": lambda: [kernels.softmax_forward(X), kernels.softmax_backward(X, X)],
    "tversky_cross_entropy": lambda: [
        np.array(kernels.tversky_cross_entropy(*OVERLAP, c, 0.3, 0.7, 1.0)[i])
        for c in (None, np.full(C, 1 / C))
        for i in (0, 1)
    ],
    "dropout": lambda: [kernels.dropout_forward(X, 0.3, 9), kernels.dropout_backward(X, 0.3, 9)],
    "batch_norm": lambda: [
        *(found := kernels.batch_norm_statistics(PLACES)),
        kernels.batch_norm_forward(PLACES, *AFFINE, *found, 0.1, "relu"),
        *kernels.batch_norm_backward(PLACES, PLACES, AFFINE[0], *found, 0.1, AFFINE[1], "relu"),
        *kernels.batch_norm_backward_constant(PLACES, PLACES, AFFINE[0], *found, 0.1),
    ],
    "group_norm": lambda: [
        *(found := kernels.group_norm_forward(CUBES, *AFFINE, 1, 0.1)),
        *kernels.group_norm_backward(CUBES, CUBES, AFFINE[0], *found[1:], 0.1),
    ],
    "warp_images": lambda: [*kernels.warp_images(IMAGES, MASKS, MOVES, GRIDS)],
    "blur_images": lambda: [kernels.blur_images(IMAGES, 1.5 * ONES)],
    "adjust_images": lambda: [
        kernels.adjust_images(
            IMAGES,
            1.2 * ONES,
            0.1 * ONES,
            0.8 * ONES,
            0.1 * ONES,
            np.arange(4, dtype=np.uint64),
            BOXES,
        )
    ],
    "add": lambda: [kernels.add_forward(X, X, "relu"), kernels.add_forward(X, X, "tanh")],
    "concatenate": lambda: [
        y := kernels.concatenate_forward(X, DY),
        kernels.concatenate_backward(y, X.shape[-1], y.shape[-1]),
    ],
    "normal_numbers": lambda: [kernels.normal_numbers(7, MANY)],
    "sgd_update": sgd,
    "rmsprop_update": rmsprop,
    "adam_update": adam,
}


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
    workers = threads._workers
    monkeypatch.setattr(threads, "_workers", lambda n: used.append(n) or workers(n))
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
    job = threads._Job(lambda big=big: None)  # type: ignore[misc]
    del big
    assert alive() is not None
    if begun:
        job.run()
        assert not job.cancel()
    else:
        assert job.cancel()
        job.run()
    assert alive() is None
