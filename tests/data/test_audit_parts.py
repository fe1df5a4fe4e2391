"""What the audit is made of: hash, all pairs, picture; and what it finds in real data."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from PIL import Image

import nanocnn as nc
from nanocnn.data import ImageDataset, phantoms
from nanocnn.data.audit import duplicates
from nanocnn.data.audit.fingerprint import digest, perceptual_hash, thumbnail

RNG = np.random.default_rng(0)


def coarse(n: int, rng: np.random.Generator = RNG) -> Any:
    """Return n different thumbnails with soft shapes."""
    return np.stack([
        np.asarray(Image.fromarray(rng.integers(0, 256, (6, 6), np.uint8)).resize((32, 32)))
        for _ in range(n)
    ])  # fmt: skip


def test_the_hash_is_made_of_the_cosine_transform() -> None:
    pictures = coarse(20)
    i, j = np.indices((32, 32))
    c = np.empty((20, 8, 8))
    for u, v in np.ndindex(8, 8):
        wave = np.cos(np.pi * (u + 1) * (2 * i + 1) / 64) * np.cos(
            np.pi * (v + 1) * (2 * j + 1) / 64
        )
        c[:, u, v] = (pictures * wave).sum(axis=(1, 2))
    expected = (c > np.median(c, axis=(1, 2), keepdims=True)).reshape(20, 64)
    np.testing.assert_array_equal(perceptual_hash(pictures), expected)
    assert (expected.sum(axis=1) == 32).all()


def test_hash_and_digest() -> None:
    image = RNG.random((50, 40, 3)).astype(np.float32)
    assert thumbnail(image).shape == (32, 32)
    assert (thumbnail(image).min(), thumbnail(image).max()) == (0, 255)
    np.testing.assert_array_equal(thumbnail(image * 0.5 + 0.2), thumbnail(image))
    assert digest(image) == digest(image.copy())
    other = image.copy()
    other[17, 5, 1] = np.nextafter(other[17, 5, 1], 1)
    assert digest(image) != digest(other)
    assert digest(image) != digest(image.reshape(40, 50, 3))


@given(seed=st.integers(0, 2**32), block=st.integers(1, 40))
@settings(max_examples=30, deadline=None)
def test_all_pairs_are_compared_whatever_the_blocks(seed: int, block: int) -> None:
    rng = np.random.default_rng(seed)
    pictures = coarse(12, rng)
    for _ in range(10):  # chains of copies, each with more noise
        noisy = pictures[rng.integers(len(pictures))] + rng.normal(0, 8, (32, 32))
        pictures = np.concatenate([pictures, np.clip(noisy, 0, 255).astype(np.uint8)[None]])
    group = rng.integers(0, 3, len(pictures))
    bits = perceptual_hash(pictures)
    flat = pictures.reshape(len(pictures), -1).astype(float)
    r = np.corrcoef(flat)
    usual = np.median([r[i, i - len(r) // 2] for i in range(len(r))])
    least = max(0.99, 1 - (1 - usual) / 10)
    near = {
        (i, j)
        for i, j in itertools.combinations(range(len(pictures)), 2)
        if (bits[i] != bits[j]).sum() <= 10 and r[i, j] >= least
    }
    kept = {(i, j) for i, j in near if group[i] != group[j]}
    old, duplicates._BLOCK = duplicates._BLOCK, block
    try:
        pairs, expected, complete = duplicates.near_copies(
            pictures, lambda i, j: group[i] == group[j]
        )
    finally:
        duplicates._BLOCK = old
    assert set(zip(pairs.i.tolist(), pairs.j.tolist(), strict=True)) == kept
    assert expected == len(near) - len(kept)
    assert complete
    assert (np.diff(pairs.correlation) <= 0).all()
    for i, j, distance, correlation in zip(*pairs, strict=True):
        assert distance == (bits[i] != bits[j]).sum()
        assert correlation == pytest.approx(r[i, j], abs=1e-5)


def test_the_search_ends_where_nobody_would_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "MAX_PAIRS", 50)
    monkeypatch.setattr(duplicates, "_BLOCK", 4)
    one = coarse(1)[0].astype(int)
    alike = np.stack([np.clip(one + RNG.integers(0, 3, one.shape), 0, 255) for _ in range(15)])
    pairs, _, complete = duplicates.near_copies(
        alike.astype(np.uint8), lambda i, j: np.zeros(len(i), bool)
    )
    assert len(pairs.i) == 50
    assert not complete


def test_images_with_few_details_are_not_compared() -> None:
    pixels = np.zeros((6, 64, 64), np.uint8)
    for k in range(6):
        pixels[k, 30:34, 30:34] = 200 + k
    report = ImageDataset(pixels, [0, 1] * 3).audit(verbose=False)
    assert report.n_not_compared == 6
    assert len(report.near) == 0
    assert "6 images with few details not compared" in str(report)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Collect the figures that are written."""
    figures: list[Figure] = []
    save = Figure.savefig

    def keep(self: Figure, *args: Any, **options: Any) -> None:
        figures.append(self)
        save(self, *args, **options)

    monkeypatch.setattr(Figure, "savefig", keep)
    return figures


