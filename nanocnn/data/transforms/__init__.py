"""Preparing: what is done to every image before a network sees it, in training and ever after.

>>> from nanocnn.data.transforms import CLAHE, Compose, Resize, ZScore
>>> prepare = Compose([Resize(size=128), CLAHE(), ZScore()]).fit(train)      # doctest: +SKIP
>>> x = prepare(x)                                                           # doctest: +SKIP
>>> x, masks = prepare(x, masks)                                             # doctest: +SKIP
"""

from .base import Transform
from .compose import Compose
from .config import from_config
from .crop import Crop, CropOrPad, Pad
from .denoise import Denoise
from .equalize import CLAHE, EqualizeHistogram
from .minmax import MinMax
from .resize import Resize
from .window import IntensityWindow
from .zscore import ZScore

__all__ = [
    "CLAHE",
    "Compose",
    "Crop",
    "CropOrPad",
    "Denoise",
    "EqualizeHistogram",
    "IntensityWindow",
    "MinMax",
    "Pad",
    "Resize",
    "Transform",
    "ZScore",
    "from_config",
]
