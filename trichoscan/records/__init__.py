"""The records that travel between the stages; numpy only.

Letters for shapes: H, W rows and columns of a photo in px; h, w rows and columns of the network's
maps; S channels; N points of a path; K hairs or peaks of a photo; R, C rows and columns of a grid of nodes.

Points are (x, y) in px; the origin is the centre of the photo's top-left pixel. Angles are in
radians, measured from +x towards +y (clockwise on the screen). Arrays are never changed in place.
"""

from trichoscan.records.change import Change, Growth, HairFate, MeasureChange, Response
from trichoscan.records.error import TrichoscanError
from trichoscan.records.estimate import Estimate
from trichoscan.records.hairs import Analysis, Hair, Peaks, Segmentation
from trichoscan.records.pairs import Alignment, Match, MatchKind, Pairing
from trichoscan.records.photo import Photo, Quality, ScaleSource, TargetArea

__all__ = [
    "Alignment",
    "Analysis",
    "Change",
    "Estimate",
    "Growth",
    "Hair",
    "HairFate",
    "Match",
    "MatchKind",
    "MeasureChange",
    "Pairing",
    "Peaks",
    "Photo",
    "Quality",
    "Response",
    "ScaleSource",
    "Segmentation",
    "TargetArea",
    "TrichoscanError",
]
