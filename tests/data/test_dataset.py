"""`ImageDataset` over arrays: indexing, parts, and input that it refuses."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanocnn.data import DataError, ImageDataset

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (6, 4, 5), dtype=np.uint8)
LABELS = [0, 1, 2, 0, 1, 2]


def test_items_arrays_and_iteration_agree() -> None:
    dataset = ImageDataset(IMAGES, LABELS)
    x, y = dataset.arrays()
    np.testing.assert_array_equal(x[..., 0], IMAGES / np.float32(255))
    assert y.tolist() == LABELS
    assert len(dataset) == 6
    for i, (image, label) in enumerate(dataset):
        np.testing.assert_array_equal(image, x[i])
        assert (type(label), label) == (int, LABELS[i])
    np.testing.assert_array_equal(dataset[-1][0], x[5])
    np.testing.assert_array_equal(dataset[np.int64(2)][0], x[2])
    for bad in (6, -7):
        with pytest.raises(IndexError):
            dataset[bad]
    with pytest.raises(TypeError):
        dataset["0"]  # type: ignore[call-overload]
    assert dataset.classes == ("0", "1", "2")
    assert dataset.paths is None


def test_what_is_returned_can_be_changed_without_changing_the_data_set() -> None:
    for images in (IMAGES.copy(), IMAGES[..., None].astype(np.float32) / 255):
        dataset = ImageDataset(images, LABELS)
        before = images.copy()
        dataset[0][0][:] = 0.5
        x, y = dataset.arrays()
        x[:], y[:] = 0.25, 1
        np.testing.assert_array_equal(images, before)
        assert dataset.labels.tolist() == LABELS


@pytest.mark.parametrize(
    ("dtype", "full"), [(np.uint8, 255), (np.uint16, 65535), (bool, 1), (np.float64, 1)]
)
def test_types_are_scaled_by_their_full_range(dtype: Any, full: int) -> None:
    images = np.array([0, full]).astype(dtype).reshape(2, 1, 1)
    x, _ = ImageDataset(images, [0, 1]).arrays()
    assert x.ravel().tolist() == [0.0, 1.0]


def test_size_and_channels() -> None:
    x, _ = ImageDataset(IMAGES, LABELS, size=(8, 10), channels=3).arrays()
    assert x.shape == (6, 8, 10, 3)
    assert x.min() >= 0
    assert x.max() <= 1


@given(indices=st.lists(st.integers(-6, 5)), more=st.data())
@settings(max_examples=25, deadline=None)
def test_subset_of_a_subset(indices: list[int], more: st.DataObject) -> None:
    dataset = ImageDataset(IMAGES, LABELS, split=["train"] * 4 + ["test"] * 2)
    first = dataset.subset(indices)
    assert first.labels.tolist() == [LABELS[i] for i in indices]
    again = more.draw(st.lists(st.integers(0, len(indices) - 1))) if indices else []
    second = first.subset(again)
    assert len(second) == len(again)
    for k, i in enumerate(again):
        np.testing.assert_array_equal(second[k][0], dataset[indices[i]][0])
        assert dataset.split is not None
        assert second.split is not None
        assert second.split[k] == dataset.split[indices[i]]


def test_slice_mask_and_parts() -> None:
    dataset = ImageDataset(IMAGES, LABELS, split=["train"] * 3 + ["val"] + ["test"] * 2)
    assert dataset[1:5:2].labels.tolist() == [1, 0]
    assert dataset.subset(dataset.labels == 2).labels.tolist() == [2, 2]
    assert dataset.parts == ("train", "val", "test")
    assert dataset.part("val").labels.tolist() == [0]
    np.testing.assert_array_equal(dataset.part("test")[1][0], dataset[5][0])
    assert dataset.part("test").classes == ("0", "1", "2")
    assert repr(dataset) == (
        "ImageDataset(6 images, classes: 0 (2), 1 (2), 2 (2); parts: train (3), val (1), test (2))"
    )


def test_pickles() -> None:
    dataset = pickle.loads(pickle.dumps(ImageDataset(IMAGES, LABELS).subset([3, 1])))
    assert dataset.labels.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("images", "labels", "options", "says"),
    [
        (IMAGES, [0, 1], {}, "labels has shape (2,)"),
        (IMAGES, np.eye(6), {}, "labels has shape (6, 6)"),
        (IMAGES, [0.0] * 6, {}, "labels has the type float64"),
        (IMAGES, ["a"] * 6, {}, "labels has the type <U1"),
        (IMAGES, [0, 1, 2, 0, 1, -1], {}, "labels go from -1 to 2; with 3 classes"),
        (IMAGES, LABELS, {"classes": ["a", "b"]}, "with 2 classes they must lie in 0..1"),
        (IMAGES[0], [0] * 4, {}, "images has shape (4, 5)"),
        (np.zeros((2, 4, 4, 4), np.uint8), [0, 1], {}, "C = 1 or 3"),
        (np.zeros((2, 0, 4), np.uint8), [0, 1], {}, "images has shape (2, 0, 4)"),
        (np.zeros((2, 4, 4), np.int64), [0, 1], {}, "images has the type int64"),
        (np.zeros((2, 4, 4), complex), [0, 1], {}, "images has the type complex128"),
        (np.full((2, 4, 4), np.nan), [0, 1], {}, "images has 32 NaN pixels"),
        (np.full((2, 4, 4), 255.0), [0, 1], {}, "from 255 to 255; floats must lie in [0, 1]"),
        (np.full((2, 4, 4), np.inf), [0, 1], {}, "from inf to inf"),
        (IMAGES, LABELS, {"split": ["train"]}, "split has shape (1,)"),
    ],
)
def test_refused(images: Any, labels: Any, options: dict[str, Any], says: str) -> None:
    with pytest.raises(DataError) as caught:
        ImageDataset(images, labels, **options)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("indices", [[6], [-7], [[0, 1]], [True, False], [0.5], 3])
def test_refused_indices(indices: Any) -> None:
    with pytest.raises(DataError, match="indices"):
        ImageDataset(IMAGES, LABELS).subset(indices)


def test_unknown_part_and_empty() -> None:
    with pytest.raises(DataError, match=r"no part 'val': it is not split; use .*stratified_split"):
        ImageDataset(IMAGES, LABELS).part("val")
    halves = ImageDataset(IMAGES, LABELS, split=["train"] * 3 + ["test"] * 3)
    with pytest.raises(DataError, match="no part 'val': its parts are train, test"):
        halves.part("val")
    with pytest.raises(DataError, match="the data set is empty"):
        halves.subset([]).arrays()
