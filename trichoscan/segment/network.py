"""The network: a small residual U-Net whose maps tell touching and crossing hairs apart.

Input is RGB at the working scale (`WORKING_UM_PER_PX`); output is at half of that resolution, one
map cell to 11 um. A plain mask would merge hairs that touch, cross or share an ostium. So roots and
tips are heatmaps split over the direction of the shaft, and shafts over its orientation: two hairs
that leave one ostium in a V are two peaks, two that cross lie in different channels.
"""

from __future__ import annotations

import copy
import math
from itertools import pairwise
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

WORKING_UM_PER_PX = 5.5
"""Photos are resampled to this before the network sees them."""
DIRECTIONS = 16
"""Channels of root and tip maps over 2 pi: channel d is direction 2 pi d / DIRECTIONS."""
ORIENTATIONS = 8
"""Channels of the shaft map over pi: channel s is orientation pi s / ORIENTATIONS."""
REACH_UNIT_CELLS = 50.0
"""The reach channels are in units of this many cells (0.55 mm, a typical clipped hair)."""
DIVISOR = 16
"""Working width and height given to the network must be multiples of this."""

CHANNELS = {
    "root": DIRECTIONS,
    "tip": DIRECTIONS,
    "bend": DIRECTIONS,
    "reach": DIRECTIONS,
    "shaft": ORIENTATIONS,
}
"""Output channels by name, in order; root, tip and shaft are logits."""


class Residual(nn.Module):
    """Two 3x3 convolutions around a shortcut."""

    def __init__(self, width: int, dilation: int = 1) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation, bias=False)
        self.first_norm = nn.BatchNorm2d(width)
        self.second = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, h, w) to the same shape."""
        y = F.relu(self.first_norm(self.first(x)), inplace=True)
        y = self.second_norm(self.second(y))
        return F.relu(y.add_(x), inplace=True)


class HairNet(nn.Module):
    """Maps of roots, tips and shafts from an RGB photo.

    Parameters
    ----------
    widths : tuple of int
        Channels at 11, 22, 44, 88 ... um.
    """

    def __init__(self, widths: tuple[int, ...] = (32, 64, 128, 192)) -> None:
        super().__init__()
        self.widths = widths
        self.stem = nn.Sequential(
            nn.Conv2d(3, widths[0], 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(inplace=True),
        )
        self.encoders = nn.ModuleList(
            nn.Sequential(Residual(w)) if i == 0 else nn.Sequential(Residual(w), Residual(w, dilation=2))
            for i, w in enumerate(widths)
        )
        self.downs = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(a, b, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(inplace=True)
            )
            for a, b in pairwise(widths)
        )
        self.ups = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairwise(widths))
        self.decoders = nn.ModuleList(Residual(w) for w in widths[:-1])
        self.head = nn.Conv2d(widths[0], sum(CHANNELS.values()), 1)
        self._start_pessimistic()

    def _start_pessimistic(self) -> None:
        """Give every peak map a prior of 1 %, so that the rare positives lead the first steps."""
        assert self.head.bias is not None
        bias = dict(zip(CHANNELS, self.head.bias.split(list(CHANNELS.values())), strict=True))
        with torch.no_grad():
            for name in ("root", "tip", "shaft"):
                bias[name].fill_(-math.log(99.0))

    def forward(self, rgb: Tensor) -> dict[str, Tensor]:
        """Compute the maps.

        Parameters
        ----------
        rgb : (B, 3, H, W) float32
            0-1; H and W multiples of `DIVISOR`.

        Returns
        -------
        dict of str to (B, C, H / 2, W / 2)
            See `CHANNELS`; root, tip and shaft are logits, bend is in rad, reach in
            `REACH_UNIT_CELLS`.
        """
        x = self.stem((rgb - 0.5) * 4.0)
        skips = []
        for i, encoder in enumerate(self.encoders):
            x = encoder(x if i == 0 else self.downs[i - 1](x))
            skips.append(x)
        skips.pop()
        for up, decoder in zip(reversed(self.ups), reversed(self.decoders), strict=True):
            x = F.interpolate(up(x), scale_factor=2.0, mode="bilinear", align_corners=False)
            x = decoder(x.add_(skips.pop()))
        return dict(zip(CHANNELS, self._read_out(x).split(list(CHANNELS.values()), dim=1), strict=True))

    def _read_out(self, x: Tensor) -> Tensor:
        """What `head` makes of (B, widths[0], h, w): (B, all of `CHANNELS`, h, w), each channel in one piece.

        As a convolution it would lie pixel by pixel, and every later step of one map would take ten times
        as long.
        """
        assert self.head.bias is not None
        weight = self.head.weight.flatten(1).expand(len(x), -1, -1)
        return torch.baddbmm(self.head.bias[None, :, None], weight, x.flatten(2)).unflatten(2, x.shape[2:])


Network = TypeVar("Network", bound=nn.Module)


def for_inference(network: Network) -> Network:
    """The same function with every normalization folded into its convolution, in evaluation mode."""
    network = copy.deepcopy(network).eval()
    for module in list(network.modules()):
        children = dict(module.named_children())
        for (first, convolution), (second, norm) in pairwise(children.items()):
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(module, first, fuse_conv_bn_eval(convolution, norm))
                setattr(module, second, nn.Identity())
    return network
