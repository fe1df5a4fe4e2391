"""The gallery of a preparation: each step's image with its mask, and its histogram beneath."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nanocnn.data import DataError
from nanocnn.data.transforms import Compose, CropOrPad, Denoise, IntensityWindow, Resize, ZScore

from .policies import images, masks

CHAIN = Compose(
    [Resize(size=(12, 16)), Denoise(method="gaussian", strength=1), ZScore(per_image=True)]
)


def test_a_panel_for_each_step() -> None:
    x, z = images(1, 24, 20)[0], np.zeros((24, 20), np.uint8)
    z[4:12, 5:15] = 1
    figure = CHAIN.gallery(x, z)
    above, beneath = figure.axes[:4], figure.axes[4:]
    assert [ax.get_title() for ax in above] == [
        "given\n24×20", "Resize\nsize 12 16", "Denoise\nmethod gaussian, strength 1",
        "ZScore\nper_image True",
    ]  # fmt: skip
    small, moved = CHAIN.steps[0](x, z)
    np.testing.assert_array_equal(above[0].images[0].get_array(), x)
    np.testing.assert_array_equal(above[1].images[0].get_array(), small)
    outlines = [ax.collections[0].get_paths()[0].vertices for ax in above]
    assert [len(ax.collections) for ax in above] == [1] * 4
    for axis, size in ((1, 0), (0, 1)):
        height = np.ptp(outlines[1][:, axis])
        assert height == pytest.approx(np.ptp(np.flatnonzero(moved.any(axis=1 - size))) + 1)
    last = np.asarray(above[3].images[0].get_array())
    scored = CHAIN(x)
    np.testing.assert_allclose(
        last, (scored - scored.min()) / np.ptp(scored), rtol=0, atol=1e-6
    )  # what leaves [0, 1] is brought to it
    ends = [[label.get_text() for label in ax.get_xticklabels()] for ax in beneath]
    assert ends[:3] == [["0", "1"]] * 3
    assert ends[3] == [f"{scored.min():.3g}", f"{scored.max():.3g}"]


def test_histograms_count_the_pixels() -> None:
    x = np.array([[0.1, 0.1], [0.1, 0.9]], np.float32)
    ax = IntensityWindow().gallery(x).axes[2]
    values = ax.patches[0].get_data().values - 0.5
    edges = ax.patches[0].get_data().edges
    assert values.sum() == 4
    assert values[np.searchsorted(edges, 0.1) - 1] == 3
    assert values[np.searchsorted(edges, 0.9) - 1] == 1


def test_many_steps_go_on_in_the_next_row() -> None:
    chain = Compose([CropOrPad(size=9 + k) for k in range(5)])
    figure = chain.gallery(images(1)[0], masks(1)[0])
    assert len(figure.axes) == 2 * 2 * 5
    assert [ax.get_title().split("\n")[0] for ax in figure.axes if ax.images] == [
        "given", *["CropOrPad"] * 5
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("image", "mask", "part"),
    [
        (images(1, c=2)[0], None, "needed is one, with 1 or 3 channels"),
        (images(1), None, "the image is (1, 9, 7, 3)"),
        (images(1)[0].astype(float), None, "float64"),
        (images(1)[0], np.zeros((3, 3), np.uint8), "masks are (3, 3)"),
    ],
)
def test_mistakes(image: Any, mask: Any, part: str) -> None:
    with pytest.raises(DataError) as raised:
        CHAIN.gallery(image, mask)
    assert part in str(raised.value)
    with pytest.raises(DataError, match="ZScore is not fitted"):
        ZScore().gallery(images(1)[0])


def test_it_is_a_picture_on_white(tmp_path: Path) -> None:
    CHAIN.gallery(images(1, 20, 24)[0]).savefig(tmp_path / "preparation.png")
    with Image.open(tmp_path / "preparation.png") as picture:
        pixels = np.asarray(picture.convert("RGB"))
    assert (pixels[0] == 255).all()
    assert 0.2 < (pixels == 255).all(axis=2).mean() < 0.7


def test_a_constant_image_has_a_histogram_too() -> None:
    figure = ZScore(mean=(0.0,), std=(0.1,)).gallery(np.full((5, 5), 0.7, np.float32))
    assert [label.get_text() for label in figure.axes[3].get_xticklabels()] == ["7", "8"]
