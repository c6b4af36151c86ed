"""In which order two visits are computed: swapping them must negate every change, to the last bit."""

from __future__ import annotations

from trichoscan.records import Analysis


def is_swapped(baseline: Analysis, followup: Analysis) -> bool:
    """Whether the follow-up is computed first.

    That depends on the two photos alone, not on which is called baseline: the lesser sha256 comes first, and
    of one photo measured twice the one with the lesser hairs.
    """
    if baseline.sha256 != followup.sha256:
        return followup.sha256 < baseline.sha256
    return _content(followup) < _content(baseline)


def _content(analysis: Analysis) -> tuple[float, int, bytes]:
    """What tells two analyses of one file from each other."""
    hairs = b"".join(hair.path_px.tobytes() + bytes(str(hair.confidence), "ascii") for hair in analysis.hairs)
    return analysis.um_per_px or 0.0, len(analysis.hairs), hairs
