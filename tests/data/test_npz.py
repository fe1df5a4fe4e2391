"""Files in the MedMNIST format: written here, damaged here, and the real one."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nanocnn.data as data
from nanocnn.data import DataError


def contents(dtype: Any = np.uint8, channels: tuple[int, ...] = ()) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    arrays = {}
    for part, n in (("train", 6), ("val", 2), ("test", 4)):
        images = rng.integers(0, 256, (n, 5, 4, *channels))
        arrays[f"{part}_images"] = images.astype(dtype)
        arrays[f"{part}_labels"] = (np.arange(n) % 2).astype(np.uint8)[:, None]
    return arrays


def fails(path: Path, *parts: str) -> None:
    with pytest.raises(DataError) as caught:
        data.open(path)
    text = str(caught.value)
    assert "\n" not in text
    assert path.name in text
    for part in parts:
        assert part in text, text


@pytest.mark.parametrize("channels", [(), (1,), (3,)])
def test_parts_labels_and_pixels(channels: tuple[int, ...], tmp_path: Path) -> None:
    arrays = contents(channels=channels)
    np.savez_compressed(tmp_path / "a.npz", **arrays)
    dataset = data.open(tmp_path / "a.npz")
    assert dataset.parts == ("train", "val", "test")
    assert dataset.classes == ("0", "1")
    for part in dataset.parts:
        x, y = dataset.part(part).arrays()
        stored = arrays[f"{part}_images"]
        np.testing.assert_array_equal(x, (stored / np.float32(255)).reshape(x.shape))
        np.testing.assert_array_equal(y, arrays[f"{part}_labels"][:, 0])
        assert x.shape[3] == (channels or (1,))[0]


def test_16_bits_flat_labels_and_no_val_part(tmp_path: Path) -> None:
    arrays = {k: v for k, v in contents(np.uint16).items() if not k.startswith("val")}
    arrays["test_labels"] = arrays["test_labels"][:, 0]
    np.savez(tmp_path / "a.npz", **arrays)
    dataset = data.open(tmp_path / "a.npz")
    assert dataset.parts == ("train", "test")
    np.testing.assert_array_equal(
        dataset.part("train").arrays()[0][..., 0], arrays["train_images"] / np.float32(65535)
    )


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("train_images", None, "has no train_images"),
        ("val_labels", None, "has no val_labels"),
        ("train_images", np.zeros((6, 5), np.uint8), "train_images has shape (6, 5)"),
        (
            "train_images",
            np.zeros((6, 5, 5, 5), np.uint8),
            "needed are volumes (N, D, H, W), all alike",
        ),
        ("val_images", np.zeros((0, 5, 4), np.uint8), "val_images is empty"),
        ("test_images", np.zeros((4, 6, 6), np.uint8), "all parts must be alike"),
        ("test_images", np.zeros((4, 5, 4), np.uint16), "all parts must be alike"),
        ("train_images", np.full((6, 5, 4), np.nan), "120 NaN pixels"),
        ("train_labels", np.zeros((6, 14), int), "train_labels has shape (6, 14)"),
        ("train_labels", np.zeros((6, 1), int), "one class only, 0"),
        ("train_labels", np.array([[0], [255]] * 3), "must be numbered 0..1"),
        ("train_labels", np.array([[1], [2]] * 3), "has the labels 1, 2"),
        ("train_labels", np.array([[0], [0.5]] * 3), "type float64"),
        ("test_labels", np.array([[0], [1], [2], [0]]), "test_labels go from 0 to 2"),
        ("test_labels", np.array([[0], [-1], [1], [0]]), "test_labels go from -1 to 1"),
    ],
)
def test_wrong_contents(key: str, value: Any, says: str, tmp_path: Path) -> None:
    arrays = contents()
    if value is None:
        del arrays[key]
    else:
        arrays[key] = value
    np.savez(tmp_path / "wrong.npz", **arrays)
    fails(tmp_path / "wrong.npz", says)


class Bomb:
    """Unpickling this makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.mkdir, (self.path,)


def test_python_objects_are_not_loaded(tmp_path: Path) -> None:
    arrays = contents()
    arrays["train_labels"] = np.array([Bomb(tmp_path / "executed")] * 6, dtype=object)
    np.savez(tmp_path / "hostile.npz", **arrays)
    fails(tmp_path / "hostile.npz", "Python objects")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_truncated(share: float, tmp_path: Path) -> None:
    path = tmp_path / "cut.npz"
    np.savez_compressed(path, **contents())
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    fails(path, "cannot be read", "download or save it again")


