"""The ladder, in a small setting: all rows, right results, a picture."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from benchmarks import ladder, ladder_picture
from benchmarks.cases import RUNGS

ROOT = Path(__file__).parents[2]
# On the compiled rung NumPy does the losses, and the mask is never stored.
NO_KERNEL = {
    "softmax_cross_entropy",
    "categorical_crossentropy",
    "binary_cross_entropy",
    "mean_squared_error",
    "focal",
    "tversky",  # of rows; pixels have one
    "dropout_mask",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any], Path]:
    """Return what a small run printed, its JSON file and its picture."""
    out = tmp_path_factory.mktemp("ladder")
    command = [sys.executable, "-W", "error", "benchmarks/ladder.py", "--smoke"]
    command += ["--rounds", "1", "--threads", "1", "--out", str(out)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout, json.loads((out / "ladder.json").read_text()), out / "ladder.png"


def test_every_function_on_every_rung(run: tuple[str, dict[str, Any], Path]) -> None:
    printed, found, _ = run
    cases = ladder.ladder_cases(smoke=True)
    wanted = [(case.function, rung) for case in cases for rung in RUNGS]
    assert [(row["function"], row["rung"]) for row in found["rows"]] == wanted
    head, table = printed.split("\n\n")
    assert "1 threads" in head
    assert "measured limits:" in head
    lines = table.rstrip().split("\n")[1:]
    assert lines == [ladder.line(row).rstrip() for row in found["rows"]]


def test_numbers(run: tuple[str, dict[str, Any], Path]) -> None:
    _, found, _ = run
    for row in found["rows"]:
        name = f"{row['function']} on {row['rung']}"
        if row["rung"] == "kernels" and row["function"] in NO_KERNEL:
            assert row["seconds"] is row["error"] is row["speed-up"] is None, name
            continue
        times = [row["seconds"]["median"], *row["seconds"]["quartiles"]]
        assert all(0 < t < math.inf for t in times), name
        assert 0 <= row["error"] < 2e-6, name  # float32, sums of some hundred terms
        if row["function"].startswith("flatten"):
            assert row["predicted"] == 0
        else:
            assert 0 < row["predicted"] < math.inf
            (rate,) = (row[unit] for unit in ("GFLOP/s", "GB/s") if row[unit] is not None)
            assert 0 < rate < math.inf
        if row["rung"] == "loops":
            assert row["speed-up"] is None
        else:
            assert 0 < row["speed-up"] < math.inf
    compiled = [row["compile"] for row in found["rows"] if row["compile"] is not None]
    assert len(compiled) == 1  # of the first function alone, in a small run
    assert compiled[0] > 0


def test_picture(run: tuple[str, dict[str, Any], Path]) -> None:
    with Image.open(run[2]) as image:
        pairs: Any = image.convert("RGB").getcolors(1 << 20)
    colours = {colour: count for count, colour in pairs}
    for rung, colour in ladder_picture.COLOURS.items():
        dot = tuple(round(255 * part) for part in to_rgb(colour))
        assert colours[dot] > 20 * 30, rung  # pixels: some thirty functions


def test_sizes_grow_and_convolutions_are_chosen_at_the_largest() -> None:
    cases = ladder.ladder_cases()
    for function in {case.function for case in cases}:
        flops = [case.flops for case in cases if case.function == function]
        assert flops == sorted(flops)
        assert len(flops) == (4 if function in CONVOLUTIONS else 3)
    assert [
        case.function for case in cases if case.function in CONVOLUTIONS and not case.direct
    ] == [*CONVOLUTIONS]


CONVOLUTIONS = (
    "conv2d_forward",
    "conv2d_backward_input",
    "conv2d_backward_weight",
    "conv2d_backward_weight_and_bias",
    "conv2d_max_pool2d_forward",
)


@pytest.mark.parametrize(
    ("value", "told"),
    [(0, "0"), (123.4, "123"), (12345.6, "12346"), (1.2345, "1.23"), (0.01234, "0.0123")],
)
def test_three_digits(value: float, told: str) -> None:
    assert ladder.digits(value) == told
