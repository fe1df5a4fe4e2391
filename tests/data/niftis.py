"""How a slice of a NIfTI volume is to be shown."""

from __future__ import annotations

import numpy as np


def shown(plane: np.ndarray) -> np.ndarray:
    """Turn a slice of a volume in RAS, (across, up, ...): right hand left, nose or crown up."""
    return np.rot90(plane)[:, ::-1]
