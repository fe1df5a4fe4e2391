"""Finished trainings on the disk, so that an interrupted search goes on where it was.

tune.json                       the recipe: data, space, model, training; another is refused
trial_3_epochs_9.json           score, seconds, history, and why it failed if it did
"""

from __future__ import annotations

import json
import os
from typing import Any, NamedTuple

from ...files import write_atomically
from ..folder import open_folder

RECIPE = "tune.json"


class Outcome(NamedTuple):
    """What came of training one trial for one number of epochs."""

    score: float | None
    seconds: float
    failed: str
    history: dict[str, list[float]]


class Store:
    """A folder with the trainings of one search.

    Raises
    ------
    ValueError
        If there is another one in it.
    """

    def __init__(self, folder: str | os.PathLike[str], recipe: dict[str, Any]) -> None:
        self.folder = open_folder(folder, RECIPE, recipe, "search")

    def load(self, trial: int, epochs: int) -> Outcome | None:
        """Return the outcome of a training if it is finished and whole."""
        try:
            text = (self.folder / f"trial_{trial}_epochs_{epochs}.json").read_text("utf-8")
            return Outcome(**json.loads(text))
        except (OSError, ValueError, TypeError):
            return None

    def save(self, trial: int, epochs: int, outcome: Outcome) -> None:
        """Write the outcome of a training."""
        data = json.dumps(outcome._asdict()).encode()
        write_atomically(self.folder / f"trial_{trial}_epochs_{epochs}.json", data)
