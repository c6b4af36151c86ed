"""Counts and measures hair on standardized scalp photos, hair by hair.

>>> import trichoscan
>>> photo = trichoscan.calibrate(trichoscan.read_photo("scalp.jpg"))  # doctest: +SKIP
>>> analysis = trichoscan.analyze(photo, trichoscan.load_weights())  # doctest: +SKIP
>>> analysis.hair_count.value, analysis.area_cm2  # doctest: +SKIP

Nothing heavy is imported until one of the names below is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trichoscan.learn.evaluate import evaluate
    from trichoscan.photo.calibrate import calibrate
    from trichoscan.photo.read import read_photo
    from trichoscan.pipeline import Comparison, analyze, compare
    from trichoscan.records import Analysis, Estimate, Hair, Photo, TargetArea, TrichoscanError
    from trichoscan.report.overlay import draw_overlay
    from trichoscan.segment.weights import load_weights
    from trichoscan.study.batch import RunOptions, analyze_folder

__version__ = "0.1.0"

__all__ = [
    "Analysis",
    "Comparison",
    "Estimate",
    "Hair",
    "Photo",
    "RunOptions",
    "TargetArea",
    "TrichoscanError",
    "analyze",
    "analyze_folder",
    "calibrate",
    "compare",
    "draw_overlay",
    "evaluate",
    "load_weights",
    "read_photo",
]

_HOME = {
    "Comparison": "pipeline",
    "RunOptions": "study.batch",
    "analyze": "pipeline",
    "analyze_folder": "study.batch",
    "calibrate": "photo.calibrate",
    "compare": "pipeline",
    "draw_overlay": "report.overlay",
    "evaluate": "learn.evaluate",
    "load_weights": "segment.weights",
    "read_photo": "photo.read",
}


def __getattr__(name: str) -> object:
    """Import a public name from its module when it is first used."""
    if name not in __all__:
        raise AttributeError(f"module 'trichoscan' has no attribute {name!r}")
    value = getattr(import_module(f"trichoscan.{_HOME.get(name, 'records')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
