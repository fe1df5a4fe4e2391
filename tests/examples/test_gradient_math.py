"""The walk through the gradients as a reader runs it: right formulas pass, wrong ones fail."""

import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

EXAMPLE = Path(__file__).parents[2] / "examples" / "gradient_math.py"
PICTURES = ("formulas", "convolution", "pooling", "softmax", "analytic_and_numeric")
TAGS = {"D1", "D2", "D3", "D4", "A5", "A6", "S1", "S2", "L1", "L2", "L3", "L4"}
TAGS |= {"C0", "C1", "C2", "C3", "C4", "P1", "P2", "P3", "P4", "O1"}


def run(out, seed=0):
    command = [sys.executable, "-W", "error", str(EXAMPLE), "--out", str(out), "--seed", str(seed)]
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLE.parents[1])}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads((out / "metrics.json").read_text())


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    out = tmp_path_factory.mktemp("walk")
    text, found = run(out)
    return text, found, out


def check_verdicts(formulas):
    """Corrected: passed. All others: a wrong shape, or off by more than 1000 tolerances."""
    for f in formulas:
        name = f"{f['quantity']}: {f['code']}"
        if f["written"] == "corrected":
            assert f["passed"], name
            assert f["error"] <= f["tolerance"], name
        else:
            assert not f["passed"], name
            assert f["error"] is None or f["error"] > max(1000 * f["tolerance"], 0.01), name


def test_corrected_formulas_pass_and_all_others_fail_by_far(walked):
    formulas = walked[1]["formulas"]
    check_verdicts(formulas)
    written = [f["written"] for f in formulas]
    assert written.count("corrected") == 17
    assert written.count("as printed") == 4  # delta, dW, db, and db for one image
    assert written.count("with one error") == 33


@pytest.mark.parametrize(
    ("quantity", "errors"),
    [
        ("delta(L)", {"its 1/N"}),
        ("delta(l)", {"weights are left out", "transpose", "slope"}),
        ("dW(l)", {"index of delta", "transpose of a", "alpha", "batch is not summed"}),
        ("db(l)", {"index of delta", "alpha", "batch is not summed"}),
        ("dx of a convolution", {"not flipped", "Shifted", "Ones"}),
        ("dw of a convolution", {"One place", "Shifted", "Flipped"}),
        ("dx of max pooling", {"overwrite", "Every pixel", "smallest"}),
        ("dx of average pooling", {"Not divided", "overwrite"}),
        ("dz of softmax with cross-entropy", {"sign", "1/N", "diagonal", "Only the true class"}),
    ],
)
def test_each_error_stands_alone_and_the_correction_last(walked, quantity, errors):
    mine = [f for f in walked[1]["formulas"] if f["quantity"] == quantity]
    assert mine[-1]["written"] == "corrected"
    alone = [f["what"] for f in mine if f["written"] == "with one error"]
    assert len(alone) == len(errors)
    for words in errors:
        assert sum(words in what for what in alone) == 1, (words, alone)


def test_alpha_inside_is_off_by_one_minus_alpha_and_a_missing_mean_by_the_batch(walked):
    """Two errors whose size is known beforehand: the checker measures, it does not only refuse."""
    by_code = {(f["quantity"], f["code"]): f["error"] for f in walked[1]["formulas"]}
    alpha = by_code["dW(l)", "ALPHA * delta @ a_below.T"]
    assert math.isclose(alpha, 1 - 0.1, rel_tol=1e-9)  # of the right value, which is the larger
    mean = by_code["delta(L)", "p - q"]
    assert math.isclose(mean, 1 - 1 / 4, rel_tol=1e-9)  # of the wrong value, 4 times the right one


def test_wrong_shapes_are_told(walked):
    shapes = [f for f in walked[1]["formulas"] if f["error"] is None]
    assert [f["quantity"] for f in shapes] == ["db(l)", "db(l)"]
    assert all("(4, 4)" in f["looks"] for f in shapes)
    assert "operands could not be broadcast" in walked[0]
    assert "There is no layer L+1" in walked[0]


def test_the_text_names_every_equation_and_fits_the_page(walked):
    text = walked[0]
    assert TAGS - set(re.findall(r"\(([A-Z]\d+)\)", text)) == set()
    assert set(re.findall(r"article \((\d)\)", text)) == set("1234567")
    assert [line for line in text.splitlines() if len(line) > 100] == []
    titles = re.findall(r"^(\d)\. .+\n=+$", text, re.MULTILINE)
    assert titles == list("12345678")
    assert "17 of 17 corrected formulas passed" in text
    assert "37 of 37 wrong ones failed" in text


def test_the_numbers_on_the_page_agree_with_the_library(walked):
    """Each comparison with nanocnn's own passes is told as a largest difference."""
    gaps = re.findall(r"(?:differs?|difference)[^\n]*?(\d\.\de[+-]\d\d)", walked[0])
    assert len(gaps) == 6
    assert all(float(gap) < 1e-13 for gap in gaps)
    assert "check_model: passed" in walked[0]


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_are_not_blank(walked, name):
    with Image.open(walked[2] / f"{name}.png") as picture:
        pixels = np.asarray(picture.convert("L"))
    assert min(pixels.shape) > 400
    ink = pixels < 250
    assert ink.mean() > 0.01
    # Ink in every ninth of the page but for one at most: no panel stayed empty.
    parts = [b for a in np.array_split(ink, 3) for b in np.array_split(a, 3, axis=1)]
    assert sum(part.mean() > 0.003 for part in parts) >= 8


@pytest.mark.slow
def test_other_seeds_come_to_the_same_verdicts(tmp_path, walked):
    _, found = run(tmp_path, seed=7)
    check_verdicts(found["formulas"])
    errors = [
        [f["error"] for f in formulas] for formulas in (walked[1]["formulas"], found["formulas"])
    ]
    assert errors[0] != errors[1]  # other numbers indeed
