"""What a model was compiled with, damaged in its file: one line that says so."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import nanocnn as nc

from .test_damaged_files import contents, refused, written


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loss": "hinge"}, "loss 'hinge' is unknown"),
        ({"metrics": ["auc"]}, "metric 'auc' is unknown"),
        ({"metrics": "accuracy"}, "metric 'a' is unknown"),
        ({"optimizer": {"name": "Lion"}}, "optimizer 'Lion' is unknown"),
        ({"optimizer": {"name": "SGD", "speed": 1}}, "TypeError: .*'speed'"),
        ({"optimizer": {"name": "SGD", "learning_rate": -1}}, "learning_rate must be"),
        ({"optimizer": {"name": "SGD", "learning_rate": 10**400}}, "OverflowError|learning_rate"),
        ({"custom": ["f"]}, "'f' is a function of your own"),
    ],
)
def test_what_it_was_compiled_with(change: Any, message: str, tmp_path: Path) -> None:
    about, tensors = contents()
    about["compile"] |= change
    path = written(tmp_path, json.dumps(about), tensors)
    assert re.search(f"what it was compiled with cannot be restored: .*({message})", refused(path))
    assert nc.load(path, compile=False).loss is None