def texts(figure: Figure) -> str:
    from matplotlib.text import Text

    return "\n".join(t.get_text() for t in figure.findobj(Text))


def test_the_picture(tmp_path: Path, drawn: list[Figure]) -> None:
    pixels = np.round(phantoms.lung_ct(30, seed=1, size=64).images * 255).astype(np.uint8)
    pixels[20], pixels[25] = pixels[3], np.round(pixels[5] * 0.9)
    dataset = ImageDataset(
        pixels, [0, 1] * 15, classes=["benign", "mali$gnant"], split=["train"] * 15 + ["test"] * 15
    )
    dataset.audit(verbose=False).figure(tmp_path / "audit.png")
    with Image.open(tmp_path / "audit.png") as image:
        assert image.format == "PNG"
        assert min(image.size) > 600
        assert image.getpixel((2, 2))[:3] == (255, 255, 255)
    text = texts(drawn[0])
    for expected in ("Audit of 30 images", "image 3", "image 20", "near duplicates", "train, ",
                     "mean intensity of an image", "benign", r"mali\$gnant"):  # fmt: skip
        assert expected in text


@pytest.mark.parametrize("n_classes", [1, 2, 12])
def test_pictures_of_unusual_data(n_classes: int, tmp_path: Path, drawn: list[Figure]) -> None:
    for i in range(24):
        shape = (20 + i, 30) if n_classes > 1 else (20, 30, 3)
        Image.fromarray(RNG.integers(0, 256, shape, np.uint8)).save(tmp_path / f"{i}.png")
    files = [tmp_path / f"{i}.png" for i in range(24)]
    report = ImageDataset(files, np.arange(24) % n_classes, root=tmp_path).audit(verbose=False)
    report.figure(tmp_path / "audit.png")
    sizes = "width in pixels" in texts(drawn[0])
    assert sizes == (n_classes > 1)
    for path in files:
        path.unlink()
    gone = ImageDataset(files, np.arange(24) % n_classes, root=tmp_path).audit(verbose=False)
    gone.figure(tmp_path / "gone.png")
    assert (tmp_path / "gone.png").stat().st_size > 5000


needs_data = pytest.mark.skipif("NANOCNN_DATA" not in os.environ, reason="needs NANOCNN_DATA")


@pytest.mark.data
@needs_data
def test_the_official_split_of_pneumoniamnist_has_equal_images_in_two_parts() -> None:
    path = Path(os.environ["NANOCNN_DATA"]) / "pneumoniamnist_28.npz"
    report = nc.data.open(path).audit(verbose=False)
    told = report.to_json()
    assert told["exact_duplicates"]["pairs"] == 29
    assert told["exact_duplicates"]["across_parts"] == 8
    assert told["near_duplicates"]["pairs"] == 0
    for pair in told["exact_duplicates"]["listed"]:
        i, j = pair["images"]
        np.testing.assert_array_equal(report.dataset[i][0], report.dataset[j][0])
    leaks = nc.data.check_leaks(report.dataset.part("train"), report.dataset.part("val"))
    assert len(leaks.images) == 8


@pytest.mark.data
@needs_data
def test_retinal_photographs_of_different_eyes_raise_no_alarm() -> None:
    with np.load(Path(os.environ["NANOCNN_DATA"]) / "chasedb1_480.npz") as file:
        split = np.array(["train", "val", "test"])[file["split"]]
        dataset = ImageDataset(
            file["images"],
            np.zeros(28, int),
            split=split,
            groups=file["patient"].astype(str),
            masks=np.unpackbits(file["vessels"], axis=-1),
        )
    assert dataset.audit(verbose=False).problems == []
