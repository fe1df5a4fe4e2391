"""Look at a picture that was written."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image


def check_png(path: Path) -> None:
    with Image.open(path) as image:
        image.load()
        assert image.format == "PNG"
        assert min(image.size) >= 300
        assert len(image.convert("RGB").getcolors(1 << 24)) > 10  # not an empty sheet


def texts(figure: Figure) -> str:
    from matplotlib.text import Text

    return "\n".join(t.get_text() for t in figure.findobj(Text))
