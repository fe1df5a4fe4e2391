"""The report's table: cases put together, empty masks, order, JSON and text."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from nanocnn.evaluation import dice, hausdorff95, segmentation_report

RNG = np.random.default_rng(0)
T, P = RNG.integers(0, 3, (2, 6, 8, 9))
CASES = ["b", "a", "b", "a", "c", "c"]


def test_slices_of_a_case_are_one_volume() -> None:
    report = segmentation_report(T, P, CASES, (3.0, 1.0, 1.0))
    assert report.cases == ["a", "b", "c"]
    assert report.dice[1, 0] == dice(T[[0, 2]], P[[0, 2]], positive=1)
    expected = hausdorff95(T[[1, 3]], P[[1, 3]], (3.0, 1.0, 1.0), positive=2)
    assert report.hausdorff[0, 1] == expected
    assert report.summary["dice, class 1"]["mean"].value == report.dice[:, 0].mean()
    order = [4, 1, 0, 3, 2, 5]
    names = [CASES[i] for i in order]
    moved = segmentation_report(T[order], P[order], names, (3.0, 1.0, 1.0))
    np.testing.assert_array_equal(moved.dice, report.dice)


def test_missed_and_empty_cases() -> None:
    t = np.zeros((3, 4, 5), int)
    p = t.copy()
    t[0, 1, 1] = t[1, 2, 2] = p[1, 2, 2] = 1
    report = segmentation_report(t, p)
    assert report.missed[:, 0].tolist() == [True, False, False]
    assert report.hausdorff[0, 0] == 5.0  # the diagonal of 4 x 5 pixels, 3 and 4 steps
    assert np.isnan(report.dice[2, 0])
    found = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert (found["worst"], found["best"]) == ("0", "1")
    assert found["cases"][2]["dice"] == [None]
    assert "worst 0, best 1" in str(report)
    assert "* one mask is empty" in str(report)


def test_cases_of_different_sizes_have_their_own_spacing() -> None:
    """A tall image of fine pixels, a wide one of coarse pixels: by mapping and by rows the same."""
    t = [np.zeros((20, 5), bool), np.zeros((6, 30), bool)]
    t[0][3:6, 1:4], t[1][2:5, 5:9] = True, True
    p = [np.roll(t[0], 4, axis=0), np.roll(t[1], 3, axis=1)]
    rows = [(0.5, 0.5), (2.0, 3.0)]
    mapped = segmentation_report(t, p, ["x", "y"], {"x": rows[0], "y": rows[1]})
    assert mapped.hausdorff[:, 0].tolist() == [4 * 0.5, 3 * 3.0]
    by_row = segmentation_report(t, p, spacing=rows)
    np.testing.assert_array_equal(by_row.hausdorff, mapped.hausdorff)
    p[1][:] = False
    missed = segmentation_report(t, p, spacing={0: rows[0], 1: rows[1]})
    assert missed.hausdorff[1, 0] == pytest.approx(np.hypot(5 * 2.0, 29 * 3.0))


def test_class_names() -> None:
    names = ["background", "oedema", "core", "never seen"]
    report = segmentation_report(T, P, class_names=names)
    assert report.classes == ["oedema", "core", "never seen"]
    assert report.dice.shape == (6, 3)
    assert report.summary["dice, core"]["mean"].value == report.dice[:, 1].mean()
    assert report.summary["dice, never seen"]["cases"] == 0
    assert "of oedema, core, never seen" in str(report)
    assert segmentation_report(T, P).classes == ["class 1", "class 2"]
    json.dumps(report.to_json(), allow_nan=False)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"cases": CASES, "spacing": (1.0, 1.0)}, r"case a is 2 stacked slices.*\[1.0, 1.0\]"),
        ({"cases": CASES, "spacing": {"a": (1.0, 1.0, 1.0)}}, "no entry for case b"),
        ({"spacing": np.ones((5, 2))}, "5 rows for 6 masks"),
        ({"cases": CASES, "spacing": np.arange(18.0).reshape(6, 3)}, "different spacings"),
        ({"spacing": (1.0, 1.0, 1.0)}, "2 positive numbers"),
        ({"class_names": ["oedema", "core"]}, "2 class names given, and the masks have 3 classes"),
        ({"cases": ["a"]}, "one for each"),
    ],
)
def test_options_that_are_refused(options: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        segmentation_report(T, P, **options)


def test_slices_of_unequal_size_are_no_volume() -> None:
    t = [np.ones((4, 5), bool), np.ones((4, 6), bool)]
    with pytest.raises(ValueError, match=r"case a has masks of the shapes \(4, 5\), \(4, 6\)"):
        segmentation_report(t, t, ["a", "a"])
    assert segmentation_report(t, t, ["a", "b"]).cases == ["a", "b"]
    with pytest.raises(ValueError, match=r"needed to stack them are \(H, W\) slices"):
        segmentation_report(np.ones((2, 3, 4, 5), int), np.ones((2, 3, 4, 5), int), ["a", "a"])


def test_one_slice_of_a_named_case_is_a_volume_where_its_spacing_says_so() -> None:
    t, p = T[:1] == 1, P[:1] == 1
    flat = segmentation_report(t, p, ["a"], (2.0, 2.0))
    volume = segmentation_report(t, p, ["a"], (5.0, 2.0, 2.0))
    # In a volume of one slice every pixel is border, so the distances are others.
    assert volume.hausdorff[0, 0] == hausdorff95(t, p, (5.0, 2.0, 2.0))
    assert flat.hausdorff[0, 0] == hausdorff95(t[0], p[0], (2.0, 2.0))


def test_unequal_numbers_of_masks() -> None:
    with pytest.raises(ValueError, match="needed are equal"):
        segmentation_report(T, P[:2])
