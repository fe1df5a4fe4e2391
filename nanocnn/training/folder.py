"""A folder that keeps what is finished of one run, so that the run can go on after an interruption.

The run's recipe is written first, and a folder with another one is refused. Every file is written
under another name and then renamed, so there are no half ones.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ..files import write_atomically
from .fingerprint import difference


def open_folder(
    folder: str | os.PathLike[str], name: str, recipe: dict[str, Any], what: str
) -> Path:
    """Return the folder, made if it is not there, with the recipe in a file of that name.

    Raises
    ------
    ValueError
        If there is something else in it; `what` says what it should be.
    """
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    path = place / name
    wanted = json.loads(json.dumps(recipe))
    if not path.exists():
        if any(not file.name.startswith(f".{name}.") for file in place.iterdir()):
            raise ValueError(
                f"folder {str(folder)!r} holds other files and no {name}; give an empty one"
            )
        write_atomically(path, json.dumps(wanted, indent=1).encode())
        return place
    try:
        found = json.loads(path.read_text("utf-8"))
        if not isinstance(found, dict):
            raise TypeError
    except (ValueError, TypeError):
        raise ValueError(f"{name} in {str(folder)!r} is damaged; give an empty folder") from None
    differs = difference(found, wanted)
    if differs:
        raise ValueError(
            f"folder {str(folder)!r} belongs to another {what}: {differs}; give another one"
        )
    return place