def test_flipped_bytes_never_pass_unnoticed(tmp_path: Path) -> None:
    path = tmp_path / "flipped.npz"
    np.savez_compressed(path, **contents())
    whole = path.read_bytes()
    expected = data.open(path).arrays()
    rng = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(whole)
        damaged[rng.integers(len(whole))] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        try:
            found = data.open(path).arrays()
        except DataError:
            continue
        for a, b in zip(found, expected, strict=True):  # a flip in a time stamp does no harm
            np.testing.assert_array_equal(a, b)


def test_not_an_archive(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("hello")
    fails(tmp_path / "text.npz", "cannot be read")
    with open(tmp_path / "bare.npz", "wb") as file:
        np.save(file, np.zeros(3))
    fails(tmp_path / "bare.npz", "bare array")


@pytest.mark.data
def test_the_real_pneumoniamnist(data_dir: Path) -> None:
    dataset = data.open(data_dir / "pneumoniamnist_28.npz")
    sizes = {part: len(dataset.part(part)) for part in dataset.parts}
    assert sizes == {"train": 4708, "val": 524, "test": 624}
    assert dataset.classes == ("0", "1")
    train = dataset.part("train")
    assert np.bincount(train.labels).tolist() == [1214, 3494]
    assert np.bincount(dataset.part("test").labels).tolist() == [234, 390]
    image, _ = train[0]
    assert image.shape == (28, 28, 1)
    x, _ = train.arrays()
    assert x.shape == (4708, 28, 28, 1)
    assert 0 <= x.min() < x.max() <= 1


def volumes(channels: tuple[int, ...] = ()) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    arrays = {}
    for part, n in (("train", 4), ("val", 2), ("test", 3)):
        images = rng.integers(0, 256, (n, 5, 6, 7, *channels))
        arrays[f"{part}_images"] = images.astype(np.uint8)
        arrays[f"{part}_labels"] = (np.arange(n) % 2).astype(np.uint8)[:, None]
    return arrays


@pytest.mark.parametrize("channels", [(), (1,), (3,)])
@pytest.mark.parametrize("axis", [None, 0, 1, 2])
def test_volumes_by_slices(axis: int | None, channels: tuple[int, ...], tmp_path: Path) -> None:
    arrays = volumes(channels)
    np.savez_compressed(tmp_path / "a.npz", **arrays)
    dataset = data.open(tmp_path / "a.npz", axis=axis)
    depth = (5, 6, 7)[axis or 0]
    assert len(dataset) == 9 * depth
    assert dataset.groups is not None
    assert dataset.groups.tolist() == [f"volume {k}" for k in range(9) for _ in range(depth)]
    for part in dataset.parts:
        x, y = dataset.part(part).arrays()
        stored, labels = arrays[f"{part}_images"], arrays[f"{part}_labels"]
        for k in range(len(stored)):
            for i in range(depth):
                plane = stored[k].take(i, axis or 0)
                expected = (plane / np.float32(255)).reshape(x.shape[1:])
                np.testing.assert_array_equal(x[k * depth + i], expected)
                assert y[k * depth + i] == labels[k, 0]


def test_volumes_that_do_not_fit(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **volumes() | {"val_images": np.zeros((2, 5, 6, 8), np.uint8)})
    fails(tmp_path / "a.npz", "val_images has the shape (2, 5, 6, 8)", "all alike")
    np.savez(tmp_path / "b.npz", **volumes() | {"val_labels": np.zeros((3, 1), np.uint8)})
    fails(tmp_path / "b.npz", "val_labels has shape (3, 1)")
    np.savez(tmp_path / "c.npz", **volumes() | {"train_images": np.zeros((4, 0, 6, 7), np.uint8)})
    fails(tmp_path / "c.npz", "needed are volumes")
    np.savez(tmp_path / "d.npz", **contents())
    with pytest.raises(DataError, match=r"'d.npz' holds images, not volumes; leave out axis="):
        data.open(tmp_path / "d.npz", axis=1)
    with pytest.raises(DataError, match="window= is for DICOM and NIfTI"):
        data.open(tmp_path / "d.npz", window="lung")


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = contents() | {"train_images": np.zeros((6, 500, 500), np.uint8)}
    np.savez_compressed(tmp_path / "bomb.npz", **arrays)
    monkeypatch.setattr("nanocnn.data.npz.MAX_UNPACKED", 2**20)
    fails(tmp_path / "bomb.npz", "unpacks to 1 MB", "times its size")
    np.savez(tmp_path / "plain.npz", **arrays)  # as large, and not packed
    with pytest.raises(DataError, match="all parts must be alike"):
        data.open(tmp_path / "plain.npz")


def test_a_member_that_is_no_array(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **{k: v for k, v in contents().items() if k != "train_images"})
    with zipfile.ZipFile(tmp_path / "a.npz", "a") as archive:
        archive.writestr("train_images.npy", b"something else")
    fails(tmp_path / "a.npz", "train_images is no array")
