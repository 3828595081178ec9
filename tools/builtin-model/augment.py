"""Training views of cached images, made for a whole batch at once."""

import math

import torch
from torch.nn import functional

from model import MEAN, STD


def training_views(pixels: torch.Tensor, side: int, least_area: float, dice: torch.Generator) -> torch.Tensor:
    """Random crops, mirrored, recoloured a little, some blurred or noisy or grey: normalised f32 [n, 3, side, side].

    `pixels` are squashed images uint8 [n, s, s, 3]; a crop covers at least `least_area` of the image.
    """
    views = pixels.permute(0, 3, 1, 2).float().div_(255)
    grid = functional.affine_grid(_crops(len(views), least_area, dice), [len(views), 3, side, side], align_corners=False)
    views = functional.grid_sample(views, grid, padding_mode="reflection", align_corners=False)
    return _erase(normalise(_spoil(_recolour(views, dice), dice)), dice)


def plain_views(pixels: torch.Tensor, side: int) -> torch.Tensor:
    """Whole squares uint8 [n, s, s, 3] as normalised f32 [n, 3, side, side]."""
    views = pixels.permute(0, 3, 1, 2).float()
    if views.shape[-1] != side:
        views = functional.interpolate(views, (side, side), mode="bicubic", antialias=True).round_().clamp_(0, 255)
    return normalise(views.div_(255))


def mixed(views: torch.Tensor, dice: torch.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Each view combined with another, half of them by a rectangle (CutMix), half by blending (mixup).

    Returns the views [n, 3, s, s], the other view's index [n] and the share of the first in each [n].
    """
    count, side = len(views), views.shape[-1]
    others = torch.randperm(count, generator=dice)
    share = torch.rand(count, generator=dice)
    wide = (side * (1 - share).sqrt()).round()
    line = torch.arange(side)
    left, top = ((side - wide + 1) * torch.rand(count, generator=dice) for _ in range(2))
    columns = (line >= left.floor()[:, None]) & (line < (left.floor() + wide)[:, None])
    rows = (line >= top.floor()[:, None]) & (line < (top.floor() + wide)[:, None])
    patch = (rows[:, :, None] & columns[:, None]).float()
    cut = torch.rand(count, generator=dice) < 0.5
    share = torch.where(cut, 1 - patch.mean((1, 2)), 0.5 + 0.5 * share)
    weight = torch.where(cut.view(-1, 1, 1), 1 - patch, share.view(-1, 1, 1)).unsqueeze(1)
    return weight * views + (1 - weight) * views[others], others, share


def normalise(views: torch.Tensor) -> torch.Tensor:
    """Values of 0 to 1 shifted by MEAN and divided by STD, channel by channel."""
    return (views - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(STD).view(1, 3, 1, 1)


def _crops(count: int, least_area: float, dice: torch.Generator) -> torch.Tensor:
    """Affine maps [n, 2, 3] from view to image coordinates of -1 to 1."""

    def draw() -> torch.Tensor:
        return torch.rand(count, generator=dice)

    area = least_area + (1 - least_area) * draw()
    stretch = torch.exp((draw() - 0.5) * 2 * math.log(1.33) / 2)
    wide, high = (area.sqrt() * stretch).clamp(max=1), (area.sqrt() / stretch).clamp(max=1)
    mirror = torch.where(draw() < 0.5, -1.0, 1.0)
    tilt = 0.12 * torch.randn(count, generator=dice) * (draw() < 0.4)
    left, top = (1 - wide) * (2 * draw() - 1), (1 - high) * (2 * draw() - 1)
    maps = torch.stack([wide * mirror, tilt * wide, left, -tilt * high * mirror, high, top], -1)
    return maps.view(count, 2, 3)


def _recolour(views: torch.Tensor, dice: torch.Generator) -> torch.Tensor:
    """Brightness, contrast and saturation changed slightly per view; hues are kept, since captions name colours."""

    def factor(spread: float) -> torch.Tensor:
        return 1 + spread * (2 * torch.rand(len(views), 1, 1, 1, generator=dice) - 1)

    views = views * factor(0.35)
    views = views.mean((1, 2, 3), keepdim=True).lerp(views, factor(0.35))
    return views.mean(1, keepdim=True).lerp(views, factor(0.35)).clamp_(0, 1)


def _spoil(views: torch.Tensor, dice: torch.Generator) -> torch.Tensor:
    """One view in six at half its resolution, one in six with noise, like small and badly compressed images."""
    count = len(views)
    chance = torch.rand(count, generator=dice)
    small = (chance < 1 / 6).nonzero().flatten()
    if len(small):
        coarse = functional.avg_pool2d(views[small], 2)
        views[small] = functional.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
    noisy = (chance > 5 / 6).nonzero().flatten()
    if len(noisy):
        views[noisy] += 0.04 * torch.randn(views[noisy].shape, generator=dice)
    return views.clamp_(0, 1)


def _erase(views: torch.Tensor, dice: torch.Generator) -> torch.Tensor:
    """A grey rectangle over a part of one view in four."""
    side = views.shape[-1]
    line = torch.arange(side)
    high, wide = (side * (0.2 + 0.3 * torch.rand(len(views), 1, generator=dice)) for _ in range(2))
    top, left = (side * torch.rand(len(views), 1, generator=dice) for _ in range(2))
    rows = (line >= top - high / 2) & (line < top + high / 2)
    columns = (line >= left - wide / 2) & (line < left + wide / 2)
    chosen = torch.rand(len(views), generator=dice) < 0.25
    hidden = rows[:, None, :, None] & columns[:, None, None, :] & chosen.view(-1, 1, 1, 1)
    return views.masked_fill(hidden, 0.0)
