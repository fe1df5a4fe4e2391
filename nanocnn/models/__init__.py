"""Models: containers with the verbs compile, fit, evaluate, predict, summary, save."""

from .article import article_cnn
from .densenet import densenet
from .folding import fold_batch_norm
from .resnet import resnet
from .sequential import Sequential
from .unet import unet

__all__ = ["Sequential", "article_cnn", "densenet", "fold_batch_norm", "resnet", "unet"]
