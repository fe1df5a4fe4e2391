"""Augmenting: every epoch shows the network each image a little differently."""

from .mixing import mixup
from .policy import Augment

__all__ = ["Augment", "mixup"]
