"""The report's table: cases put together, empty masks, order, JSON and text."""

from __future__ import annotations

import json

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


def test_refused() -> None:
    with pytest.raises(ValueError, match="needed are equal"):
        segmentation_report(T, P[:2])
    with pytest.raises(ValueError, match="one for each"):
        segmentation_report(T, P, ["a"])
