"""The roofline: the cases that the targets mean, the verdict, and a run in a small setting."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.text import Text
from PIL import Image

from benchmarks import roofline, roofline_picture
from benchmarks.calls import elementwise

ROOT = Path(__file__).parents[2]
LIMITS = (2e11, 2.5e10)
FULL = roofline.roofline_cases()


def test_direct_convolutions_are_those_that_the_target_means() -> None:
    found = [p.case for p in FULL if p.group == "direct convolution"]
    strides = set()
    for case in found:
        stride, c, f = map(int, re.findall(r"^3x3/(\d) (\d+)->(\d+) ", case.shape)[0])
        strides.add(stride)
        assert min(c, f) >= 16
        assert case.flops >= 0.5e9
        assert case.direct
    assert strides == {1, 2}
    for which in roofline.PASSES:
        assert sum(case.function == f"conv2d_{which}" for case in found) == len(found) / 3 >= 5


def test_chosen_path_leaves_the_choice_to_nanocnn() -> None:
    found = [p.case for p in FULL if p.group == "chosen path"]
    for case in found:
        c, f = map(int, re.findall(r"^3x3/1 (\d+)->(\d+) ", case.shape)[0])
        assert min(c, f) >= 32
        assert not case.direct
    for which in roofline.PASSES:
        assert sum(case.function == f"conv2d_{which}" for case in found) == len(found) / 3 >= 5


def test_memory_bound_kernels_read_64_megabytes() -> None:
    found = {p.case.function: p.case for p in FULL if p.group == "memory-bound"}
    both = [f"{n}_pool2d" for n in ("max", "average")]
    both += ["relu", "sigmoid", "tanh", "gelu", "dropout", "softmax"]
    wanted = {f"{name}_{way}" for name in both for way in ("forward", "backward")}
    assert set(found) == wanted | {"adam_update", "sgd_update"}
    for case in found.values():
        sizes = [int(n) for n in re.findall(r"\d+", case.shape.split()[0])]
        assert 4 * math.prod(sizes) == 64 << 20
        assert not case.is_arithmetic(LIMITS)


@pytest.mark.parametrize(
    ("share", "told"),
    [
        (0.86, "86 %  must 70 %: reached, aim 85 %: reached"),
        (0.85, "85 %  must 70 %: reached, aim 85 %: reached"),
        (0.7, "70 %  must 70 %: reached, aim 85 %: short"),
        (0.69, "69 %  must 70 %: short, aim 85 %: short"),
    ],
)
def test_verdict(share: float, told: str) -> None:
    assert roofline.verdict(share, roofline.TARGETS["direct convolution"]) == told


def test_shares_and_summary() -> None:
    conv = next(p for p in FULL if p.group == "chosen path")
    row = roofline.row_of(conv, [conv.case.flops / LIMITS[0] / 1.5], LIMITS)
    assert row["share"] == pytest.approx(1.5)
    assert row["of roof"] == pytest.approx(1.5)
    relu = roofline.Placed(elementwise("relu_forward", (1000,)), "activation", "memory-bound")
    seconds = [8000 / LIMITS[1] * factor for factor in (2.0, 1.25, 4.0)]
    rows = [row, *(roofline.row_of(relu, [s], LIMITS) for s in seconds)]
    assert [r["share"] for r in rows[1:]] == pytest.approx([0.5, 0.8, 0.25])
    assert rows[1]["GB/s"] == pytest.approx(12.5)
    without = roofline.row_of(relu._replace(group=None), seconds, LIMITS)
    told = roofline.summary([*rows, without])
    name = f"({conv.case.function} {conv.case.shape})"
    assert told == [
        "chosen path, share of the multiply-add peak, 1 cases",
        f"  smallest 150 %  must 120 %: reached, aim 180 %: short  {name}",
        "  median   150 %  must 120 %: reached, aim 180 %: short",
        "memory-bound, share of the copy bandwidth, 3 cases",
        "  smallest 25 %  must 60 %: short, aim 80 %: short  (relu_forward 1000)",
        "  median   50 %  must 60 %: short, aim 80 %: short",
    ]


def test_names_are_moved_apart_as_little_as_need_be() -> None:
    assert roofline_picture.spread([0.2, 0.5, 0.9], 0.1) == pytest.approx([0.2, 0.5, 0.9])
    assert roofline_picture.spread([0.5, 0.5], 0.1) == pytest.approx([0.45, 0.55])
    assert roofline_picture.spread([0.3, 0.5, 0.52], 0.1) == pytest.approx([0.3, 0.46, 0.56])
    assert roofline_picture.spread([0.0, 1.0, 1.0], 0.1) == pytest.approx([0.02, 0.88, 0.98])


@pytest.mark.parametrize("seed", range(3))
def test_names_do_not_overlap(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shares = rng.uniform(0.02, 1.8, len(FULL))
    rows = [
        roofline.row_of(p, [p.case.predicted(LIMITS) / share], LIMITS)
        for p, share in zip(FULL, shares, strict=True)
    ]
    fig = roofline_picture.figure(rows, "note", LIMITS)
    fig.draw_without_rendering()
    (ax,) = fig.axes
    names = {roofline_picture.name_of(row) for row in rows}
    assert sorted(t.get_text() for t in ax.texts) == sorted(names)
    # That of the words alone, without the line that leads to the point.
    boxes = {t.get_text(): Text.get_window_extent(t) for t in ax.texts}
    for a, b in combinations(boxes, 2):
        assert not boxes[a].overlaps(boxes[b]), f"{a} and {b}"
    points = [ax.transData.transform((row["intensity"], row["GFLOP/s"])) for row in rows]
    for name, box in boxes.items():
        assert ax.bbox.x0 < box.x0, name
        assert box.x1 < ax.bbox.x1, name
        assert not any(box.contains(*point) for point in points), name


def test_a_small_run(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "benchmarks/roofline.py", "--smoke"]
    command += ["--rounds", "1", "--threads", "1", "--out", str(tmp_path)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    found = json.loads((tmp_path / "roofline.json").read_text())
    wanted = [(p.case.title, p.case.shape) for p in roofline.roofline_cases(smoke=True)]
    assert [(row["kernel"], row["shape"]) for row in found["rows"]] == wanted
    assert found["about"]["threads"] == 1
    numbers = ("predicted", "FLOP", "bytes", "intensity", "GFLOP/s", "GB/s", "of roof")
    for row in found["rows"]:
        values = [row["seconds"]["median"], *(row[key] for key in numbers)]
        values += [row["share"]] if row["group"] else []
        assert all(0 < v < math.inf for v in values), row["kernel"]
    _, _, table, told = done.stdout.split("\n\n")
    assert table.split("\n")[1:] == [roofline.line(row) for row in found["rows"]]
    assert told.split("\n")[:9] == roofline.summary(found["rows"])
    check_picture(tmp_path / "roofline.png", {row["family"] for row in found["rows"]})


def check_picture(path: Path, families: set[str]) -> None:
    """Find each family's colour in a picture that opens."""
    with Image.open(path) as image:
        pairs: Any = image.convert("RGB").getcolors(1 << 20)
    found = {colour for _, colour in pairs}
    assert families == set(roofline_picture.COLOURS)
    for family, colour in roofline_picture.COLOURS.items():
        assert tuple(round(255 * part) for part in to_rgb(colour)) in found, family
