"""Transforms out of the dictionaries that model files hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from ..errors import DataError
from .base import Transform


def from_config(
    config: Any, *, custom_objects: Mapping[str, type[Transform]] | None = None
) -> Transform:
    """Return the transform whose `to_config` this is.

    Parameters
    ----------
    config : dict       {"name": "IntensityWindow", "center": 0.4, "width": 0.5}
    custom_objects : dict of str to class, optional     classes of the caller's, by name

    Raises
    ------
    DataError
        If the name is unknown or a setting is wrong. Nothing is imported and nothing is executed,
        whatever the dictionary holds.
    """
    from .. import transforms  # here: it is complete only when this file has been read

    names = set(transforms.__all__) - {"Transform", "from_config"}
    known: dict[str, type[Transform]] = {name: getattr(transforms, name) for name in names}
    known |= custom_objects or {}
    if not isinstance(config, dict) or not isinstance(config.get("name"), str):
        raise DataError(f"{config!r:.60} is no transform; give what its to_config returned")
    name, settings = config["name"], {k: v for k, v in config.items() if k != "name"}
    if name not in known:
        raise DataError(
            f"the transform {name!r:.60} is unknown; known are {', '.join(sorted(known))}: of one "
            "of your own give the class, custom_objects={'TheClass': TheClass}"
        )
    kind = known[name]
    strange = set(settings) - {f.name for f in fields(kind)}
    if strange:
        raise DataError(f"{name} has no setting {min(map(repr, strange)):.60}; remove it")
    if name == "Compose":
        settings["steps"] = _steps(settings.get("steps"), custom_objects)
    try:
        return kind(**{key: _tuples(value) for key, value in settings.items()})
    except (TypeError, OverflowError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise DataError(
            f"{name} cannot be made ({reason:.120}); give what to_config returned"
        ) from None


def _steps(steps: Any, custom_objects: Mapping[str, type[Transform]] | None) -> list[Transform]:
    """Return the steps of a chain: a flat list, as to_config writes it."""
    if not isinstance(steps, list):
        raise DataError(f"Compose: steps are {steps!r:.60}; needed is a list of transforms")
    if any(isinstance(step, dict) and step.get("name") == "Compose" for step in steps):
        raise DataError("Compose: a step is a Compose again; needed is a flat list of transforms")
    return [from_config(step, custom_objects=custom_objects) for step in steps]


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
