"""Recycled memory: never handed out twice, aligned, capped, given back."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from nanocnn import kernels
from nanocnn.kernels import memory

LARGE = (3, 101, 103)  # float32: well above what the system's allocator is left with


@pytest.fixture(autouse=True)
def empty_shelves() -> Iterator[None]:
    memory.release_memory()
    yield
    memory.release_memory()


def waiting() -> list[np.ndarray]:
    return [block for shelf in memory._shelves.free.values() for _, block in shelf]


def address(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])


@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 5), LARGE, (0, 7), (1 << 18,)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8, np.uint16])
def test_shape_dtype_alignment(shape: tuple[int, ...], dtype: type) -> None:
    for _ in range(3):  # fresh, then recycled
        array = memory.empty(shape, dtype)
        assert array.shape == shape
        assert array.dtype == dtype
        assert array.flags.c_contiguous
        assert array.flags.writeable
        assert array.size == 0 or address(array) % memory.ALIGNMENT == 0
        array.fill(1)


def test_a_block_comes_back_with_what_was_in_it() -> None:
    array = memory.empty(LARGE, np.float32)
    array.fill(np.nan)
    place = address(array)
    del array
    again = memory.empty(LARGE, np.float32)
    assert address(again) == place
    assert np.isnan(again).all()


def test_a_kernel_on_a_recycled_block_of_nan() -> None:
    x, w = np.ones((1, 60, 60, 8), np.float32), np.ones((3, 3, 8, 16), np.float32)
    geometry = ((1, 1), ((1, 1), (1, 1)), (1, 1), 1)
    places = set()
    for _ in range(2):
        y = kernels.conv2d_forward(x, w, None, *geometry)
        places.add(address(y))
        assert y.max() == 72
        assert y.min() == 32
        y.fill(np.nan)
        del y
    assert len(places) == 1


def test_outputs_of_three_steps_stay_as_they_were() -> None:
    source = np.random.default_rng(0)
    w = source.normal(size=(3, 3, 3, 16)).astype(np.float32)
    geometry = ((1, 1), ((1, 1), (1, 1)), (1, 1), 1)
    kept, copies = [], []
    for _ in range(3):
        x = source.normal(size=(2, 40, 40, 3)).astype(np.float32)
        y = kernels.conv2d_forward(x, w, None, *geometry, "relu")
        pooled, winner = kernels.max_pool2d_forward(y, (2, 2), (2, 2), ((0, 0), (0, 0)))
        dy = kernels.max_pool2d_backward(pooled, winner, y.shape, (2, 2), (2, 2), ((0, 0), (0, 0)))
        dz, db = kernels.fused_backward(dy, y, "relu")
        dw = kernels.conv2d_backward_weight(dz, x, w.shape, *geometry)
        step = [y, pooled, winner, dy, dz, db, dw]
        kept.append(step)
        copies.append([a.copy() for a in step])
    for step, copy in zip(kept, copies, strict=True):
        for array, before in zip(step, copy, strict=True):
            np.testing.assert_array_equal(array, before)
    arrays = [a for step in kept for a in step]
    for i, a in enumerate(arrays):
        for b in arrays[:i]:
            assert not np.shares_memory(a, b)


@pytest.mark.parametrize(
    "view",
    [
        lambda a: a[1],
        lambda a: a.reshape(-1)[5:9],
        lambda a: a.T,
        lambda a: a.view(np.uint32),
        lambda a: memory.flat(a),
        lambda a: np.asarray(memoryview(a)),
        lambda a: np.lib.stride_tricks.sliding_window_view(a, 2, axis=0),
    ],
)
def test_a_view_keeps_its_block(view: object) -> None:
    array = memory.empty(LARGE, np.float32)
    array.fill(3)
    part = view(array)  # type: ignore[operator]
    before = part.copy()
    place = address(array)
    del array
    gc.collect()
    other = memory.empty(LARGE, np.float32)
    other.fill(np.nan)
    assert address(other) != place
    np.testing.assert_array_equal(part, before)
    del part, other
    gc.collect()
    both = [memory.empty(LARGE, np.float32) for _ in range(2)]
    assert place in {address(a) for a in both}, "the block did not come back"


def test_a_read_only_view_keeps_its_block() -> None:
    array = memory.empty(LARGE, np.float32)
    array.fill(3)
    array.setflags(write=False)
    flat = memory.flat(array)
    assert flat.flags.writeable
    assert not array.flags.writeable
    place = address(array)
    del array
    other = memory.empty(LARGE, np.float32)
    assert address(other) != place
    assert (flat == 3).all()


def test_a_block_held_by_a_cycle_comes_back_through_the_collector() -> None:
    array = memory.empty(LARGE, np.float32)
    place, ring = address(array), [array]
    ring.append(ring)  # type: ignore[arg-type]
    del array, ring
    gc.collect()
    assert address(memory.empty(LARGE, np.float32)) == place


def test_a_finalizer_in_the_middle_of_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    # The collector may run anywhere, also while a block is taken from its shelf.
    shelves = memory._shelves
    array = memory.empty((80_000,), np.float32)
    place = address(array)
    del array
    dying = [memory.empty((n,), np.float32) for n in (20_000, 40_000)]
    ((size, shelf),) = shelves.free.items()

    class Interrupted(type(shelf)):  # type: ignore[misc]
        def pop(self):  # type: ignore[no-untyped-def]
            dying.pop()  # its finalizer runs here
            return super().pop()

    monkeypatch.setitem(shelves.free, size, Interrupted(shelf))
    array = memory.empty((80_000,), np.float32)
    assert address(array) == place
    assert len(dying) == 1
    assert len(shelves.returned) == 1
    dying.clear()
    assert len(waiting()) == 2
    assert shelves.bytes == sum(block.nbytes for block in waiting())


def test_threads_ask_and_return_at_once() -> None:
    def work(seed: int) -> None:
        source = np.random.default_rng(seed)
        held: list[np.ndarray] = []
        for _ in range(200):
            array = memory.empty((int(source.integers(17_000, 40_000)),), np.float32)
            array.fill(seed)
            held.append(array)
            if len(held) > 3:
                old = held.pop(int(source.integers(3)))
                if not (old == seed).all():
                    wrong.append(seed)

    wrong: list[int] = []
    workers = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert not wrong
    assert memory._shelves.bytes == sum(block.nbytes for block in waiting())


def test_the_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "CAP", 1 << 20)
    arrays = [memory.empty((100_000,), np.float32) for _ in range(5)]
    first, last = weakref.ref(arrays[0].base), address(arrays[-1])
    while arrays:
        arrays.pop(0)
        assert memory._shelves.bytes <= 1 << 20
    assert first() is None
    assert len(waiting()) == 2  # the last two that came back
    both = [memory.empty((100_000,), np.float32) for _ in range(2)]
    assert last in {address(a) for a in both}


def test_release_memory_leaves_arrays_in_use_alone() -> None:
    kept, gone = memory.empty(LARGE, np.float32), memory.empty(LARGE, np.float32)
    kept.fill(5)
    del gone
    assert memory._shelves.bytes > 0
    memory.release_memory()
    assert memory._shelves.bytes == 0
    assert not waiting()
    assert (kept == 5).all()
    other = memory.empty(LARGE, np.float32)
    assert not np.shares_memory(kept, other)


def test_a_much_larger_block_is_not_wasted_on_a_small_request() -> None:
    large = memory.empty((200_000,), np.float32)
    place = address(large)
    del large
    assert address(memory.empty((100_000,), np.float32)) != place
    assert address(memory.empty((199_000,), np.float32)) == place


@given(st.integers(memory.SMALL, 1 << 40))
def test_a_block_is_little_larger_than_what_is_asked_for(size: int) -> None:
    rounded = memory._rounded(size)
    assert size <= rounded <= size * 9 // 8
    assert memory._rounded(rounded) == rounded


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("writeable", [True, False])
def test_flat_is_the_elements_in_row_order(order: str, writeable: bool) -> None:
    array = np.array(np.arange(24.0).reshape(2, 3, 4), order=order)  # type: ignore[call-overload]
    array.setflags(write=writeable)
    flat = memory.flat(array)
    assert flat.tolist() == list(range(24))
    assert flat.flags.writeable
    assert flat.flags.c_contiguous
    assert np.shares_memory(flat, array) == (order == "C")
    assert array.flags.writeable == writeable
