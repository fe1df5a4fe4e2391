"""What `brain_tumour_segmentation.py` is made of: its data, its recipe, its measures."""
