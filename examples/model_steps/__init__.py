"""Parts of `improve_a_model.py`, in the order of their use, and a recipe for real chest X-rays.

- `images`: synthetic patients, or a data set, in three parts;
- `steps`: what a training can be set to, and the list of steps;
- `training`: one run, and what it is worth;
- `compare`: what comes after what, and the rule by which a step is judged;
- `records`: what is finished, on the disk;
- `drawing`: the picture;
- `pneumonia`: the recipe for PneumoniaMNIST.
"""
