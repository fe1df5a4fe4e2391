"""The gallery: a row for each ingredient, its extremes as they are, outlines that move along."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nanocnn.data import Augment, DataError
from nanocnn.data.augmentation.gallery import ORDER, SAMPLES

from .policies import LARGEST, at, images

EVERYTHING = Augment(
    rotate=10, flip="both", zoom=0.1, shift=0.1, shear=5, elastic=0.03, brightness=0.1,
    contrast=0.2, gamma=0.3, noise=0.05, blur=1, cutout=0.25, seed=3,
)  # fmt: skip


def panels(figure: Any) -> list[tuple[str, np.ndarray, int]]:
    """Return title, picture and number of outlines of all panels."""
    return [
        (ax.get_title(), np.asarray(ax.images[0].get_array()), len(ax.collections))
        for ax in figure.axes
    ]


def test_a_row_for_each_ingredient() -> None:
    found = panels(EVERYTHING.gallery(images(1, 20, 24)[0]))
    left, right = found[: 3 * 12], found[3 * 12 :]
    assert len(right) == SAMPLES * 12
    titles = [title for title, _, _ in left]
    assert titles[::3] == [
        "flip horizontal", "zoom × 0.9", "shear −5°", "rotate −10°", "shift −0.1", "elastic 0.03",
        "unchanged", "contrast × 0.8", "brightness −0.1", "gamma 0.769", "unchanged",
        "cutout 0.25",
    ]  # fmt: skip
    assert titles[2::3] == [
        "flip vertical", "zoom × 1.1", "shear +5°", "rotate +10°", "shift +0.1", "elastic 0.03",
        "blur 1 pixels", "contrast × 1.2", "brightness +0.1", "gamma 1.3", "noise 0.05",
        "cutout 0.25",
    ]  # fmt: skip
    assert [title for title, _, _ in right] == [f"epoch {k}" for k in range(36)]
    assert {*ORDER} == {*LARGEST, "flip"}


def test_panels_show_what_they_say() -> None:
    image = images(1, 20, 24)[0]
    found = {title: shown for title, shown, _ in panels(EVERYTHING.gallery(image))}
    np.testing.assert_array_equal(found["unchanged"], image)
    np.testing.assert_array_equal(found["flip horizontal"], image[:, ::-1])
    np.testing.assert_array_equal(found["flip vertical"], image[::-1])
    np.testing.assert_allclose(found["brightness +0.1"], np.clip(image + 0.1, 0, 1), atol=1e-6)
    turned = at(Augment(rotate=10), image[None], rotate=1.0)[0]
    np.testing.assert_array_equal(found["rotate +10°"], turned)
    sample = EVERYTHING(image[None], epoch=4, indices=[0])[0]
    np.testing.assert_array_equal(found["epoch 4"], sample)


def test_the_two_elastic_ones_are_opposite() -> None:
    ramp = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (64, 1))[..., None]
    first, middle, second = (
        shown for _, shown, _ in panels(Augment(elastic=0.03).gallery(ramp))[:3]
    )
    inner = slice(8, -8)
    there, back = ((shown - middle)[inner, inner] for shown in (first, second))
    assert np.abs(there).max() > 0.005
    np.testing.assert_allclose(there, -back, rtol=0, atol=1e-5)


@pytest.mark.parametrize("value", ["horizontal", "vertical"])
def test_one_kind_of_flip_alone(value: Any) -> None:
    titles = [title for title, _, _ in panels(Augment(flip=value).gallery(images(1)[0]))]
    assert titles[:3] == [f"flip {value}", "unchanged", f"flip {value}"]


def test_outlines_of_each_class_and_none_without_a_mask() -> None:
    image, mask = images(1, 20, 24)[0], np.zeros((20, 24), np.uint8)
    policy = Augment(shift=0.2)
    assert [n for _, _, n in panels(policy.gallery(image, mask))] == [0] * 6
    mask[4:8, :9], mask[12:15, 10:15] = 1, 3
    shown = panels(policy.gallery(image, mask))
    assert [n for _, _, n in shown][1] == 2
    figure = policy.gallery(image, mask > 0)
    middle = figure.axes[1].collections[0].get_paths()[0].vertices
    moved = figure.axes[2].collections[0].get_paths()[0].vertices
    assert middle.min() == pytest.approx(-0.5)
    assert moved[:, 0].max() - middle[:, 0].max() == pytest.approx(0.2 * 24, abs=0.5)
    assert moved[:, 1].max() - middle[:, 1].max() == pytest.approx(0.2 * 20, abs=0.5)


def test_a_policy_without_ingredients_and_a_grey_image_without_a_channel_axis() -> None:
    found = panels(Augment().gallery(images(1, 9, 7, 1)[0, :, :, 0]))
    assert [title for title, _, _ in found] == ["epoch 0", "epoch 1", "epoch 2"]


@pytest.mark.parametrize(
    ("image", "mask", "part"),
    [
        (images(1, c=2)[0], None, "needed are 1 or 3 channels"),
        (images(1), None, "images are (1, 1, 9, 7, 3)"),
        (images(1)[0].astype(float), None, "float64"),
        (images(1)[0], np.zeros((3, 3), np.uint8), "masks are (1, 3, 3)"),
    ],
)
def test_mistakes(image: Any, mask: Any, part: str) -> None:
    with pytest.raises(DataError) as raised:
        Augment(rotate=3).gallery(image, mask)
    assert part in str(raised.value)
    assert "\n" not in str(raised.value)


def test_it_is_a_picture_on_white(tmp_path: Path) -> None:
    EVERYTHING.gallery(images(1, 20, 24)[0]).savefig(tmp_path / "policy.png")
    with Image.open(tmp_path / "policy.png") as picture:
        pixels = np.asarray(picture.convert("RGB"))
    assert (pixels[0] == 255).all()
    assert 0.05 < (pixels == 255).all(axis=2).mean() < 0.5


def test_matplotlib_is_loaded_for_the_gallery_only() -> None:
    code = (
        "import sys, nanocnn as nc; nc.data.Augment(rotate=3); "
        "print({'matplotlib', 'numba', 'pydicom'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.stdout.strip() == "set()"
