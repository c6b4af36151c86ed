"""What may be asked of a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from trichoscan.study.one_photo import Settings


@dataclass(frozen=True)
class RunOptions:
    """What may be asked of a run over a folder; the defaults are those of `trichoscan analyze`.

    Attributes
    ----------
    manifest, pattern
        See `study.manifest.list_entries`.
    um_per_px : float or None
        Scale of photos for which the manifest gives none.
    vellus_below_um : float
        Hairs thinner than this are vellus.
    intermediate_below_um : float
        Terminal hairs thinner than this are also counted as intermediate.
    weights : str, Path or None
        Name of weights that come with the package, or a folder of weights.
    device : str
        "auto", "cpu" or "cuda".
    workers : int
        Processes, each with a copy of the network and its share of the cores. One that dies costs at most the
        photo that killed it twice.
    dask : str or None
        Address of a dask.distributed scheduler, such as "tcp://night:8786", whose workers do the job instead;
        they must see photos and results under the same paths.
    overwrite : bool
        Measure every photo again, also those whose result is there.
    pseudonymize : Path or None
        Key file, see `study.pseudonym`: nothing in the results holds a name or a date then.
    """

    manifest: Path | None = None
    pattern: str | None = None
    um_per_px: float | None = Settings.um_per_px
    vellus_below_um: float = Settings.vellus_below_um
    intermediate_below_um: float = Settings.intermediate_below_um
    weights: str | Path | None = None
    device: str = "auto"
    workers: int = 1
    dask: str | None = None
    overwrite: bool = False
    pseudonymize: Path | None = None

    @property
    def settings(self) -> Settings:
        """What the numbers of every photo depend on."""
        return Settings(self.um_per_px, self.vellus_below_um, self.intermediate_below_um)
