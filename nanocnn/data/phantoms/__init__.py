"""Synthetic medical images with known answers, for learning and for testing."""

from nanocnn.data.phantoms.lung_ct import LungCT, lung_ct

__all__ = ["LungCT", "lung_ct"]
