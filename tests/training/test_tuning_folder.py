"""`tune` goes on after an interruption, to the same bits; folders of another search are refused."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nanocnn as nc
from nanocnn.training import uniform
from tests.training.trials import SPACE, X, Y, build, dataset, run, table

ROOT = Path(__file__).parents[2]


class InterruptIn(nc.Callback):
    """Raise in the midst of the training with this number, from 1; count all of them."""

    def __init__(self, training: int) -> None:
        self.training, self.begun = training, 0

    def on_train_begin(self) -> None:
        self.begun += 1

    def on_batch_end(self, batch: int, logs: Any) -> None:
        if self.begun == self.training and batch == 1:
            raise KeyboardInterrupt


def watched(callback: nc.Callback) -> Any:
    def spied(learning_rate: float, filters: int, batch_size: int, seed: int) -> Any:
        model, options = build(learning_rate, filters, batch_size, seed)
        return model, {**options, "callbacks": [callback]}

    return spied


@pytest.mark.parametrize("at", [2, 8, 10])
def test_an_interruption_in_the_midst_costs_nothing(at: int, tmp_path: Path) -> None:
    whole = run(build=watched(InterruptIn(0)))
    with pytest.raises(KeyboardInterrupt):
        run(build=watched(InterruptIn(at)), folder=tmp_path)
    names = [path.name for path in tmp_path.iterdir()]
    assert len(names) == at, "the recipe, and the trainings before"
    again = InterruptIn(0)
    assert table(run(build=watched(again), folder=tmp_path)) == table(whole)
    assert again.begun == 10 - (at - 1)
    nothing = InterruptIn(1)
    assert table(run(build=watched(nothing), folder=tmp_path)) == table(whole)
    assert nothing.begun == 0


def test_a_process_that_is_killed_costs_nothing(tmp_path: Path) -> None:
    """SIGKILL after the third training: wherever it hits, the rest comes to the same."""
    folder = tmp_path / "out"
    code = (
        "import sys, nanocnn as nc; from tests.training.trials import run\n"
        "with nc.backend(sys.argv[2]): run(folder=sys.argv[1])"
    )
    command = [sys.executable, "-c", code, str(folder), nc.current_backend()]
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": path}
    with subprocess.Popen(command, env=environment) as process:
        while len(list(folder.glob("trial_*.json"))) < 3 and process.poll() is None:
            time.sleep(0.001)
        process.kill()
    assert 3 <= len(list(folder.glob("trial_*.json"))) <= 10
    assert table(run(folder=folder)) == table(run())


def test_damaged_files_are_made_again(tmp_path: Path) -> None:
    whole = run(folder=tmp_path)
    first, second, *_ = sorted(tmp_path.glob("trial_*.json"))
    first.write_bytes(first.read_bytes()[:-5])
    second.write_text("{}")
    (tmp_path / ".trial_0_epochs_1.json.half").write_text("left by a process that was killed")
    assert table(run(folder=tmp_path)) == table(whole)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"trials": 7}, "trials is 6 there and 7 here"),
        ({"seed": 1}, "seed is 0 there and 1 here"),
        (
            {"space": {**SPACE, "learning_rate": uniform(0.1, 0.2)}},
            "space.learning_rate.type is 'log_uniform' there",
        ),
        ({"monitor": "val_accuracy"}, "monitor is 'val_loss' there and 'val_accuracy' here"),
        ({"label_smoothing": 0.1}, "label_smoothing is 0.0 there and 0.1 here"),
        ({"data": (X, 1 - Y)}, "data is '"),
        ({"validation_data": (X, Y)}, "data is '"),
    ],
)
def test_a_folder_of_another_search_is_refused(
    change: dict[str, Any], says: str, tmp_path: Path
) -> None:
    few: dict[str, Any] = {"epochs": 1, "folder": tmp_path}
    run(**few)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ValueError, match=f"belongs to another search: {says}") as told:
        run(**{**few, **change})
    assert "\n" not in str(told.value)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_data_set_is_known_again(tmp_path: Path) -> None:
    parts = np.array(["train", "val"] * 20)
    whole = run(dataset(parts), epochs=1, folder=tmp_path)
    assert run(dataset(parts), epochs=1, folder=tmp_path).to_json() == whole.to_json()
    with pytest.raises(ValueError, match="data is '"):
        run(dataset(parts[::-1]), epochs=1, folder=tmp_path)


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("all my work")
    with pytest.raises(ValueError, match=r"holds other files and no tune\.json"):
        run(folder=tmp_path)
