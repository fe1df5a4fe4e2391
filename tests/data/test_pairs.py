"""Images with masks: layouts, pairs that do not fit, and the masks' numbers."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from PIL import Image

import nanocnn.data as data
from nanocnn.data import DataError, ImageDataset
from nanocnn.data.masks import MaskFile
from tests.data.niftis import shown

RNG = np.random.default_rng(0)


def put(path: Path, values: np.ndarray, mode: str | None = None, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(values)
    (image if mode is None else image.convert(mode)).save(path, **options)
    return path


def pair(root: Path, stem: str, shape: tuple[int, int] = (5, 4)) -> tuple[np.ndarray, np.ndarray]:
    image = RNG.integers(0, 256, (*shape, 3), dtype=np.uint8)
    mask = RNG.integers(0, 4, shape, dtype=np.uint8)
    put(root / "images" / f"{stem}.png", image)
    put(root / "masks" / f"{stem}.tif", mask)
    return image, mask


def fails(root: Path, *parts: str) -> None:
    with pytest.raises(DataError) as caught:
        data.open(root).arrays()
    text = str(caught.value)
    assert "\n" not in text
    assert str(root) not in text
    for part in parts:
        assert part in text, text


def test_images_and_masks(tmp_path: Path) -> None:
    made = {stem: pair(tmp_path, stem) for stem in ("b", "a", "deep/c")}
    dataset = data.open(tmp_path)
    assert dataset.has_masks
    assert repr(dataset) == "ImageDataset(3 images, classes: unlabelled (3); with masks)"
    x, y = dataset.arrays()
    assert x.shape == (3, 5, 4, 3)
    assert y.dtype == np.uint8
    for i, stem in enumerate(("a", "b", "deep/c")):
        image, mask = dataset[i]
        np.testing.assert_array_equal(image, made[stem][0] / np.float32(255))
        np.testing.assert_array_equal(mask, made[stem][1])
        np.testing.assert_array_equal(x[i], image)
        np.testing.assert_array_equal(y[i], mask)
    again = pickle.loads(pickle.dumps(dataset.subset([2, 0])))
    np.testing.assert_array_equal(again[0][1], made["deep/c"][1])
    np.testing.assert_array_equal(again.arrays()[1][1], made["a"][1])


def test_resizing_keeps_class_numbers(tmp_path: Path) -> None:
    _, mask = pair(tmp_path, "a", (8, 6))
    dataset = data.open(tmp_path, size=(16, 12), channels=1)
    x, y = dataset[0]
    assert x.shape == (16, 12, 1)
    np.testing.assert_array_equal(y, mask.repeat(2, 0).repeat(2, 1))
    small = data.open(tmp_path, size=4)[0][1]
    assert set(np.unique(small)) <= set(np.unique(mask))


def test_parts(tmp_path: Path) -> None:
    for part in ("test", "Train"):
        pair(tmp_path / part, "a")
    pair(tmp_path / "Train", "b")
    dataset = data.open(tmp_path)
    assert dataset.split is not None
    assert dataset.split.tolist() == ["train", "train", "test"]
    assert len(dataset.part("test").arrays()[1]) == 1


def test_decathlon_layout(tmp_path: Path) -> None:
    """An image of two channels in the fourth dimension, and masks stored the other way round."""
    volumes, labels = [], []
    for k in range(2):
        volume = RNG.integers(0, 99, (4, 5, 3, 2)).astype(np.int16)
        label = RNG.integers(0, 3, (4, 5, 3)).astype(np.uint8)
        for folder in ("imagesTr", "labelsTr", "imagesTs"):
            (tmp_path / folder).mkdir(exist_ok=True)
        nibabel.save(
            nibabel.Nifti1Image(volume, np.eye(4)), tmp_path / "imagesTr" / f"v_{k}.nii.gz"
        )
        flip = np.diag([-1, 1, 1, 1])
        nibabel.save(
            nibabel.Nifti1Image(label[::-1], flip), tmp_path / "labelsTr" / f"v_{k}.nii.gz"
        )
        volumes.append(volume)
        labels.append(label)
    (tmp_path / "imagesTr" / "._v_0.nii.gz").write_bytes(b"junk")
    (tmp_path / "dataset.json").write_text("{}")
    with pytest.warns(UserWarning, match=r"2 entries .* dataset.json, imagesTs/"):
        dataset = data.open(tmp_path, window=(50, 100))
    assert len(dataset) == 2 * 3 * 2
    for i, (image, mask) in enumerate(dataset):
        k, t, z = i // 6, i // 3 % 2, i % 3
        np.testing.assert_allclose(image[:, :, 0], shown(volumes[k][:, :, z, t]) / 100, atol=1e-6)
        np.testing.assert_array_equal(mask, shown(labels[k][:, :, z]))
    assert dataset.groups is not None
    assert dataset.groups.tolist() == ["imagesTr/v_0"] * 6 + ["imagesTr/v_1"] * 6


def test_pairs_that_do_not_fit(tmp_path: Path) -> None:
    pair(tmp_path / "x", "a")
    put(tmp_path / "x" / "images" / "lonely.png", np.zeros((2, 2), np.uint8))
    fails(tmp_path / "x", "2 images in 'images' and 1 masks in 'masks'", "lonely", "same name")
    pair(tmp_path / "y", "a")
    put(tmp_path / "y" / "images" / "a.jpg", np.zeros((2, 2), np.uint8))
    fails(tmp_path / "y", "'images/a.jpg' and 'images/a.png' have the same name")
    pair(tmp_path / "z", "a")
    put(tmp_path / "z" / "masks" / "a.tif", np.zeros((2, 2), np.uint8))
    fails(tmp_path / "z", "images/a.png is 5x4 but its mask masks/a.tif is 2x2")
    for folder in ("images", "masks"):
        (tmp_path / "empty" / folder).mkdir(parents=True)
    fails(tmp_path / "empty", "0 images in 'images'")
    pair(tmp_path / "w", "a")
    (tmp_path / "w" / "masks" / "a.tif").unlink()
    volume = nibabel.Nifti1Image(np.zeros((4, 5, 2), np.uint8), np.eye(4))
    nibabel.save(volume, tmp_path / "w" / "masks" / "a.nii")
    fails(tmp_path / "w", "mask 'masks/a.nii' cannot belong to an image file of another kind")


def test_a_mask_volume_of_another_depth(tmp_path: Path) -> None:
    for folder, depth in (("imagesTr", 3), ("labelsTr", 2)):
        (tmp_path / folder).mkdir()
        volume = nibabel.Nifti1Image(np.zeros((4, 5, depth), np.uint8), np.eye(4))
        nibabel.save(volume, tmp_path / folder / "a.nii")
    fails(tmp_path, "mask 'labelsTr/a.nii' has 2 slices for an image of 3")
    (tmp_path / "labelsTr" / "a.nii").write_bytes(b"damaged")
    fails(tmp_path, "'labelsTr/a.nii, slice 0 of axis 2'", "is no NIfTI file, damaged or cut short")


def mask_of(values: np.ndarray, name: str, folder: Path, **options: Any) -> np.ndarray:
    return MaskFile(put(folder / name, values, **options)).read(name)


def test_numbers_of_masks(tmp_path: Path) -> None:
    values = RNG.integers(0, 7, (5, 4), dtype=np.uint8)
    for name in ("a.png", "a.tif", "a.bmp", "a.pgm"):
        np.testing.assert_array_equal(mask_of(values, name, tmp_path), values)
    np.testing.assert_array_equal(mask_of(values.astype(np.uint16), "b.png", tmp_path), values)
    grey = np.repeat(values[..., None], 3, axis=2)
    np.testing.assert_array_equal(mask_of(grey, "c.png", tmp_path), values)
    palette = Image.fromarray(values, "L").convert("P")
    palette = Image.new("P", (4, 5))
    palette.putdata(values.ravel().tolist())
    palette.putpalette([*range(0, 255, 12), *[0] * 30])
    palette.save(tmp_path / "d.png")
    np.testing.assert_array_equal(MaskFile(tmp_path / "d.png").read("d.png"), values)
    one = mask_of(values > 3, "e.png", tmp_path)
    np.testing.assert_array_equal(one, values > 3)
    assert one.dtype == np.uint8
    black_and_white = mask_of((values > 3) * np.uint8(255), "f.png", tmp_path)
    np.testing.assert_array_equal(black_and_white, values > 3)
    ignored = np.array([[0, 1, 255]], np.uint8)  # 255 beside others is a number as any
    np.testing.assert_array_equal(mask_of(ignored, "g.png", tmp_path), ignored)


def test_masks_that_are_refused(tmp_path: Path) -> None:
    colour = RNG.integers(0, 256, (5, 4, 3), dtype=np.uint8)
    for values, name, says in (
        (colour, "a.png", "one channel of class numbers"),
        (np.full((2, 2), 300, np.uint16), "b.png", "from 0 to 255"),
        (np.zeros((2, 2), np.float32), "c.tif", "one channel of class numbers"),
        (np.zeros((2, 2), np.uint8), "d.jpg", "needed is one of PNG, TIFF"),
    ):
        with pytest.raises(DataError, match=says) as caught:
            mask_of(values, name, tmp_path)
        assert name in str(caught.value)


def test_masks_in_memory() -> None:
    images = RNG.integers(0, 256, (3, 4, 5), dtype=np.uint8)
    masks = RNG.integers(0, 3, (3, 4, 5))
    dataset = ImageDataset(images, [0, 1, 0], masks=masks, groups=["p", "q", "p"])
    assert dataset[1][1].dtype == np.uint8  # type: ignore[union-attr]
    np.testing.assert_array_equal(dataset.subset([2, 1]).arrays()[1], masks[[2, 1]])
    assert dataset.subset([2, 1]).groups.tolist() == ["p", "q"]  # type: ignore[union-attr]
    assert dataset.subset([2, 1]).labels.tolist() == [0, 1]
    dataset[0][1][:] = 9  # type: ignore[index]
    np.testing.assert_array_equal(dataset[0][1], masks[0])
    for bad, says in (
        (masks[:2], "2 masks given for 3 images"),
        (masks[..., None], "needed are .N, H, W. integers"),
        (masks / 2, "needed are .N, H, W. integers"),
        (masks - 1, "must lie in 0..255"),
        (masks + 255, "must lie in 0..255"),
    ):
        with pytest.raises(DataError, match=says):
            ImageDataset(images, [0, 1, 0], masks=bad)
    with pytest.raises(DataError, match=r"groups has shape \(1,\)"):
        ImageDataset(images, [0, 1, 0], groups=["a"])
    with pytest.raises(DataError, match=r"spacing has shape \(3,\)"):
        ImageDataset(images, [0, 1, 0], spacing=[1, 1, 1])
    with pytest.raises(DataError, match="image 0 is 4x5 but its mask mask 0 is 4x4"):
        ImageDataset(images, [0, 1, 0], masks=masks[:, :, :4])[0]


def test_an_image_larger_than_the_memory_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair(tmp_path, "a")

    def fill(*args: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr("nanocnn.data.dataset.convert_image", fill)
    fails(tmp_path, "'images/a.png' is larger than the memory")
