"""The costs of a start: what is counted, in which order it runs, and quick runs without peers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import cold_start, installed_size, memory_peak
from benchmarks.peer_libraries import once

ROOT = Path(__file__).parents[2]


def run(*command: str) -> str:
    """Run a script of `benchmarks` that must succeed in silence, and return what it prints."""
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def shows_something(path: Path) -> bool:
    """Tell whether a picture has a light background with something coloured on it."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    white, colourful = (pixels.min(axis=2) > 250).mean(), np.ptp(pixels, axis=2) > 60
    return bool(white > 0.5 and 0.001 < colourful.mean() < 0.4)


def test_a_blank_picture_shows_nothing(tmp_path: Path) -> None:
    Image.new("RGB", (50, 50), "white").save(tmp_path / "blank.png")
    assert not shows_something(tmp_path / "blank.png")


def install(folder: Path, name: str, files: dict[str, int], needs: tuple[str, ...] = ()) -> None:
    """Write a distribution with files of the given sizes, as pip would."""
    for path, size in files.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(b"x" * size)
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    head = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    (info / "METADATA").write_text(head + "".join(f"Requires-Dist: {n}\n" for n in needs))
    (info / "RECORD").write_text("".join(f"{path},,\n" for path in [*files, "not/there.py"]))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with distributions that need each other, and one that nobody needs."""
    needs = ('zz_middle>=1; python_version >= "3"', "zz-windows; sys_platform == 'nothing'",
             "zz-extra; extra == 'more'", "zz-missing")  # fmt: skip
    install(tmp_path, "zz_top", {"zz_top/a.py": 1000, "zz_top/b.py": 200}, needs)
    install(tmp_path, "zz_middle", {"zz_middle/a.py": 30}, ("ZZ.Low", "zz-top"))
    install(tmp_path, "zz_low", {"zz_low/a.py": 4, "zz_middle/a.py": 30})
    for name in ("zz_windows", "zz_extra"):
        install(tmp_path, name, {f"{name}/a.py": 77777})
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("site")
def test_a_package_and_what_it_needs() -> None:
    assert set(installed_size.closure("zz_top")) == {"zz-top", "zz-middle", "zz-low"}
    assert installed_size.installed_bytes("zz_top") == (1200, 1234)  # a shared file counts once
    assert installed_size.installed_bytes("zz_low") == (34, 34)
    with pytest.raises(PackageNotFoundError):
        installed_size.installed_bytes("zz_missing")


def test_a_package_that_is_installed_in_place(site: Path) -> None:
    (site / "elsewhere").mkdir()
    (site / "elsewhere" / "a.py").write_bytes(b"x" * 5)
    assert installed_size.installed_bytes("zz_top", site / "elsewhere") == (5, 39)


def test_runs_take_turns() -> None:
    order: list[str] = []

    def returning(name: str, seconds: float) -> Callable[[], float]:
        def run() -> float:
            order.append(name)
            return seconds

        return run

    runs = {name: returning(name, seconds) for name, seconds in (("a", 1.0), ("b", 2), ("c", 3))}
    found = cold_start.in_turns(runs, 3)
    assert "".join(order) == "abcbcacab"
    assert found == {"a": [1.0] * 3, "b": [2.0] * 3, "c": [3.0] * 3}


def test_rows_and_lines() -> None:
    what = cold_start.IMPORTS
    ours, theirs = cold_start.rows_of(what, {"nanocnn": [0.3, 0.1, 0.2, 0.4], "torch": [2.0]})
    assert ours["median"] == pytest.approx(0.25)
    assert ours["quartiles"] == pytest.approx([0.175, 0.325])
    assert (ours["must"], ours["aim"], theirs["must"]) == (0.4, 0.25, None)
    assert cold_start.line(ours).split()[-6:] == ["0.25", "0.175", "to", "0.325", "0.4", "0.25"]
    assert cold_start.line(theirs).split()[-2:] == ["torch", "2"]


def test_memory_over_pytorch() -> None:
    def runs(*megabytes: float) -> list[dict[str, float]]:
        return [{"before": 10.0, "peak": 10 + m, "training": m} for m in megabytes]

    found = {"nanocnn": runs(30, 20, 40), "torch": runs(100), "torch-channels-last": runs(60)}
    ours = memory_peak.rows_of(found)[0]
    assert ours["median"] == 30
    assert ours["of PyTorch's"] == 0.5
    assert (ours["must"], ours["aim"]) == (48, 30)
    assert "of PyTorch's" not in memory_peak.rows_of({"nanocnn": runs(30)})[0]


def test_a_peak_is_seen_although_the_memory_is_given_back() -> None:
    code = """
import numpy as np
from benchmarks.peer_libraries import once
before = once.start_weighing()
np.ones(40_000_000, np.uint8)
print(before, once.peak())
"""
    before, peak = map(int, run("-c", code).split())
    assert 30e6 < peak - before < 60e6
    assert once.peak() > 1e6


@pytest.mark.slow
def test_a_cold_start_without_peers(tmp_path: Path) -> None:
    told = run("benchmarks/cold_start.py", "--smoke", "--threads", "1", "--out", str(tmp_path))
    assert "must" in told
    rows = json.loads((tmp_path / "cold_start.json").read_text())["rows"]
    found = {(row["what"], row["name"]): row["median"] for row in rows}
    assert set(cold_start.TARGETS) < set(found)
    assert all(np.isfinite(value) and value > 0 for value in found.values())
    assert found[cold_start.SIZES, "nanocnn itself"] < found[cold_start.SIZES, "nanocnn"]
    assert shows_something(tmp_path / "cold_start.png")


def test_memory_without_peers(tmp_path: Path) -> None:
    told = run("benchmarks/memory_peak.py", "--smoke", "--threads", "1", "--out", str(tmp_path))
    assert "imports, data" in told
    (row,) = json.loads((tmp_path / "memory_peak.json").read_text())["rows"]
    assert row["name"] == "nanocnn"
    # at the least, parameters, gradients and Adam's two averages, each 57600 x 64 float32
    assert row["median"] > 4 * 14.7
    assert row["peak"] == pytest.approx(row["before"] + row["median"])
    assert shows_something(tmp_path / "memory_peak.png")
