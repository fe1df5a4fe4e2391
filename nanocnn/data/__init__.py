"""Images and labels: reading, splitting, and synthetic data.

>>> import nanocnn as nc
>>> dataset = nc.data.open("folder or file.npz", size=128)     # doctest: +SKIP
>>> x, y = dataset.arrays()                                     # doctest: +SKIP
"""

from . import phantoms, transforms
from .augmentation import Augment, mixup
from .dataset import ImageDataset
from .errors import DataError
from .images import read_image
from .leaks import LeakWarning, check_leaks
from .loader import DataLoader
from .medmnist_files import medmnist
from .preparation import Preparation
from .privacy import pseudonym
from .source import open
from .split import kfold, stratified_split

__all__ = [
    "Augment",
    "DataError",
    "DataLoader",
    "ImageDataset",
    "LeakWarning",
    "Preparation",
    "check_leaks",
    "kfold",
    "medmnist",
    "mixup",
    "open",
    "phantoms",
    "pseudonym",
    "read_image",
    "stratified_split",
    "transforms",
]
