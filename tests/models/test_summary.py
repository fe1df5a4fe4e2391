"""The numbers of `summary()`, against numbers worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

import nanocnn as nc
from tests.models.examples import small


def table(text: str) -> dict[str, list[str]]:
    """Return the cells behind the layer's name, by the name."""
    rows = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split("  ") if cell.strip()]
        rows[cells[0].split()[0]] = cells[1:]
    return rows


def test_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    text = small().summary()
    assert capsys.readouterr().out == text + "\n"
    rows = table(text)
    assert text.splitlines()[0] == "input 14 x 12 x 3, float32"
    # kept for backward, float32: x, in pooling one byte a window and what it gives out, from which
    # relu's slope follows, y where relu is fused and no pooling follows; nothing twice
    assert rows["conv2d_1"] == [
        "12 x 10 x 4", f"{3 * 3 * 3 * 4 + 4}", f"{12 * 10 * 27 * 4:,}",
        f"{4 * 14 * 12 * 3:,}",
    ]  # fmt: skip
    assert rows["max_pool2d_1"] == ["6 x 5 x 4", "0", "0", f"{5 * 6 * 5 * 4}"]
    assert rows["conv2d_2"] == [
        "4 x 3 x 6", f"{36 * 6 + 6}", f"{4 * 3 * 36 * 6:,}", "0",
    ]  # fmt: skip
    assert rows["max_pool2d_2"] == ["2 x 1 x 6", "0", "0", f"{5 * 12}"]
    assert rows["flatten_1"] == ["12", "0", "0", "0"]
    assert rows["dense_1"] == ["8", f"{12 * 8 + 8}", "96", f"{4 * 8}"]
    assert rows["dense_2"] == ["2", "18", "16", "0"]
    total = 112 + 222 + 104 + 18
    kept = 4 * 504 + 5 * 120 + 5 * 12 + 4 * 8
    assert rows["total,"][-3:] == [f"{total}", f"{12960 + 2592 + 96 + 16:,}", f"{kept:,}"]
    assert text.splitlines()[-1] == f"parameters take {4 * total:,} bytes"


def test_frozen_shared_and_nested() -> None:
    shared = nc.Dense(4)
    model = nc.Sequential([shared, nc.ReLU(), shared, nc.Sequential([nc.Dense(3)])],
                          input_shape=(4,), dtype="float64")  # fmt: skip
    shared.freeze()
    before = {k: p.copy() for k, p in model.params.items()}
    text = model.summary()
    rows = table(text)
    lines = text.splitlines()
    assert lines[3].split() == ["dense_1", "(Dense)", "4", "20", "frozen", "16", "32"]
    assert lines[4].split() == ["re_lu_1", "(ReLU)", "4", "0", "0", "32"]
    assert lines[5].split() == [
        "dense_1",
        "(Dense)",
        "4",
        "20",
        "frozen",
        "16",
        "0",
    ]  # x is relu's y
    # the second time, x is what relu has kept as its y
    assert rows["sequential_1"][:3] == ["3", "15", "12"]
    assert rows["total,"][-3] == "35", "a layer that stands twice has its parameters once"
    for key, p in model.params.items():
        np.testing.assert_array_equal(p, before[key])


def test_many_layers_keep_what_each_keeps() -> None:
    model = nc.Sequential([nc.Tanh() for _ in range(20)], input_shape=(1000,))
    assert table(model.summary())["total,"][-1] == f"{20 * 4000:,}"


def test_without_shapes() -> None:
    with pytest.raises(ValueError, match="the model has no shapes yet; give it an input_shape"):
        nc.Sequential([nc.Dense(2)]).summary()


def test_without_parameters() -> None:
    assert "parameters take 0 bytes" in nc.Sequential([nc.ReLU()], input_shape=(2,)).summary()
