"""The one error that everything in `nanocnn.data` raises for bad data."""

from __future__ import annotations


class DataError(ValueError):
    """Images, labels or files that cannot be used; the message is one line.

    It says what was given, what was needed and what to do. Files of a data set are named by their
    path below the data set's root, so a message can be shown or logged without giving away where
    the data lies.
    """
