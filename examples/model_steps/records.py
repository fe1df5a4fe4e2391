"""What is finished, on the disk, so that an interrupted comparison goes on where it was.

recipe.json         the data and the options; a folder with others is refused
runs.jsonl          a line for each finished run: settings, seed, measures
weights/            the networks of the base and of the best settings so far
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import nanocnn as nc
from nanocnn.files import write_atomically
from nanocnn.training.folder import open_folder

from .steps import Settings


class Records:
    """The finished runs in a folder.

    Raises
    ------
    ValueError
        If the folder belongs to a comparison with other data or options.
    """

    def __init__(self, folder: Path, recipe: dict[str, Any]) -> None:
        self.folder = open_folder(folder, "recipe.json", recipe, "comparison")
        self.file = self.folder / "runs.jsonl"
        self.runs = [] if not self.file.exists() else self._read()

    def _read(self) -> list[dict[str, Any]]:
        lines = self.file.read_text("utf-8").splitlines()
        try:
            return [json.loads(line) for line in lines]
        except ValueError:
            raise ValueError(f"{str(self.file)!r} is damaged; delete it to start again") from None

    def find(self, settings: Settings, seed: int) -> dict[str, Any] | None:
        """Return the line of a run, or None if it is not finished."""
        wanted = (asdict(settings), seed)
        found = [run for run in self.runs if (run["settings"], run["seed"]) == wanted]
        return found[0] if found else None

    def add(self, model: nc.Sequential, settings: Settings, seed: int, **measured: Any) -> None:
        """Keep a network, then its line: whoever finds the line finds the network, too."""
        path = self.weights(settings, seed)
        path.parent.mkdir(exist_ok=True)
        model.save(path)
        self.runs.append({"settings": asdict(settings), "seed": seed, **measured})
        text = "".join(json.dumps(run) + "\n" for run in self.runs)
        write_atomically(self.file, text.encode())

    def weights(self, settings: Settings, seed: int) -> Path:
        """Return where the network of a run is."""
        name = hashlib.sha256(json.dumps(asdict(settings)).encode()).hexdigest()[:12]
        return self.folder / "weights" / f"{name}_seed_{seed}.safetensors"

    def keep_only(self, *chosen: Settings) -> None:
        """Delete the networks of all other settings; their lines stay."""
        kept = {self.weights(s, run["seed"]) for s in chosen for run in self.runs}
        for path in (self.folder / "weights").glob("*.safetensors"):
            if path not in kept:
                path.unlink()
