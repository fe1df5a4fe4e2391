"""The training loop and what belongs to it."""

from .callbacks import Callback
from .history import History
from .loop import Diverged

__all__ = ["Callback", "Diverged", "History"]
