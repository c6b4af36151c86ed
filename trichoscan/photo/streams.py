"""Sizes of compressed pictures, read from their markers before anything is decoded."""

from __future__ import annotations


def codestream_size(stream: bytes) -> tuple[int, int] | None:
    """Width and height that a JPEG, JPEG-LS or JPEG 2000 stream states; None where none is found.

    Markers as in ITU-T T.81 (SOF), T.87 (SOF55) and T.800 (SIZ).
    """
    if stream[:4] == b"\xff\x4f\xff\x51":
        right, bottom, left, top = (int.from_bytes(stream[i : i + 4], "big") for i in (8, 12, 16, 20))
        return right - left, bottom - top
    at = 2
    while stream[:2] == b"\xff\xd8" and at + 9 <= len(stream) and stream[at] == 0xFF:
        marker = stream[at + 1]
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            height, width = (int.from_bytes(stream[i : i + 2], "big") for i in (at + 5, at + 7))
            return width, height
        at += 1 if marker == 0xFF else 2 + max(int.from_bytes(stream[at + 2 : at + 4], "big"), 2)
    return None
