"""Models: containers with the verbs compile, fit, evaluate, predict, summary, save."""

from .sequential import Sequential

__all__ = ["Sequential"]
