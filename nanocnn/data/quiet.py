"""Silence warnings of other libraries while a file is read, safely from several threads."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

# Warning filters belong to the whole process: two threads that set and restore them in turn would
# leave each other's behind. Everything in this package that touches them does so here.
_lock = threading.RLock()


@contextmanager
def warnings_as(
    action: Literal["error", "ignore"], category: type[Warning] = Warning
) -> Iterator[None]:
    """Raise or ignore the warnings of one category inside the `with` block."""
    with _lock, warnings.catch_warnings():
        warnings.simplefilter(action, category)
        yield
