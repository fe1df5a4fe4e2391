"""Parts of `lung_nodule_malignancy.py`, in the order of their use.

- `cases`: what a part of the data is, and how a file becomes one;
- `phantoms`: synthetic nodules;
- `recipe`: training, and results a slice and a nodule beside the area alone;
- `diameter`: a second head that estimates millimetres;
- `drawing`: the pictures.
"""
