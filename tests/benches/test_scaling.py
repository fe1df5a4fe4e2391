"""Exponents: found in times that have them, counted costs, and a quick run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import scaling
from benchmarks.scaled_article import ScaledArticle
from benchmarks.workloads import Workload, article_workloads
from tests.benches.test_start import run, shows_something


@pytest.mark.parametrize("exponent", [-1.0, 0.0, 1.0, 2.5])
def test_the_exponent_of_times_that_have_one(exponent: float) -> None:
    values = [1.0, 2.0, 4.0, 16.0]
    found, residual = scaling.fit(values, [3e-3 * v**exponent for v in values])
    assert found == pytest.approx(exponent, abs=1e-12)
    assert residual == pytest.approx(1)


def test_the_residual_is_the_largest_error() -> None:
    found, residual = scaling.fit([1, 2, 4], [1.0, 2.0 * 1.1, 4.0])
    assert found == pytest.approx(1)
    assert residual == pytest.approx(1.1 ** (2 / 3))


def test_the_base_case_is_the_articles() -> None:
    base, article = ScaledArticle(32, 128, 32), article_workloads()[0]
    twice = ScaledArticle(64, 128, 32)
    assert base.flops() == article.flops()
    assert base.bytes() == article.bytes()
    assert base.sides() == (126, 63, 61, 30)
    assert twice.flops() == 2 * base.flops()
    small = ScaledArticle(1, 14, 3)  # 12x12 -> 6x6 -> 4x4 -> 2x2, 3 and 6 filters
    first, second, dense = 144 * 27 * 3, 16 * 27 * 6, 24 * 64 + 64 * 2
    assert small.flops() == 2 * (2 * first + 3 * second + 3 * dense)


def test_a_step_learns() -> None:
    step = ScaledArticle(8, 14, 3).task()
    losses = [step() for _ in range(60)]
    assert losses[0] == pytest.approx(np.log(2), rel=0.2)
    assert losses[-1] < 0.9 * losses[0]


def test_one_thing_grows_at_a_time() -> None:
    series = scaling.all_series(4, smoke=False)
    assert len(series) == 8
    for s in series:
        assert len(set(s.values)) == len(s.values) == len(s.cases) == len(s.threads) >= 3
        first = s.cases[0]._asdict()
        changed = {k for case in s.cases for k, v in case._asdict().items() if v != first[k]}
        if s.grows == "threads":
            assert s.threads == s.values == (1, 2, 4)
            assert not changed
        else:
            assert set(s.threads) == {4}
            assert changed in ({"batch"}, {"side"}, {"size"}, {"filters"}, {"channels", "filters"})
            assert s.values == tuple(case._asdict()[min(changed)] for case in s.cases)
    assert all(s.grows != "threads" for s in scaling.all_series(1, smoke=True))


def test_cases_take_turns() -> None:
    order: list[str] = []
    runs = [lambda: order.append("a"), lambda: order.append("b")]
    assert all(seconds >= 0 for seconds in scaling.seconds_of(runs, 2, 0.0))
    assert "".join(order) == "aabbaabb"  # each warms once


def test_what_the_machine_needs_at_its_limits() -> None:
    w = Workload("", "conv", 1, size=8, channels=8, filters=8)
    limits = {1: (1e9, 1e12), 2: (1e12, 1e9)}
    assert scaling.predicted(w, 1, limits) == w.flops() / 1e9
    assert scaling.predicted(w, 2, limits) == w.bytes() / 1e9


def test_a_quick_run(tmp_path: Path) -> None:
    told = run("benchmarks/scaling.py", "--smoke", "--threads", "2", "--out", str(tmp_path))
    rows = json.loads((tmp_path / "scaling.json").read_text())["rows"]
    assert len(rows) == told.count("exponent") == 8
    for row in rows:
        numbers = [*row["seconds"], *row["predicted"], row["residual"]]
        assert np.isfinite(numbers).all()
        assert min(numbers) > 0
        assert np.isfinite([row["exponent"], row["predicted exponent"]]).all()
    assert shows_something(tmp_path / "scaling.png")
