"""The loader's batches: what is in them, in which order, and that threads do not change a bit."""

from __future__ import annotations

import time
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

import nanocnn as nc
from nanocnn.data import Augment, DataLoader, ImageDataset, Preparation
from nanocnn.data.transforms import Compose

from .feeding import Center, Corner, Power, epoch, same_batches, with_masks, write_classes

STRONG = Augment(rotate=20, flip="both", zoom=0.2, brightness=0.2, noise=0.1, seed=3)
RECIPE = Preparation(transforms=Compose([Power(), Center(mean=0.3)]))


def pair(n: int = 23, c: int = 3) -> tuple[Any, Any]:
    rng = np.random.default_rng(n)
    return rng.random((n, 12, 14, c), np.float32), np.arange(n) % 3


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(1, 30),
    batch_size=st.integers(1, 12),
    threads=st.integers(1, 4),
    queue=st.integers(1, 4),
    seed=st.integers(0, 2**64 - 1),
    k=st.integers(0, 50),
    shuffle=st.booleans(),
    balanced=st.booleans(),
)
def test_threads_do_not_change_a_bit(
    n: int, batch_size: int, threads: int, queue: int, seed: int, k: int, shuffle: bool,
    balanced: bool,
) -> None:  # fmt: skip
    options: dict[str, Any] = {
        "seed": seed, "preparation": RECIPE, "augment": STRONG, "shuffle": shuffle,
        "balanced": balanced and n > 1,
    }  # fmt: skip
    plain = DataLoader(pair(n), batch_size, threads=0, **options)
    ahead = DataLoader(pair(n), batch_size, threads=threads, queue=queue, **options)
    expected = epoch(plain, k)
    assert same_batches(epoch(ahead, k), expected)
    assert len(expected) == len(plain) == -(-n // batch_size)
    assert [len(x) for x, _ in expected[:-1]] == [batch_size] * (len(plain) - 1)
    assert sum(len(x) for x, _ in expected) == n


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_files_and_masks_have_the_same_bits_too(threads: int, tmp_path: Path) -> None:
    files = nc.data.open(write_classes(tmp_path, 17), channels=3)
    for dataset in (files, with_masks()):
        loaders = [
            DataLoader(dataset, 4, preparation=RECIPE, augment=STRONG, threads=t)
            for t in (0, threads)
        ]
        for k in range(3):
            assert same_batches(*(epoch(loader, k) for loader in loaders))


@pytest.mark.parametrize("threads", [0, 2])
def test_the_number_of_kernel_threads_does_not_matter(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nanocnn.kernels import threads as pool

    monkeypatch.setattr(pool, "INLINE_SECONDS", 0.0)
    before, found = nc.get_num_threads(), []
    try:
        for n in (1, 3):
            nc.set_num_threads(n)
            found.append(epoch(DataLoader(pair(40), 8, augment=STRONG, threads=threads)))
    finally:
        nc.set_num_threads(before)
    assert same_batches(*found)


def test_the_order_is_that_of_fit() -> None:
    x, y = pair()
    for k in (0, 5):
        order = np.random.default_rng([9, k]).permutation(23)
        found = epoch(DataLoader((x, y), 8, seed=9), k)
        np.testing.assert_array_equal(np.concatenate([b[0] for b in found]), x[order])
        np.testing.assert_array_equal(np.concatenate([b[1] for b in found]), y[order])
    still = epoch(DataLoader((x, y), 8, shuffle=False), 3)
    np.testing.assert_array_equal(np.concatenate([b[0] for b in still]), x)


def test_epochs_seeds_and_the_next_iteration_differ() -> None:
    loader = DataLoader(pair(), 8, augment=STRONG)
    epochs = [epoch(loader, k) for k in range(3)]
    epochs.append(epoch(DataLoader(pair(), 8, augment=STRONG, seed=1)))
    assert not any(same_batches(a, b) for a, b in combinations(epochs, 2))
    assert same_batches(list(loader), epochs[0])
    assert same_batches(list(loader), epochs[1])
    assert same_batches(epoch(loader, 0), epochs[0]), "asking for an epoch does not count"
    assert same_batches(list(loader), epochs[2])


def test_two_epochs_at_once() -> None:
    loader = DataLoader(pair(), 4, augment=STRONG)
    one, other = loader.epoch(0), loader.epoch(1)
    both = list(zip(one, other, strict=True))
    assert same_batches([a for a, _ in both], epoch(loader, 0))
    assert same_batches([b for _, b in both], epoch(loader, 1))


def test_arrays_are_taken_as_they_are() -> None:
    x, y = pair()
    whole = (255 * x).astype(np.uint8)
    for images in (whole, x.astype(np.float64), x[..., 0], x.reshape(23, -1), whole[..., 0]):
        for targets in (y, y[:, None], np.eye(3)[y], y.astype(np.float32)):
            found = epoch(DataLoader((images, targets), 23, shuffle=False))
            assert same_batches(found, [(images, targets)])
    lists = epoch(DataLoader((list(x), y.tolist()), 23, shuffle=False))
    assert same_batches(lists, [(x, y)])
    before = x.copy()
    epoch(DataLoader((x, y), preparation=RECIPE, augment=STRONG))
    np.testing.assert_array_equal(x, before)


def test_augmentation_comes_before_the_first_step_that_leaves_the_unit_range() -> None:
    x, y = pair()
    steps = Compose([Power(exponent=3), Center(mean=0.25), Power(exponent=2)])
    how = Preparation(transforms=steps)
    (found, _), *_ = epoch(DataLoader((x, y), 23, preparation=how, augment=STRONG, shuffle=False))
    expected = STRONG(Power(exponent=3)(x), epoch=0, indices=np.arange(23))
    expected = Power(exponent=2)(Center(mean=0.25)(expected))
    np.testing.assert_array_equal(found, expected)
    plain, _ = DataLoader((x, y), 23, preparation=how, shuffle=False).peek()
    np.testing.assert_array_equal(plain, steps(x))


def test_grey_arrays_get_an_axis_where_something_needs_it() -> None:
    x, y = pair(c=1)
    with_axis, without = (
        epoch(DataLoader((images, y), 5, augment=STRONG, preparation=RECIPE))
        for images in (x, x[..., 0])
    )
    assert same_batches(with_axis, without)


def test_images_of_different_sizes_may_become_alike(tmp_path: Path) -> None:
    write_classes(tmp_path, 6, (12, 14))
    write_classes(tmp_path / "b" / "more", 6, (10, 13))
    how = Preparation(transforms=Corner(side=9))
    found = epoch(DataLoader(nc.data.open(tmp_path), 5, preparation=how))
    assert {x.shape[1:] for x, _ in found} == {(9, 9, 1)}
    assert sum(len(x) for x, _ in found) == 12
    sized = DataLoader(nc.data.open(tmp_path), 12, preparation=Preparation(size=(8, 7)))
    assert sized.peek()[0].shape == (12, 8, 7, 1)


@pytest.mark.parametrize("in_memory", [True, False])
def test_masks_move_with_their_images(in_memory: bool) -> None:
    """The images are bright exactly where their masks are 1, before and after."""
    dataset = with_masks()
    source: Any = dataset.arrays() if in_memory else dataset
    how = Preparation(transforms=Compose([Corner(side=11), Center(mean=0.5)]))
    policy = Augment(flip="both", seed=1)
    loader = DataLoader(source, 4, preparation=how, augment=policy)
    assert (loader.targets is None) == (not in_memory)
    moved = 0
    for x, y in loader:
        assert x.shape[1:] == (11, 11, 1)
        assert y.shape == x.shape[:3]
        assert y.dtype == np.uint8
        np.testing.assert_array_equal(x[..., 0] > -0.05, y == 1)
        moved += int(y.sum())
    assert moved > 0
    plain = [y for _, y in DataLoader(source, 4, preparation=how)]
    assert (np.concatenate(plain) != np.concatenate([y for _, y in loader])).any()


def test_balanced_counts_are_exact(tmp_path: Path) -> None:
    y = np.array([0] * 40 + [1] * 7 + [2] * 3)
    x = np.broadcast_to(np.arange(50, dtype=np.float32)[:, None, None, None] / 50, (50, 4, 4, 1))
    files = nc.data.open(write_classes(tmp_path, 20))
    sources: list[tuple[Any, int]] = [
        ((x, y), 50), ((x, y[:, None]), 50), (ImageDataset(x, y), 50), (files, 20)
    ]  # fmt: skip
    for source, n in sources:
        loader = DataLoader(source, 8, balanced=True)
        for k in range(4):
            labels = np.concatenate([t for _, t in loader.epoch(k)]).reshape(-1)
            assert sorted(np.bincount(labels).tolist()) == sorted([n // 3 + r for r in (0, 1, 1)])
    times = np.zeros((4, 50), int)
    for k in range(4):
        for images, _ in DataLoader((x, y), 8, balanced=True).epoch(k):
            np.add.at(times[k], np.rint(50 * images[:, 0, 0, 0]).astype(int), 1)
    assert times[:, :40].max() == 1
    assert set(times[:, 40:47].reshape(-1)) <= {2, 3}
    assert set(times[:, 47:].reshape(-1)) <= {5, 6}


def test_repeats_of_an_image_are_augmented_differently() -> None:
    x, y = np.full((12, 9, 9, 1), 0.5, np.float32), np.array([0] * 10 + [1] * 2)
    policy = Augment(noise=0.2, seed=5)
    loader = DataLoader((x, y), 12, balanced=True, augment=policy)
    (images, labels), *_ = epoch(loader, 1)
    rows = {image.tobytes() for image in images}
    assert len(rows) == 12
    assert (labels == 1).sum() == 6
    # Repeat r of image i is sample i + 12 r.
    expected = policy(x[[10] * 3 + [11] * 3], epoch=1, indices=[10, 22, 34, 11, 23, 35])
    assert {image.tobytes() for image in images[labels == 1]} == {e.tobytes() for e in expected}


def test_without_augmentation_the_seed_of_a_policy_is_not_used() -> None:
    nothing = epoch(DataLoader(pair(), 8))
    assert same_batches(epoch(DataLoader(pair(), 8, augment=Augment(seed=4))), nothing)


def test_it_tells_what_it_is() -> None:
    loader = DataLoader(pair(), 8, augment=Augment(noise=0.1), seed=2)
    assert repr(loader) == (
        "DataLoader(23 images, 3 batches, batch_size=8, seed=2, augment=Augment(noise=0.1, seed=0),"
        " mixup=0.0, balanced=False, shuffle=True)"
    )


class Counting(NamedTuple):
    """A reader that tells which images were read."""

    path: Path
    detail: str
    read_so_far: list[str]

    def read(self, name: str) -> Any:
        self.read_so_far.append(self.detail)
        return np.zeros((6, 5), np.uint8)


@pytest.mark.parametrize(("threads", "queue"), [(1, 1), (2, 4), (3, 2)])
def test_no_more_is_read_ahead_than_stated(threads: int, queue: int) -> None:
    read: list[str] = []
    readers = [Counting(Path("scan"), str(i), read) for i in range(60)]
    loader = DataLoader(ImageDataset(readers, [0] * 60), 2, threads=threads, queue=queue)
    assert read == []
    batches = loader.epoch(0)
    for k in range(30):
        next(batches)
        ahead = 2 * min(30, k + 1 + threads + queue)
        end = time.monotonic() + 60
        while len(read) < ahead and time.monotonic() < end:
            time.sleep(0.001)
        time.sleep(0.001)
        assert len(read) == ahead
    assert sorted(map(int, read)) == list(range(60))


@pytest.mark.slow
@pytest.mark.parametrize("threads", [2, 8])
def test_many_epochs_on_eight_threads(threads: int, tmp_path: Path) -> None:
    dataset = nc.data.open(write_classes(tmp_path, 60))
    loader = DataLoader(dataset, 3, augment=STRONG, threads=threads, queue=2)
    plain = DataLoader(dataset, 3, augment=STRONG, threads=0)
    for k in range(150):
        assert same_batches(epoch(loader, k), epoch(plain, k))
        abandoned = loader.epoch(k)
        next(abandoned)
