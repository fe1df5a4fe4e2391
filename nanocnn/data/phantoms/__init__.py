"""Synthetic medical images with known answers, for learning and for testing."""

from nanocnn.data.phantoms.brain_mri import BrainMRI, brain_mri
from nanocnn.data.phantoms.fundus import Fundus, fundus
from nanocnn.data.phantoms.lung_ct import LungCT, lung_ct

__all__ = ["BrainMRI", "Fundus", "LungCT", "brain_mri", "fundus", "lung_ct"]
