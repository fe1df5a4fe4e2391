"""The pictures are written, leave no global state, and say what they must."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from nanocnn.evaluation import plots
from tests.evaluation.figures import check_png, texts

RNG = np.random.default_rng(0)


def test_history(tmp_path: Path, drawn: list[Figure]) -> None:
    history = {"loss": [3.0, 2, 1], "val_loss": [3.0, 2.5, 2], "accuracy": [0.5, 0.6, 0.7]}
    plots.plot_history(history, tmp_path / "h.png", note="synthetic images")
    check_png(tmp_path / "h.png")
    loss, accuracy = drawn[0].axes
    assert [line.get_ydata().tolist() for line in loss.lines] == [[3, 2, 1], [3, 2.5, 2]]
    assert loss.lines[0].get_xdata().tolist() == [1, 2, 3]
    assert len(accuracy.lines) == 1
    assert "synthetic images" in texts(drawn[0])


@pytest.mark.parametrize("history", [{"loss": [1.0]}, {"val_accuracy": [0.5, float("nan")]}])
def test_history_with_little_in_it(
    history: dict[str, list[float]], tmp_path: Path, drawn: list[Figure]
) -> None:
    plots.plot_history(history, tmp_path / "h.png")
    check_png(tmp_path / "h.png")
    assert len(drawn[0].axes) == 1


@pytest.mark.parametrize("history", [{}, {"loss": []}, {"learning_rate": [0.1]}])
def test_history_with_nothing_to_draw(history: dict[str, list[float]], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needed is at least one epoch"):
        plots.plot_history(history, tmp_path / "h.png")


def test_confusion_matrix(tmp_path: Path, drawn: list[Figure]) -> None:
    plots.plot_confusion_matrix([[3, 1], [0, 0]], ["normal", "cost in $ or $"], tmp_path / "c.png")
    check_png(tmp_path / "c.png")
    said = texts(drawn[0])
    assert "3\n75.0 %" in said
    assert "1\n25.0 %" in said
    assert "0\n0.0 %" in said  # an empty row divides by nothing
    assert "3 of 4 right" in said
    with pytest.raises(ValueError, match=r"matrix has shape \(2, 2\) and there are 3 names"):
        plots.plot_confusion_matrix(np.eye(2), ["a", "b", "c"], tmp_path / "c.png")


def test_confusion_matrix_of_five_grades(tmp_path: Path, drawn: list[Figure]) -> None:
    grades = ["no retinopathy", "mild", "moderate", "severe", "proliferative"]
    plots.plot_confusion_matrix(1000 * np.eye(5, dtype=int) + 7, grades, tmp_path / "c.png")
    check_png(tmp_path / "c.png")
    (cell, *_) = [t for t in drawn[0].axes[0].texts if t.get_text() == "1007\n97.3 %"]
    box = cell.get_window_extent()
    side = drawn[0].axes[0].get_window_extent().width / 5
    assert max(box.width, box.height) < side  # counts and percentages stay in their squares


def test_roc(tmp_path: Path, drawn: list[Figure]) -> None:
    y = np.arange(60) % 2
    plots.plot_roc(y, y + RNG.normal(size=60), tmp_path / "r.png")
    check_png(tmp_path / "r.png")
    assert "95 % interval 0." in texts(drawn[0])
    plots.plot_roc(np.arange(60) % 3, RNG.random((60, 3)), tmp_path / "r3.png", positive=2)
    with pytest.raises(ValueError, match="a ROC curve needs both"):
        plots.plot_roc([1, 1], [0.1, 0.2], tmp_path / "r.png")


@pytest.mark.parametrize("channels", [1, 3])
def test_predictions(channels: int, tmp_path: Path, drawn: list[Figure]) -> None:
    images = RNG.random((20, 8, 9, channels), dtype=np.float32)
    true = np.arange(20) % 2
    wrong = np.arange(20) >= 15
    p = np.where(wrong ^ (true == 1), 0.8, 0.1)
    p = np.stack([1 - p, p], axis=1)
    plots.plot_predictions(
        images, true, p, ["normal", "cancer"], tmp_path / "p.png", n=8, note="synthetic images"
    )
    check_png(tmp_path / "p.png")
    titles = [ax.get_title() for ax in drawn[0].axes]
    assert len(titles) == 8
    assert [t.startswith("WRONG") for t in titles] == [True] * 4 + [False] * 4
    assert titles[0] == "WRONG: normal 90 %\ntrue: cancer"  # image 15
    assert titles[4] == "normal 90 %\ntrue: normal"  # image 0
    edges = {ax.spines["left"].get_edgecolor() for ax in drawn[0].axes}
    assert len(edges) == 2
    said = texts(drawn[0])
    assert "15 of 20 right; shown: 4 wrong, 4 right" in said
    assert "synthetic images" in said


@pytest.mark.parametrize(
    ("n_wrong", "n_right", "n", "expected"),
    [
        (10, 10, 8, (4, 4)),
        (1, 10, 8, (1, 7)),
        (10, 1, 8, (7, 1)),
        (2, 2, 9, (2, 2)),
        (9, 0, 4, (4, 0)),
    ],
)
def test_at_most_half_are_wrong_unless_the_right_run_out(
    n_wrong: int, n_right: int, n: int, expected: tuple[int, int]
) -> None:
    right = np.arange(n_wrong + n_right) >= n_wrong
    chosen = right[plots.choose_panels(right, n)]
    assert (int((~chosen).sum()), int(chosen.sum())) == expected
    assert not chosen[: expected[0]].any()  # the wrong ones first


@pytest.mark.parametrize("n", [1, 2, 5, 17])
def test_predictions_of_few_images(n: int, tmp_path: Path) -> None:
    images = RNG.random((n, 8, 8, 1), dtype=np.float32)
    p = np.full((n, 2), 0.5)
    plots.plot_predictions(images, np.zeros(n, int), p, ["a", "b" * 40], tmp_path / "p.png", n=17)
    check_png(tmp_path / "p.png")


def test_predictions_of_wrong_shapes(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"images \(2, 8, 8\).*needed are"):
        plots.plot_predictions(
            np.zeros((2, 8, 8)), [0, 1], np.eye(2), ["a", "b"], tmp_path / "p.png"
        )


def test_matplotlib_comes_with_the_first_picture(tmp_path: Path) -> None:
    code = (
        "import sys, nanocnn.evaluation.plots, nanocnn.data\n"
        "assert not {'matplotlib', 'numba'} & set(sys.modules)\n"
        "nanocnn.evaluation.plots.plot_history({'loss': [1.0]}, sys.argv[1])\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "h.png")]
    subprocess.run(command, check=True, timeout=120)
