"""Contours lie where the masks end; galleries and scores show the cases that they name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure

from nanocnn.evaluation import (
    plot_contours,
    plot_segmentation_cases,
    plot_segmentation_scores,
    segmentation_report,
)
from nanocnn.evaluation.case_plots import choose_cases
from nanocnn.evaluation.contours import PAIRS, class_colours
from tests.evaluation.figures import check_png, texts

RNG = np.random.default_rng(0)
IMAGES = RNG.random((6, 12, 10), dtype=np.float32)


def squares(size: int = 4) -> np.ndarray:
    masks = np.zeros((6, 12, 10), int)
    masks[:, 2 : 2 + size, 3:7] = 1
    return masks


def contours(ax: Any) -> list[ContourSet]:
    return [c for c in ax.collections if isinstance(c, ContourSet)]


def test_contours_lie_between_the_pixels(tmp_path: Path, drawn: list[Figure]) -> None:
    t, p = squares()[0], np.zeros((12, 10), int)
    p[2:6, 4:10] = 1  # to the image's edge
    plot_contours(IMAGES[0], t, p, tmp_path / "c.png", note="synthetic images")
    check_png(tmp_path / "c.png")
    true, predicted = contours(drawn[0].axes[0])
    np.testing.assert_array_equal(true.get_paths()[0].get_extents().bounds, (2.5, 1.5, 4, 4))
    np.testing.assert_array_equal(predicted.get_paths()[0].get_extents().bounds, (3.5, 1.5, 6, 4))
    assert drawn[0].axes[0].get_xlim() == (-0.5, 9.5)
    said = texts(drawn[0])
    assert "class 1, true" in said
    assert "class 1, predicted\nDice 0.600" in said  # 2 * 12 of 16 + 24 pixels
    assert "synthetic images" in said


def test_contours_of_several_classes(tmp_path: Path, drawn: list[Figure]) -> None:
    t = np.zeros((12, 10), int)
    t[:4], t[6:8] = 1, 2
    scores = np.eye(3)[np.where(t == 1, 1, 0)]
    names = ["background", "oedema", "cost in $"]
    plot_contours(IMAGES[0, ..., None], t, scores, tmp_path / "c.png", class_names=names)
    drawn_colours = [c.get_edgecolor()[0].tolist() for c in contours(drawn[0].axes[0])]
    assert len(drawn_colours) == 3
    assert drawn_colours[0] != drawn_colours[1]  # true and predicted
    said = texts(drawn[0])
    assert "oedema, predicted\nDice 1.000" in said
    assert r"cost in \$, predicted: none" in said
    colour = np.stack([IMAGES[0]] * 3, axis=-1)
    plot_contours(colour, np.zeros_like(t), np.zeros_like(t), tmp_path / "c.png")
    assert not contours(drawn[1].axes[0])
    assert "neither mask holds anything" in texts(drawn[1])


def test_colours() -> None:
    assert class_colours(2) == PAIRS
    assert len({*PAIRS[0], *PAIRS[1]}) == 4
    assert len(set(class_colours(7))) == 7
    with pytest.raises(ValueError, match="draw 7 or fewer at once"):
        class_colours(8)


@pytest.mark.parametrize("image", [IMAGES[0, 1:], IMAGES[:2], (IMAGES[0] * 255).astype(np.uint8)])
def test_contours_of_an_unfit_image(image: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"needed are floats in \[0, 1\]"):
        plot_contours(image, squares()[0], squares()[0], tmp_path / "c.png")


def test_contours_with_too_few_names(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="1 class names given, and the masks have 2 classes"):
        plot_contours(
            IMAGES[0], squares()[0], squares()[0], tmp_path / "c.png", class_names=["tumour"]
        )


def test_gallery_of_slices(tmp_path: Path, drawn: list[Figure]) -> None:
    t = squares()
    t[1, 9, 9] = 1  # the fullest slice of case a
    p = t.copy()
    p[0:2], p[2, 2:4], p[3, 2:5] = 0, 0, 0
    cases = np.array(["a", "a", "b", "c", "d", "d"])
    report = segmentation_report(t, p, cases, (3.0, 1.0, 1.0))
    plot_segmentation_cases(
        report, IMAGES, t, p, tmp_path / "g.png", cases=cases, unit="mm", note="synthetic images"
    )
    check_png(tmp_path / "g.png")
    axes = drawn[0].axes
    titles = [ax.get_title() for ax in axes]
    assert titles[:3] == [
        "worst: case a, slice 2 of 2",
        "median: case c",
        "best: case d, slice 1 of 2",
    ]
    assert titles[3] == "class 1: Dice 0, one mask is empty"
    assert titles[4] == "class 1: Dice 0.400, HD95 3.0 mm"
    assert titles[5] == "class 1: Dice 1.000, HD95 0.0 mm"
    for column, i in enumerate((1, 3, 4)):
        for ax in (axes[column], axes[column + 3]):
            np.testing.assert_array_equal(ax.images[0].get_array(), IMAGES[i])
    assert [len(contours(ax)) for ax in axes] == [0, 0, 0, 1, 2, 2]


def test_gallery_of_volumes(tmp_path: Path, drawn: list[Figure]) -> None:
    t = [np.zeros((3, 8, 8), bool), np.zeros((2, 9, 8), bool)]
    t[0][1, 2:5, 2:5], t[1][0, 2:5, 2:5] = True, True
    images = [RNG.random((*m.shape, 3)) for m in t]
    report = segmentation_report(t, t, class_names=["background", "hippocampus"])
    plot_segmentation_cases(report, images, t, t, tmp_path / "g.png")
    titles = [ax.get_title() for ax in drawn[0].axes]
    assert titles[:2] == ["worst: case 0, slice 2 of 3", "best: case 1, slice 1 of 2"]
    assert titles[2] == "hippocampus: Dice 1.000, HD95 0.0"
    np.testing.assert_array_equal(drawn[0].axes[0].images[0].get_array(), images[0][1])


@pytest.mark.parametrize(
    ("n", "expected"),
    [
        (0, []),
        (1, [("worst", 10)]),
        (2, [("worst", 10), ("best", 11)]),
        (3, [("worst", 10), ("median", 11), ("best", 12)]),
        (6, [("worst", 10), ("median", 12), ("best", 15)]),
    ],
)
def test_chosen_cases(n: int, expected: list[tuple[str, int]]) -> None:
    assert choose_cases(list(range(10, 10 + n))) == expected


def test_gallery_refuses(tmp_path: Path) -> None:
    t = squares()
    report = segmentation_report(t, t)
    with pytest.raises(ValueError, match="5 images, 6 targets and 6 predictions"):
        plot_segmentation_cases(report, IMAGES[:5], t, t, tmp_path / "g.png")
    with pytest.raises(ValueError, match="of other cases"):
        plot_segmentation_cases(report, IMAGES, t, t, tmp_path / "g.png", cases=list("aabbcc"))
    empty = segmentation_report(0 * t, 0 * t)
    with pytest.raises(ValueError, match="no case has a Dice score"):
        plot_segmentation_cases(empty, IMAGES, 0 * t, 0 * t, tmp_path / "g.png")


def test_scores(tmp_path: Path, drawn: list[Figure]) -> None:
    t = squares()
    p = t.copy()
    p[0], p[1, 2:4], t[2], p[2] = 0, 0, 0, 0
    names = ["background", "oedema", "core"]
    report = segmentation_report(t, p, class_names=names)
    plot_segmentation_scores(report, tmp_path / "s.png", unit="px", note="synthetic images")
    check_png(tmp_path / "s.png")
    left, right = drawn[0].axes
    dots = left.collections[0].get_offsets()[:, 0]
    np.testing.assert_allclose(np.ma.compressed(np.ma.masked_invalid(dots)), [0, 2 / 3, 1, 1, 1])
    said = texts(drawn[0])
    assert "oedema\n5 cases" in said
    assert "core\n0 cases" in said
    assert str(report.summary["dice, oedema"]["mean"]) in said
    assert "one mask is empty: the diagonal counts" in said
    assert right.get_xlabel() == "95 % Hausdorff distance (px), logarithmic from 1 on"
    missed = [c for c in right.collections if "one mask" in str(c.get_label())]
    assert missed[0].get_offsets()[:, 0].tolist() == [pytest.approx(np.hypot(11, 9))]
    for ax, table in ((left, report.dice), (right, report.hausdorff)):
        low, high = ax.get_xlim()
        assert low < np.nanmin(table)
        assert high > np.nanmax(table)


def test_scores_of_nothing_and_of_one_case(tmp_path: Path, drawn: list[Figure]) -> None:
    t = squares()[:1]
    plot_segmentation_scores(segmentation_report(0 * t, 0 * t), tmp_path / "s.png")
    plot_segmentation_scores(segmentation_report(t, t), tmp_path / "s.png")
    check_png(tmp_path / "s.png")
    assert "class 1\n0 cases" in texts(drawn[0])
    assert "1.000 (1.000 to 1.000)" in texts(drawn[1])
