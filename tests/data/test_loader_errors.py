"""What a loader says to broken files and arguments, and that it drops nothing silently."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

import nanocnn as nc
from nanocnn.data import Augment, DataError, DataLoader, ImageDataset, Preparation
from nanocnn.data.transforms import Compose

from .feeding import Center, Power, epoch, same_batches, with_masks, write_classes

X, Y = np.random.default_rng(0).random((10, 12, 14, 3), np.float32), np.arange(10) % 2


def broken(root: Path, name: str = "a/06.png") -> ImageDataset:
    """Return a data set one of whose PNG files is cut short in the middle of its pixels."""
    path = write_classes(root) / name
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    return nc.data.open(root)


@pytest.mark.parametrize("threads", [0, 1, 4])
def test_a_broken_file_ends_the_run_with_its_name(threads: int, tmp_path: Path) -> None:
    loader = DataLoader(broken(tmp_path), 2, threads=threads, shuffle=False)
    found = loader.epoch(0)
    name = "a/06.png"
    place = [loader.dataset.name(i) for i in range(12)].index(name)  # type: ignore[union-attr]
    for _ in range(place // 2):
        next(found)
    with pytest.raises(DataError, match=rf"image '{name}' is damaged or cut short") as told:
        next(found)
    assert "\n" not in str(told.value)
    assert str(tmp_path) not in str(told.value)
    assert list(found) == []
    assert not any(t.name.startswith("nanocnn_loader") for t in threading.enumerate())


@pytest.mark.parametrize("threads", [0, 1, 4])
def test_a_broken_file_is_skipped_counted_and_listed(threads: int, tmp_path: Path) -> None:
    dataset = broken(tmp_path)
    loader = DataLoader(dataset, 5, threads=threads, on_error="skip", augment=Augment(noise=0.1))
    whole = [i for i in range(12) if dataset.name(i) != "a/06.png"]
    for k in range(3):
        message = rf"^1 of 12 samples of epoch {k + 1} could not be read .*: a/06.png \(all of"
        with pytest.warns(UserWarning, match=message) as told:
            found = epoch(loader, k)
        assert len(told) == 1
        assert sum(len(x) for x, _ in found) == 11
        labels = sorted(np.concatenate([y for _, y in found]).tolist())
        assert labels == sorted(dataset.labels[whole].tolist())
    ((name, reason),) = loader.skipped
    assert name == "a/06.png"
    assert "is damaged or cut short" in reason


def test_those_that_are_left_are_augmented_as_ever(tmp_path: Path) -> None:
    policy = Augment(noise=0.1, rotate=10)
    good = nc.data.open(write_classes(tmp_path / "good"))
    dataset = broken(tmp_path / "broken")
    (x, y), *_ = epoch(DataLoader(good, 12, augment=policy, shuffle=False))
    with pytest.warns(UserWarning, match="1 of 12 samples"):
        found = epoch(DataLoader(dataset, 12, augment=policy, shuffle=False, on_error="skip"))
    left = [i for i in range(12) if dataset.name(i) != "a/06.png"]
    assert same_batches(found, [(x[left], y[left])])


def test_a_batch_that_loses_all_its_samples_is_passed_over(tmp_path: Path) -> None:
    dataset = broken(tmp_path)
    loader = DataLoader(dataset, 1, on_error="skip", shuffle=False)
    with pytest.warns(UserWarning, match="1 of 12 samples"):
        found = epoch(loader)
    assert (len(loader), len(found)) == (12, 11)
    names = [dataset.name(i) for i in range(12)]
    lost_first = dataset.subset([names.index("a/06.png"), 0, 1])
    x, _ = DataLoader(lost_first, 1, on_error="skip", shuffle=False).peek()
    np.testing.assert_array_equal(x[0], dataset[0][0])


def test_nothing_can_be_read(tmp_path: Path) -> None:
    dataset = broken(tmp_path)
    names = [dataset.name(i) for i in range(12)]
    lost = dataset.subset([names.index("a/06.png")] * 3)
    loader = DataLoader(lost, 2, on_error="skip")
    with pytest.warns(UserWarning, match="3 of 3 samples of epoch 1"):
        assert epoch(loader) == []
    with pytest.raises(DataError, match=r"none of 3 images can be read; a/06.png: image .* dam"):
        loader.peek()


class Odd(NamedTuple):
    """A reader of one's own that fails in its own way."""

    path: Path
    detail: str
    error: Exception | None

    def read(self, name: str) -> Any:
        if self.error is not None:
            raise self.error
        return np.zeros((12, 14), np.uint8)


def odd(error: Exception) -> ImageDataset:
    errors = [None, None, error, None]
    readers = [Odd(Path("scan"), f"part {i}", error) for i, error in enumerate(errors)]
    return ImageDataset(readers, [0, 1, 0, 1])


def test_readers_of_ones_own(tmp_path: Path) -> None:
    dataset = odd(OSError("the disk\nis gone"))
    with pytest.raises(DataError, match=r"image 'scan, part 2' .*\(OSError: the disk is gone\); r"):
        epoch(DataLoader(dataset, 2))
    loader = DataLoader(dataset, 2, on_error="skip")
    with pytest.warns(UserWarning, match="1 of 4"):
        epoch(loader)
    assert loader.skipped[0][0] == "scan, part 2"
    with pytest.raises(DataError, match=r"larger than the memory"):  # as the data set says it
        epoch(DataLoader(odd(MemoryError()), 2))


