"""Finished folds on the disk, so that an interrupted cross-validation goes on where it was.

cross_validation.json       the recipe: data, folds, model, training; another one is refused
fold_1.safetensors          the model, see `nanocnn.load`
fold_1.npz                  test: the images that it was tested on; outputs: for these
fold_1.json                 scores and history; written last: a fold without it starts again
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from ...files import write_atomically
from ..folder import open_folder
from .result import Fold

RECIPE = "cross_validation.json"


class Store:
    """A folder with the folds of one cross-validation.

    Raises
    ------
    ValueError
        If there is another one in it.
    """

    def __init__(self, folder: str | os.PathLike[str], recipe: dict[str, Any]) -> None:
        self.folder = open_folder(folder, RECIPE, recipe, "cross-validation")

    def model_path(self, k: int) -> Path:
        """Return where the model of a fold is; the first is 0."""
        return self.folder / f"fold_{k + 1}.safetensors"

    def load(self, k: int, test: Any) -> Fold | None:
        """Return a fold if it is finished and whole."""
        name = self.folder / f"fold_{k + 1}"
        try:
            about = json.loads(name.with_suffix(".json").read_text("utf-8"))
            with open(name.with_suffix(".npz"), "rb") as stream:
                arrays = np.load(stream, allow_pickle=False)
                found, outputs = arrays["test"], arrays["outputs"]
            fold = Fold(test, about["n_train"], about["scores"], about["history"], outputs)
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
            return None
        whole = self.model_path(k).exists() and np.array_equal(found, test)
        return fold if whole and len(outputs) == len(test) else None

    def save(self, k: int, fold: Fold, model: Any) -> None:
        """Write a fold that is finished."""
        name = self.folder / f"fold_{k + 1}"
        model.save(self.model_path(k))
        arrays = io.BytesIO()
        np.savez(arrays, test=fold.test, outputs=fold.outputs)
        write_atomically(name.with_suffix(".npz"), arrays.getvalue())
        about = {"n_train": fold.n_train, "scores": fold.scores, "history": fold.history}
        write_atomically(name.with_suffix(".json"), json.dumps(about).encode())
