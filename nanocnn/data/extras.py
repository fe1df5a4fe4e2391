"""Import what the extra `medical` brings, or say in one line what to install."""

from __future__ import annotations

import importlib
from typing import Any

from .errors import DataError


def require(module: str, purpose: str) -> Any:
    """Return the imported module.

    Parameters
    ----------
    module : str        such as "pydicom" or "nibabel.arrayproxy"
    purpose : str       such as "DICOM files"

    Raises
    ------
    DataError
        If it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.split(".")[0]
        raise DataError(
            f'{purpose} need {package}, which is not installed: pip install "nanocnn[medical]"'
        ) from error
