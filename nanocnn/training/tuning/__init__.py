"""The search for hyper-parameters: random trials, of which the better half, or third, go on."""

from .run import tune
from .space import integer, log_uniform, uniform
from .trials import Trial, Tuning

__all__ = ["Trial", "Tuning", "integer", "log_uniform", "tune", "uniform"]
