"""The training loop and what belongs to it."""

from .callbacks import Callback
from .checkpoint import Checkpoint
from .cross_validation import CrossValidation, cross_validate
from .early_stopping import EarlyStopping
from .history import History
from .loop import Diverged
from .tuning import Tuning, integer, log_uniform, tune, uniform

__all__ = [
    "Callback",
    "Checkpoint",
    "CrossValidation",
    "Diverged",
    "EarlyStopping",
    "History",
    "Tuning",
    "cross_validate",
    "integer",
    "log_uniform",
    "tune",
    "uniform",
]
