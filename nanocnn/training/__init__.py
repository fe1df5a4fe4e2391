"""The training loop and what belongs to it."""

from .callbacks import Callback
from .checkpoint import Checkpoint
from .cross_validation import CrossValidation, cross_validate
from .early_stopping import EarlyStopping
from .history import History
from .loop import Diverged
from .rate_range import RangeTest, lr_range_test
from .tuning import Tuning, integer, log_uniform, tune, uniform
from .weight_average import WeightAverage

__all__ = [
    "Callback",
    "Checkpoint",
    "CrossValidation",
    "Diverged",
    "EarlyStopping",
    "History",
    "RangeTest",
    "Tuning",
    "WeightAverage",
    "cross_validate",
    "integer",
    "log_uniform",
    "lr_range_test",
    "tune",
    "uniform",
]
