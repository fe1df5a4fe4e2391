"""What the phantoms of the fundus are drawn from: the grading rule, sites, vessels, mottle."""

from __future__ import annotations

import numpy as np
import pytest

from nanocnn.data.phantoms.retina import FIELD_MM, FIELD_OF_VIEW_MM
from nanocnn.data.phantoms.retinal_vessels import FOVEA_MM, Eye, random_trees
from nanocnn.data.phantoms.retinopathy import (
    GAP_MM,
    Counts,
    choose_sites,
    grade_of,
    random_counts,
)
from nanocnn.data.phantoms.shapes import make_grid, union_of_discs
from nanocnn.data.phantoms.texture import smooth_field

EYE = Eye(disc=(4.2, -0.4), fovea=(-0.3, 0.1), tortuosity=1.0)
MOST = Counts(12, (8, 8, 8, 8), 16, 2)


@pytest.mark.parametrize(
    ("counts", "grade"),
    [
        (Counts(0, (0, 0, 0, 0), 0, 0), 0),
        (Counts(1, (0, 0, 0, 0), 0, 0), 1),
        (Counts(0, (0, 0, 0, 0), 1, 0), 2),
        (Counts(5, (0, 1, 0, 0), 0, 0), 2),
        (Counts(5, (9, 9, 9, 4), 0, 0), 2),
        (Counts(0, (5, 5, 5, 5), 0, 0), 3),
        (Counts(0, (0, 0, 0, 0), 0, 1), 4),
        (Counts(9, (9, 9, 9, 9), 9, 1), 4),
    ],
)
def test_grading_rule(counts: Counts, grade: int) -> None:
    assert grade_of(counts) == grade


@pytest.mark.parametrize("grade", range(5))
def test_random_counts_have_the_grade_and_fit(grade: int) -> None:
    rng = np.random.default_rng(grade)
    for _ in range(200):
        counts = random_counts(grade, rng)
        assert grade_of(counts) == grade
        assert counts.microaneurysms <= MOST.microaneurysms
        assert max(counts.haemorrhages) <= max(MOST.haemorrhages)
        assert counts.exudates <= MOST.exudates
        assert counts.new_vessels <= MOST.new_vessels


@pytest.mark.parametrize("seed", range(8))
def test_even_the_most_lesions_fit_in_their_quadrants_and_touch_nothing(seed: int) -> None:
    sites = choose_sites(MOST, EYE, 1.15, np.random.default_rng(seed))
    assert [sum(s.kind == kind for s in sites) for kind in (1, 2, 3, 4)] == [12, 32, 16, 2]
    quadrants = [0, 0, 0, 0]
    for i, a in enumerate(sites):
        assert np.hypot(a.x, a.y) + a.radius < FIELD_MM
        for b in sites[:i]:
            assert np.hypot(a.x - b.x, a.y - b.y) > a.radius + b.radius + 0.99 * GAP_MM
        if a.kind == 2:
            quadrants[2 * (a.y > EYE.fovea[1]) + (a.x > EYE.fovea[0])] += 1
    assert quadrants == [8, 8, 8, 8]


def test_too_many_lesions_are_told() -> None:
    with pytest.raises(RuntimeError, match="no room for a lesion of kind 2"):
        choose_sites(Counts(0, (200, 0, 0, 0), 0, 0), EYE, 1.0, np.random.default_rng(0))


def test_arteries_are_finer_than_veins_and_both_spare_the_fovea() -> None:
    grid = make_grid(128, FIELD_OF_VIEW_MM)
    area = []
    for trees in zip(
        *(random_trees(EYE, FIELD_MM, np.random.default_rng(k)) for k in range(5)), strict=True
    ):
        points = np.concatenate(trees)
        away = np.hypot(points[:, 0] - EYE.fovea[0], points[:, 1] - EYE.fovea[1])
        assert away.min() > FOVEA_MM
        assert np.hypot(points[:, 0], points[:, 1]).max() < FIELD_MM + 0.3
        area.append(np.mean([(union_of_discs(grid, t, 0.2) > 0).mean() for t in trees]))
        # Both arcades pass above and below the macula and reach its far side.
        for up in (-1.0, 1.0):
            far = (points[:, 0] < EYE.fovea[0] - 1.0) & (up * points[:, 1] > 1.5)
            assert far.any()
    assert area[0] < 0.9 * area[1]


def test_smooth_field_is_smooth_and_alike_in_all_directions() -> None:
    rng = np.random.default_rng(0)
    fields = np.stack([smooth_field(rng, 64, 3.0) for _ in range(40)])
    assert fields.std() == pytest.approx(1.0, abs=0.01)
    for axis in (1, 2):
        # The correlation of blurred white noise at a distance d is exp(-d^2 / 4 sigma^2).
        apart = np.mean(fields * np.roll(fields, 4, axis))
        assert apart == pytest.approx(np.exp(-16 / 36), abs=0.06)