def test_several_broken_files_are_one_warning(tmp_path: Path) -> None:
    dataset = broken(tmp_path)
    for name in ("b/01.png", "c/04.png", "a/00.png"):
        (tmp_path / name).write_bytes(b"")
    loader = DataLoader(dataset, 4, on_error="skip", shuffle=False)
    with pytest.warns(UserWarning, match=r"4 of 12 .*: a/00.png, a/06.png, b/01.png, \.\.\. \("):
        epoch(loader)
    assert len(loader.skipped) == 4


@pytest.mark.parametrize("on_error", ["raise", "skip"])
@pytest.mark.parametrize("batch_size", [1, 12])
def test_images_of_different_sizes(on_error: str, batch_size: int, tmp_path: Path) -> None:
    write_classes(tmp_path, 11)
    Image.new("L", (9, 8)).save(tmp_path / "b" / "99.png")
    loader = DataLoader(nc.data.open(tmp_path), batch_size, shuffle=False, on_error=on_error)
    message = (
        r"^a/00.png is 12x14 with 1 channel and b/99.png is 8x9 with 1 channel; all images must be "
        r"alike: open the data set with size=\(height, width\)$"
    )
    with pytest.raises(DataError, match=message):
        epoch(loader)


def test_grey_and_colour(tmp_path: Path) -> None:
    write_classes(tmp_path, 11)
    Image.new("RGB", (14, 12)).save(tmp_path / "b" / "99.png")
    with pytest.raises(DataError, match=r"and b/99.png is 12x14 with 3 channels; .* channels=1 or"):
        epoch(DataLoader(nc.data.open(tmp_path), 5, shuffle=False))


def test_pixels_that_are_not_finite() -> None:
    x = X.copy()
    x[7, 3, 2, 1] = np.nan
    with pytest.raises(DataError, match=r"^image 7 has a pixel that is NaN or infinite; repair"):
        epoch(DataLoader((x, Y), 4))
    how = Preparation(transforms=Center(mean=float("inf")))
    with pytest.raises(DataError, match=r"^image [0-9] has a pixel that is NaN"):
        epoch(DataLoader(ImageDataset(X, Y), 4, preparation=how))


UNFITTED = Preparation(transforms=Compose([Power(), Center()]))
BAD: list[tuple[Any, dict[str, Any], str]] = [
    ("scans", {}, r"a str cannot be loaded; needed is an ImageDataset, as nanocnn.data.open"),
    (X, {}, "cannot be loaded; needed is an ImageDataset"),
    ((X, Y, Y), {}, "cannot be loaded; needed is an ImageDataset"),
    ((X, Y[1:]), {}, r"images \(10, 12, 14, 3\) and targets \(9,\) given; needed is one target"),
    ((X, 3), {}, r"targets \(\) given; needed is one target an image"),
    (([X[0], X[1, 1:]], Y[:2]), {}, "lists of unequal length; needed are arrays"),
    ((X[:0], Y[:0]), {}, "the data set is empty; at least one image is needed"),
    ((X, Y), {"batch_size": 0}, "batch_size must be a whole number from 1, got 0"),
    ((X, Y), {"batch_size": 2.0}, "batch_size must be a whole number from 1, got 2.0"),
    ((X, Y), {"batch_size": True}, "batch_size must be a whole number from 1, got True"),
    ((X, Y), {"threads": -1}, "threads must be a whole number from 0, got -1"),
    ((X, Y), {"queue": 0}, "queue must be a whole number from 1, got 0"),
    ((X, Y), {"seed": -1}, "seed must be a whole number from 0, got -1"),
    ((X, Y), {"on_error": "ignore"}, "on_error='ignore' is unknown; give 'raise' or 'skip'"),
    ((X, Y), {"augment": {"noise": 1}}, "augment is of the type dict; give nanocnn.data.Aug"),
    ((X, Y), {"preparation": Power()}, r"of the type Power; give .*\(transforms=\.\.\.\)$"),
    ((X, Y), {"preparation": UNFITTED}, r"^Center of .*no statistics yet; .*\.fit\(train\)$"),
    (with_masks(), {"preparation": UNFITTED}, r"no statistics yet; fit it on the training part"),
    (with_masks(), {"balanced": True}, "balanced=True needs two classes or more; leave it out"),
    ((X, np.eye(2)[Y]), {"balanced": True}, "balanced=True is for samples with one label each"),
    ((X, Y * 0.5), {"balanced": True}, "labels has the type float64; needed are integers"),
    ((X, X), {"augment": Augment()}, r"targets of shape \(10, 12, 14, 3\) would not move with"),
    ((X, X[..., 0, :]), {"preparation": Preparation(transforms=Power())}, "would not move with"),
]


@pytest.mark.parametrize(("source", "options", "message"), BAD, ids=range(len(BAD)))
def test_bad_arguments(source: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message) as told:
        DataLoader(source, **options)
    assert "\n" not in str(told.value)


def test_images_that_augmentation_does_not_take() -> None:
    for x, message in ((X.astype(float), "float64; needed is float32"), (X * 2, r"\[0, 1\]")):
        with pytest.raises(DataError, match=message):
            epoch(DataLoader((x, Y), augment=Augment(noise=0.1)))


@pytest.mark.parametrize("k", [-1, 1.0, None])
def test_a_bad_epoch(k: Any) -> None:
    with pytest.raises(DataError, match="epoch must be a whole number from 0"):
        DataLoader((X, Y)).epoch(k)
