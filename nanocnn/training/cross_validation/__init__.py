"""Training k models, each tested on the images that it has not seen."""

from .result import CrossValidation, Fold
from .run import cross_validate

__all__ = ["CrossValidation", "Fold", "cross_validate"]
