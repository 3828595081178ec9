"""Training views of cached pictures, made for a whole batch at once."""

import math

import torch
from torch.nn import functional

from model import MEAN, STD


def training_views(pixels: torch.Tensor, aspect: torch.Tensor, side: int, least_area: float, dice: torch.Generator) -> torch.Tensor:
    """Random crops, mirrored, recoloured a little and partly erased: normalised f32 [n, 3, side, side].

    `pixels` are squashed pictures uint8 [n, s, s, 3], `aspect` their true width / height f32 [n]; a crop covers at
    least `least_area` of the greatest square in the picture.
    """
    views = pixels.permute(0, 3, 1, 2).float().div_(255)
    grid = functional.affine_grid(_crops(aspect, least_area, dice), [len(views), 3, side, side], align_corners=False)
    views = functional.grid_sample(views, grid, padding_mode="reflection", align_corners=False)
    return _erase(normalise(_recolour(views, dice)), dice)


def plain_views(pixels: torch.Tensor) -> torch.Tensor:
    """Finished squares uint8 [n, side, side, 3] as normalised f32 [n, 3, side, side]."""
    return normalise(pixels.permute(0, 3, 1, 2).float().div_(255))


def normalise(views: torch.Tensor) -> torch.Tensor:
    """Values of 0 to 1 shifted by MEAN and divided by STD, channel by channel."""
    return (views - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(STD).view(1, 3, 1, 1)


def _crops(aspect: torch.Tensor, least_area: float, dice: torch.Generator) -> torch.Tensor:
    """Affine maps [n, 2, 3] from view to picture coordinates of -1 to 1."""
    count = len(aspect)
    area = least_area + (1 - least_area) * torch.rand(count, generator=dice)
    stretch = torch.exp((torch.rand(count, generator=dice) - 0.5) * 2 * math.log(1.25))
    wide = (area.sqrt() * stretch / aspect.clamp(min=1)).clamp(max=1)
    high = (area.sqrt() / stretch * aspect.clamp(max=1)).clamp(max=1)
    mirror = torch.where(torch.rand(count, generator=dice) < 0.5, -1.0, 1.0)
    tilt = 0.12 * torch.randn(count, generator=dice) * (torch.rand(count, generator=dice) < 0.4)
    left = (1 - wide) * (2 * torch.rand(count, generator=dice) - 1)
    top = (1 - high) * (2 * torch.rand(count, generator=dice) - 1)
    maps = torch.stack([wide * mirror, tilt * wide, left, -tilt * high * mirror, high, top], -1)
    return maps.view(count, 2, 3)


def _recolour(views: torch.Tensor, dice: torch.Generator) -> torch.Tensor:
    """Brightness, contrast and saturation moved a little for each view; hues stay, since captions name colours."""

    def factor(spread: float) -> torch.Tensor:
        return 1 + spread * (2 * torch.rand(len(views), 1, 1, 1, generator=dice) - 1)

    views = views * factor(0.35)
    views = views.mean((1, 2, 3), keepdim=True).lerp(views, factor(0.35))
    return views.mean(1, keepdim=True).lerp(views, factor(0.35)).clamp_(0, 1)


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
