"""`nanocnn.data.medmnist`: the official MedMNIST files by name.

Checksums and names of classes are those of the MedMNIST project, version 3.0.2 of its `info.py`,
for images of 28x28 and volumes of 28x28x28 (Zenodo record 10519652). Each collection has a licence
of its own, CC BY 4.0 but for dermamnist (CC BY-NC 4.0), and asks to be cited: see medmnist.com.
"""

from __future__ import annotations

from pathlib import Path

from .dataset import ImageDataset
from .download import cache_folder, fetch
from .errors import DataError
from .images import check_channels, check_size
from .npz import open_npz

URL = "https://zenodo.org/records/10519652/files/{name}.npz?download=1"
_ORGANS = (
    *("bladder", "femur-left", "femur-right", "heart", "kidney-left", "kidney-right"),
    *("liver", "lung-left", "lung-right", "pancreas", "spleen"),
)

COLLECTIONS: dict[str, tuple[str, tuple[str, ...]]] = {  # MD5 and classes
    "pathmnist": (
        "a8b06965200029087d5bd730944a56c1",
        (
            *("adipose", "background", "debris", "lymphocytes", "mucus", "smooth muscle"),
            *("normal colon mucosa", "cancer-associated stroma"),
            "colorectal adenocarcinoma epithelium",
        ),
    ),
    "dermamnist": (
        "0744692d530f8e62ec473284d019b0c7",
        (
            *("actinic keratoses and intraepithelial carcinoma", "basal cell carcinoma"),
            *("benign keratosis-like lesions", "dermatofibroma", "melanoma", "melanocytic nevi"),
            "vascular lesions",
        ),
    ),
    "octmnist": (
        "c68d92d5b585d8d81f7112f81e2d0842",
        ("choroidal neovascularization", "diabetic macular edema", "drusen", "normal"),
    ),
    "pneumoniamnist": ("28209eda62fecd6e6a2d98b1501bb15f", ("normal", "pneumonia")),
    "retinamnist": ("bd4c0672f1bba3e3a89f0e4e876791e4", ("0", "1", "2", "3", "4")),
    "breastmnist": ("750601b1f35ba3300ea97c75c52ff8f6", ("malignant", "normal, benign")),
    "bloodmnist": (
        "7053d0359d879ad8a5505303e11de1dc",
        (
            *("basophil", "eosinophil", "erythroblast"),
            "immature granulocytes(myelocytes, metamyelocytes and promyelocytes)",
            *("lymphocyte", "monocyte", "neutrophil", "platelet"),
        ),
    ),
    "tissuemnist": (
        "ebe78ee8b05294063de985d821c1c34b",
        (
            *("Collecting Duct, Connecting Tubule", "Distal Convoluted Tubule"),
            *("Glomerular endothelial cells", "Interstitial endothelial cells", "Leukocytes"),
            *("Podocytes", "Proximal Tubule Segments", "Thick Ascending Limb"),
        ),
    ),
    "organamnist": ("68e3f8846a6bd62f0c9bf841c0d9eacc", _ORGANS),
    "organcmnist": ("b9ceb9546e10131b32923c5bbeaea2b1", _ORGANS),
    "organsmnist": ("9ab87b696fb54e2a387ebe992d6ed5f1", _ORGANS),
    "organmnist3d": (
        "a0c5a1ff56af4f155c46d46fbb45a2fe",
        (
            *("liver", "kidney-right", "kidney-left", "femur-right", "femur-left", "bladder"),
            *("heart", "lung-right", "lung-left", "spleen", "pancreas"),
        ),
    ),
    "nodulemnist3d": ("8755a7e9e05a4d9ce80a24c3e7a256f3", ("benign", "malignant")),
    "adrenalmnist3d": ("bbd3c5a5576322bc4cdfea780653b1ce", ("normal", "hyperplasia")),
    "fracturemnist3d": (
        "6aa7b0143a6b42da40027a9dda61302f",
        ("buckle rib fracture", "nondisplaced rib fracture", "displaced rib fracture"),
    ),
    "vesselmnist3d": ("b41fd4f7e7e2feedddb201585ecafa1b", ("vessel", "aneurysm")),
    "synapsemnist3d": (
        "1235b78a3cd6280881dd7850a78eadb6",
        ("inhibitory synapse", "excitatory synapse"),
    ),
}


def medmnist(
    name: str,
    *,
    size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    axis: int | None = None,
    folder: str | Path | None = None,
    progress: bool = True,
) -> ImageDataset:
    """Open a MedMNIST collection by its name; download it the first time.

    Parameters
    ----------
    name : str                      such as "pneumoniamnist" or "nodulemnist3d"
    size, channels : see `nanocnn.data.open`
    axis : 0, 1, 2 or None          of volumes: cut them along this axis; None is 0
    folder : folder or None
        Where the file is kept; None: NANOCNN_DATA_CACHE, or `nanocnn/data` in the user's cache
    progress : bool                 show a bar on a terminal

    Returns
    -------
    dataset : ImageDataset          with the official parts "train", "val", "test" and class names

    Raises
    ------
    DataError
        If the name is unknown, or the file cannot be downloaded or is not the published one.

    Examples
    --------
    >>> import nanocnn as nc
    >>> train = nc.data.medmnist("pneumoniamnist").part("train")      # doctest: +SKIP
    """
    if name == "chestmnist":
        raise DataError("chestmnist has 14 labels an image; needed is one, choose another")
    if name not in COLLECTIONS:
        raise DataError(f"no collection {name!r}; give one of {', '.join(COLLECTIONS)}")
    if axis is not None and (axis not in (0, 1, 2) or not name.endswith("3d")):
        raise DataError(f"axis={axis!r} does not fit {name}; give 0, 1 or 2 for volumes alone")
    check_channels(channels)
    check_size(size)
    md5, classes = COLLECTIONS[name]
    target = (cache_folder() if folder is None else Path(folder)) / f"{name}.npz"
    path = fetch(URL.format(name=name), md5, target, progress=progress)
    return open_npz(path, size=size, channels=channels, axis=axis, classes=classes)
