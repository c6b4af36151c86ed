"""The crops of a run of training, of photos and of phantoms: each the same whenever it is asked for."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from trichoscan.learn.config import TrainConfig
from trichoscan.learn.dataset import AnnotatedPhoto, Crop, phantom_photo, random_crop

PHANTOM_POOL, PHANTOM_TURNS = 24, 16
"""Drawing a phantom costs as much as learning from three crops: so many are kept at a time, and each has
so many turns at being cropped, a batch or more apart. Of several workers each keeps its own, and draws those
that its batches ask for."""


class Crops(Dataset[dict[str, Tensor]]):
    """Crop number i of a run: the same for the same seed, whatever came before."""

    def __init__(self, photos: list[AnnotatedPhoto], config: TrainConfig, first: int) -> None:
        self.photos, self.config, self.first = photos, config, first
        self._pool: dict[int, AnnotatedPhoto] = {}

    def __len__(self) -> int:
        """Crops left in the run."""
        return max(self.config.steps * self.config.batch - self.first, 0)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """Draw, cut and augment one crop."""
        number = self.first + index
        rng = np.random.default_rng([self.config.seed, number])
        if not self.photos or rng.random() < self.config.phantom_share:
            pool, place = number // (PHANTOM_POOL * PHANTOM_TURNS), number % PHANTOM_POOL
            photo = self._phantom(pool * PHANTOM_POOL + place)
        else:
            photo = self.photos[int(rng.integers(len(self.photos)))]
        return _tensors(random_crop(photo, self.config.crop_px, rng))

    def _phantom(self, which: int) -> AnnotatedPhoto:
        """Phantom number `which` of the run, drawn unless it is kept still."""
        if which not in self._pool:
            if len(self._pool) == PHANTOM_POOL:
                del self._pool[next(iter(self._pool))]
            rng = np.random.default_rng([self.config.seed, which, PHANTOM_POOL])
            self._pool[which] = phantom_photo(int(rng.integers(2**31)), self.config.crop_px, rng)
        return self._pool[which]


def _tensors(crop: Crop) -> dict[str, Tensor]:
    rgb = torch.from_numpy(np.ascontiguousarray(crop.pixels.transpose(2, 0, 1)))
    labels = {name: torch.from_numpy(value).half() for name, value in crop.labels.items()}
    weights = {f"{name}_weight": torch.from_numpy(value).half() for name, value in crop.weights.items()}
    return {"rgb": rgb} | labels | weights
