"""The size that compressed pixels declare, read before anything is decoded.

A decoder allocates what the compressed data ask for, whatever the file around them says: a few
bytes can ask for gigabytes. So the size is read here first.
"""

from __future__ import annotations

_J2K_START = b"\xff\x4f\xff\x51"  # start of codestream, then the SIZ segment
_JPEG_START = b"\xff\xd8"
# Start-of-frame markers of JPEG (DHT, JPG and DAC lie among them) and JPEG-LS.
_FRAME_MARKERS = frozenset({*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC})
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})


def codestream_size(data: bytes) -> tuple[int, int, int] | None:
    """Return (H, W, C) of a JPEG, JPEG-LS or JPEG 2000 codestream; None for anything else."""
    start = data.find(_J2K_START, 0, 4096)  # the boxes of a JP2 file may stand before it
    if start >= 0 and len(data) >= start + 42:
        x1, y1, x0, y0 = (_number(data, start + 8 + 4 * k, 4) for k in range(4))
        return y1 - y0, x1 - x0, _number(data, start + 40, 2)
    if data[:2] != _JPEG_START:
        return None
    at = 2
    while at + 10 <= len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker in _FRAME_MARKERS:
            return _number(data, at + 5, 2), _number(data, at + 7, 2), data[at + 9]
        if marker == 0xFF:
            at += 1  # a fill byte
        elif marker in _WITHOUT_LENGTH:
            at += 2
        else:
            at += 2 + _number(data, at + 2, 2)
    return None


def _number(data: bytes, at: int, length: int) -> int:
    return int.from_bytes(data[at : at + length], "big")
