"""`python -m nanocnn.gradcheck`: finds what is exported, prints a table, writes a page."""

from __future__ import annotations

import numpy as np
import pytest

from nanocnn import losses, ops
from nanocnn.gradcheck import cases, check_op
from nanocnn.gradcheck.__main__ import main
from nanocnn.gradcheck.everything import jobs
from nanocnn.gradcheck.plots import draw
from nanocnn.gradcheck.report import Report

from . import pairs


def test_everything_exported_has_a_case():
    assert set(cases.exported_ops()) == set(cases.OPS)
    assert set(cases.exported_layers()) == set(cases.LAYERS)
    assert set(cases.exported_losses()) == set(cases.LOSSES)
    assert {f"{name}_backward" for name in cases.OPS} <= set(ops.__all__)


def test_what_has_no_case_fails(monkeypatch):
    monkeypatch.setattr(losses, "__all__", [*losses.__all__, "hinge"])
    (job,) = [job for job in jobs() if job.name == "hinge"]
    report = job.run()
    assert not report.passed
    assert "has no case" in str(report)


def few(monkeypatch):
    """Leave one operation, layer and loss, so that a run takes a moment."""
    monkeypatch.setattr(cases, "exported_ops", lambda: ["dense", "relu"])
    monkeypatch.setattr(cases, "exported_layers", lambda: ["Sigmoid"])
    monkeypatch.setattr(cases, "exported_losses", lambda: ["mean_squared_error"])


def test_table_and_page(monkeypatch, capsys, tmp_path):
    few(monkeypatch)
    assert main(["--html", str(tmp_path / "page.html")]) == 0
    out = capsys.readouterr().out
    head = out.splitlines()[0].split()
    assert head == ["what", "reference", "vectorized", "numba"]
    assert "all passed: 8 cases" in out
    assert "FAILED" not in out
    page = (tmp_path / "page.html").read_text("utf-8")
    assert page.count("<details>") == page.count("data:image/png;base64,") == 8
    assert "mean_squared_error on 4x3" in page


def test_a_wrong_pass_fails_the_run(monkeypatch, capsys, tmp_path):
    few(monkeypatch)
    right = ops.relu_backward
    monkeypatch.setattr(ops, "relu_backward", lambda dy, cache: 2 * right(dy, cache))
    options = ["--backend", "vectorized", "--html", str(tmp_path / "page.html")]
    assert main(options) == 1
    out = capsys.readouterr().out
    assert "1 of 8 reports FAILED" in out
    assert "looks like: twice of what it should be" in out
    assert (tmp_path / "page.html").read_text("utf-8").count("<details open>") == 1


def test_an_exception_fails_the_run_and_the_rest_goes_on(monkeypatch, capsys):
    few(monkeypatch)
    monkeypatch.setattr(ops, "relu_backward", lambda dy, cache: 1 / 0)
    assert main(["--backend", "vectorized"]) == 1
    out = capsys.readouterr().out
    assert "raised ZeroDivisionError" in out
    assert out.count("passed") >= 7


def test_the_plot(tmp_path):
    forward, backward, *arrays = pairs.draw(3)["norm"]
    report = check_op(forward, backward, *arrays)
    figure = report.plot(tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 20_000
    assert len(figure.axes) == 2 * len(report.rows)
    with pytest.raises(ValueError, match="nothing to draw"):
        draw(Report("empty"))


def test_the_v():
    """Differences are best in the middle, the complex step at the end; a wrong gradient never."""
    x = np.random.default_rng(0).standard_normal((4, 3))
    (row,) = check_op(pairs.sigmoid_forward, pairs.sigmoid_backward, x).rows
    differences, complex_step = row.trace()
    assert (differences.method, complex_step.method) == ("central differences", "complex step")
    best = differences.steps[np.argmin(differences.errors)]
    assert 1e-7 < best < 1e-3
    assert differences.errors.min() < 1e-8 < min(differences.errors[0], differences.errors[-1])
    assert complex_step.errors[-1] < 1e-14
    (row,) = check_op(pairs.sigmoid_forward, lambda dy, y: dy * y, x).rows
    assert all(curve.errors.min() > 1e-2 for curve in row.trace())
    assert row.values.shape == (2, 12)


def test_kinks_are_told_by_place():
    x = np.random.default_rng(0).standard_normal((6, 5))
    x[0, 0] = x[3, 2] = 0.0
    report = check_op(pairs.relu_forward, pairs.relu_backward, x).raise_if_failed()
    assert report.rows[0].kinks == ((0, 0), (3, 2))
    assert "2 at a kink: (0, 0), (3, 2)" in str(report)


def test_the_tolerance_gives_its_reason():
    for pair, reason in (("dense", "32 eps sqrt(n)"), ("real relu", "two extrapolations")):
        forward, backward, *arrays = pairs.draw(3)[pair]
        assert reason in str(check_op(forward, backward, *arrays))
