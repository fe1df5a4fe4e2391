"""The parts of `retina_screening.py`: photographs, patches of them, two models, and pictures."""
