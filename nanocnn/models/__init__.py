"""Models: containers with the verbs compile, fit, evaluate, predict, summary, save."""

from .article import article_cnn
from .densenet import densenet
from .resnet import resnet
from .sequential import Sequential
from .unet import unet

__all__ = ["Sequential", "article_cnn", "densenet", "resnet", "unet"]
