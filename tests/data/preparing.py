"""Random transforms of every kind, and all kinds once."""

from __future__ import annotations

import hypothesis.strategies as st

from nanocnn.data import transforms
from nanocnn.data.transforms import (
    CLAHE,
    Compose,
    Crop,
    CropOrPad,
    Denoise,
    EqualizeHistogram,
    IntensityWindow,
    MinMax,
    Pad,
    Resize,
    Transform,
    ZScore,
)

NAMES = {name: getattr(transforms, name) for name in transforms.__all__}

sides = st.integers(1, 12)
shares = st.floats(0, 1)
pads = st.integers(0, 4)
edges = st.tuples(pads, pads)
pair = st.tuples(sides, sides)
modes = st.sampled_from(["constant", "edge"])
methods = st.one_of(
    st.tuples(st.just("gaussian"), st.floats(0, 2)),
    st.tuples(st.just("median"), st.integers(0, 2)),
    st.tuples(st.just("nlm"), st.floats(0, 0.3)),
    st.tuples(st.just("tv"), st.floats(0, 0.5)),
)

geometric: st.SearchStrategy[Transform] = st.one_of(
    st.builds(Resize, size=sides | pair, keep_aspect=st.booleans()),
    st.builds(Crop, size=st.tuples(st.integers(1, 3), st.integers(1, 3))),
    st.builds(
        Crop, size=st.integers(1, 2), at=st.tuples(st.integers(0, 1), st.integers(0, 1)) | st.none()
    ),
    st.builds(Pad, padding=pads | edges | st.tuples(edges, edges), mode=modes, value=shares),
    st.builds(CropOrPad, size=sides | pair, mode=modes, value=shares),
)
scaling: st.SearchStrategy[Transform] = st.one_of(
    st.builds(IntensityWindow, center=shares, width=st.floats(0.01, 1)),
    st.builds(MinMax, target=st.sampled_from([(0, 1), (-1, 1)])),
    st.builds(MinMax, per_image=st.just(True), percentiles=st.sampled_from([(0, 100), (1, 99)])),
    st.builds(MinMax, low=st.floats(-1, 0.5), high=st.floats(0.5, 2)),
    st.builds(ZScore, per_image=st.booleans(), where=st.sampled_from(["all", "nonzero"])),
)
filters: st.SearchStrategy[Transform] = st.one_of(
    st.just(EqualizeHistogram()),
    st.builds(CLAHE, clip=st.floats(0.001, 1), tiles=st.integers(1, 9)),
    methods.map(lambda chosen: Denoise(method=chosen[0], strength=chosen[1])),
)
# Nothing that needs [0, 1] comes after what leaves it.
chains = st.builds(
    lambda *steps: Compose(steps),
    filters,
    st.sampled_from([Resize(size=5), CropOrPad(size=(4, 7)), Pad(padding=1)]),
    scaling,
)
anything = st.one_of(geometric, scaling, filters, chains)

EVERY_KIND: list[Transform] = [
    Resize(size=6),
    Resize(size=(6, 4), keep_aspect=True),
    Crop(size=(3, 2)),
    Pad(padding=((1, 2), (0, 3)), value=0.5),
    CropOrPad(size=(12, 5), mode="edge"),
    IntensityWindow(center=0.4, width=0.5),
    MinMax(),
    MinMax(per_image=True, percentiles=(5, 95), target=(-1, 1)),
    ZScore(),
    ZScore(per_image=True, where="nonzero"),
    EqualizeHistogram(),
    CLAHE(tiles=2),
    Denoise(method="gaussian", strength=1),
    Denoise(method="median", strength=1),
    Denoise(method="nlm", strength=0.2),
    Denoise(method="tv", strength=0.1),
    Compose([Pad(padding=1), MinMax(), Resize(size=5), ZScore()]),
]
