"""The training loop and what belongs to it."""

from .callbacks import Callback
from .cross_validation import CrossValidation, cross_validate
from .history import History
from .loop import Diverged

__all__ = ["Callback", "CrossValidation", "Diverged", "History", "cross_validate"]
