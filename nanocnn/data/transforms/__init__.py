"""Preparing: what is done to every image before a network sees it, in training and ever after.

>>> from nanocnn.data.transforms import Compose, IntensityWindow
>>> prepare = Compose([IntensityWindow(center=0.4, width=0.5)])
>>> x = prepare(x)                                              # doctest: +SKIP
"""

from .base import Transform
from .compose import Compose
from .config import from_config
from .window import IntensityWindow

__all__ = ["Compose", "IntensityWindow", "Transform", "from_config"]
