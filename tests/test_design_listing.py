"""The lines that show what the package is: each must work as it stands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nanocnn as nc


def test_the_tour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    x, xv = rng.random((16, 12, 12, 3), np.float32), rng.random((6, 12, 12, 3), np.float32)
    labels, yv = rng.integers(0, 2, 16), rng.integers(0, 2, 6)
    monkeypatch.chdir(tmp_path)
    for name in ("folder/normal", "folder/cancer"):
        Path(name).mkdir(parents=True)
        Image.fromarray(np.full((9, 8, 3), 51, np.uint8)).save(f"{name}/0.png")

    # fmt: off
    model = nc.Sequential([nc.Conv2D(32, 3, activation="relu"), nc.MaxPool2D(2), nc.Flatten(), nc.Dense(2)],  # noqa: E501
                          input_shape=(12, 12, 3), seed=0)
    # fmt: on
    logits, cache = model.forward(x, training=True)
    loss, dlogits = nc.losses.softmax_cross_entropy(logits, labels)
    dx, grads = model.backward(dlogits, cache, need_dx=False)
    nc.Adam(learning_rate=1e-3).step(model.params, grads)
    model.compile(optimizer="adam", loss="softmax_cross_entropy", metrics=["accuracy"])
    model.fit(x, labels, epochs=10, batch_size=32, validation_data=(xv, yv))
    model.predict(x)
    scores = model.evaluate(x, labels)
    model.save("m.safetensors")
    loaded = nc.load("m.safetensors")
    nc.gradcheck.check_layer(nc.Conv2D(4, 3), input_shape=(9, 8, 2)).raise_if_failed()
    with nc.backend("reference"):
        slow = model(x)
    image, label = nc.data.open("folder")[0]

    assert dx is None
    assert abs(loss - np.log(2)) < 0.2
    assert set(grads) == set(model.params)
    np.testing.assert_allclose(slow, model(x), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))
    assert scores.accuracy == np.mean(model.predict(x).argmax(1) == labels)  # type: ignore[attr-defined]
    assert (image.shape, image.dtype, type(label)) == ((9, 8, 3), np.float32, int)
    np.testing.assert_allclose(image, 0.2, rtol=1e-6)


def test_the_large_model_of_the_listing_has_the_shapes_of_the_article() -> None:
    model = nc.Sequential(
        [nc.Conv2D(32, 3, activation="relu"), nc.MaxPool2D(2), nc.Flatten(), nc.Dense(2)],
        input_shape=(128, 128, 3),
        seed=0,
    )
    assert model.output_shape == (2,)
    assert {k: v.shape for k, v in model.params.items()} == {
        "conv2d_1.w": (3, 3, 3, 32),
        "conv2d_1.b": (32,),
        "dense_1.w": (63 * 63 * 32, 2),
        "dense_1.b": (2,),
    }
    assert all(p.dtype == np.float32 for p in model.params.values())
