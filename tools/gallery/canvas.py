"""A supersampled canvas, and a brush that draws shaded shapes in the units of one subject."""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

Colour = tuple[float, float, float]
Point = tuple[float, float]

SUPERSAMPLING = 3


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """`first` with `share` (0 to 1) of `second` in it; colours are RGB of 0 to 255."""
    return tuple(a + (b - a) * share for a, b in zip(first, second))


def lighter(colour: Colour, share: float) -> Colour:
    """The colour, `share` of the way to white."""
    return mix(colour, (255, 255, 255), share)


def darker(colour: Colour, share: float) -> Colour:
    """The colour, `share` of the way to a deep, slightly bluish shade of itself."""
    return mix(colour, tuple(0.3 * c + b for c, b in zip(colour, (4, 4, 16))), share)


class Canvas:
    """An unfinished image of `width` x `height` pixels, drawn at SUPERSAMPLING times that size."""

    def __init__(self, width: int, height: int) -> None:
        self.size = (width, height)
        self.width, self.height = width * SUPERSAMPLING, height * SUPERSAMPLING
        self.picture = Image.new("RGB", (self.width, self.height))

    def finished(self) -> Image.Image:
        """The image in its final size, with slightly darker corners."""
        small = self.picture.resize(self.size, Image.Resampling.LANCZOS)
        y, x = np.mgrid[-1 : 1 : small.height * 1j, -1 : 1 : small.width * 1j]
        corners = 1 - 0.10 * np.clip((x * x + y * y) / 2, 0, 1) ** 1.5
        return Image.fromarray((np.asarray(small) * corners[..., None]).clip(0, 255).astype(np.uint8))

    def gradient(self, top: float, bottom: float, *stops: Colour) -> None:
        """Rows from `top` to `bottom` (shares of the height) filled with a vertical gradient through `stops`."""
        first, last = round(top * self.height), round(bottom * self.height)
        if last <= first:
            return
        places = np.linspace(0, len(stops) - 1, last - first)
        column = np.stack([np.interp(places, range(len(stops)), [s[c] for s in stops]) for c in range(3)], -1)
        strip = Image.fromarray(column.clip(0, 255).astype(np.uint8)[:, None])
        self.picture.paste(strip.resize((self.width, last - first), Image.Resampling.NEAREST), (0, first))

    def polygon(self, points: Sequence[Point], upper: Colour, lower: Colour | None = None) -> None:
        """A polygon (points as shares of width and height) with a gradient from its highest to its lowest row."""
        scaled = [(x * self.width, y * self.height) for x, y in points]
        self.fill(scaled, upper, lower or upper, slant=0.0)

    def fill(self, points: Sequence[Point], first: Colour, second: Colour, slant: float, alpha: float = 1.0) -> None:
        """A polygon in canvas pixels; colour runs from `first` to `second` downward, turned to the right by `slant`."""
        xs, ys = [p[0] for p in points], [p[1] for p in points]
        left, top = max(0, math.floor(min(xs))), max(0, math.floor(min(ys)))
        right, bottom = min(self.width, math.ceil(max(xs)) + 1), min(self.height, math.ceil(max(ys)) + 1)
        if right <= left or bottom <= top:
            return
        mask = Image.new("L", (right - left, bottom - top))
        ImageDraw.Draw(mask).polygon([(x - left, y - top) for x, y in points], fill=round(255 * alpha))
        self.picture.paste(_ramp(right - left, bottom - top, first, second, slant), (left, top), mask)

    def glow(self, centre: Point, radius: float, colour: Colour, strength: float) -> None:
        """A soft light; centre as shares of width and height, radius as a share of the smaller side."""
        reach = radius * min(self.width, self.height)
        cx, cy = centre[0] * self.width, centre[1] * self.height
        side = max(8, round(reach / 4))
        y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
        fall = np.clip(1 - np.hypot(x, y), 0, 1) ** 2 * 255 * strength
        mask = Image.fromarray(fall.astype(np.uint8)).resize((round(2 * reach),) * 2, Image.Resampling.BILINEAR)
        self.picture.paste(_solid(colour), (round(cx - reach), round(cy - reach), round(cx - reach) + mask.width, round(cy - reach) + mask.height), mask)

    def soft_oval(self, centre: Point, wide: float, high: float, colour: Colour, alpha: float, blur: float = 0.3) -> None:
        """A blurred oval: a shadow or a piece of cloud; half axes and blur as shares of the smaller side and of `high`."""
        unit = min(self.width, self.height)
        rx, ry = wide * unit / 4, high * unit / 4
        edge = max(1.0, blur * ry)
        pad = math.ceil(3 * edge)
        mask = Image.new("L", (math.ceil(2 * rx) + 2 * pad, math.ceil(2 * ry) + 2 * pad))
        ImageDraw.Draw(mask).ellipse((pad, pad, pad + 2 * rx, pad + 2 * ry), fill=round(255 * alpha))
        mask = mask.filter(ImageFilter.GaussianBlur(edge)).resize((mask.width * 4, mask.height * 4), Image.Resampling.BILINEAR)
        left, top = round(centre[0] * self.width - mask.width / 2), round(centre[1] * self.height - mask.height / 2)
        self.picture.paste(_solid(colour), (left, top, left + mask.width, top + mask.height), mask)


class Brush:
    """Draws one subject: x from -0.5 to 0.5 about its middle, y from 0 at its foot up to 1, both in units of `size`."""

    def __init__(self, canvas: Canvas, foot: Point, size: float, mirror: bool = False, turn: float = 0.0, light: Colour = (1, 1, 1)) -> None:
        """`foot` in shares of width and height, `size` in shares of the smaller side, `turn` in degrees,
        `light` multiplies each colour channel."""
        self.canvas, self.light = canvas, light
        self.unit = size * min(canvas.width, canvas.height)
        self.origin = (foot[0] * canvas.width, foot[1] * canvas.height)
        self.flip = -1 if mirror else 1
        self.cos, self.sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))

    def polygon(self, points: Sequence[Point], colour: Colour, depth: float = 0.2, alpha: float = 1.0) -> None:
        """A polygon, lit from the upper left; `depth` is how much light and shade differ."""
        lit = tuple(c * l for c, l in zip(colour, self.light))
        self.canvas.fill([self._place(p) for p in points], lighter(lit, 0.8 * depth), darker(lit, 1.2 * depth), 0.6, alpha)

    def oval(self, x: float, y: float, wide: float, high: float, colour: Colour, depth: float = 0.2, turn: float = 0.0, alpha: float = 1.0) -> None:
        """An oval about (x, y) with half axes `wide` and `high`, turned by `turn` degrees."""
        self.polygon(ring(x, y, wide, high, turn), colour, depth, alpha)

    def blob(self, points: Sequence[Point], colour: Colour, depth: float = 0.2, alpha: float = 1.0) -> None:
        """A smooth closed shape through `points`."""
        self.polygon(smooth(points), colour, depth, alpha)

    def box(self, left: float, bottom: float, right: float, top: float, colour: Colour, depth: float = 0.12, corner: float = 0.0) -> None:
        """An upright rectangle, with corners rounded by `corner`."""
        self.polygon(rounded(left, bottom, right, top, corner), colour, depth)

    def line(self, points: Sequence[Point], thickness: float, colour: Colour, depth: float = 0.1) -> None:
        """A line with round ends through `points`."""
        for (x0, y0), (x1, y1) in zip(points, points[1:]):
            length = math.hypot(x1 - x0, y1 - y0) or 1.0
            dx, dy = (y1 - y0) / length * thickness / 2, (x0 - x1) / length * thickness / 2
            self.polygon([(x0 + dx, y0 + dy), (x1 + dx, y1 + dy), (x1 - dx, y1 - dy), (x0 - dx, y0 - dy)], colour, depth)
        for x, y in points:
            self.oval(x, y, thickness / 2, thickness / 2, colour, depth)

    def hoop(self, x: float, y: float, radius: float, thickness: float, colour: Colour) -> None:
        """A circle's outline."""
        outer, inner = ring(x, y, radius, radius), ring(x, y, radius - thickness, radius - thickness)
        self.polygon([*outer, outer[0], inner[0], *reversed(inner)], colour, 0.15)

    def shadow(self, wide: float, x: float = 0.0, alpha: float = 0.3) -> None:
        """A soft shadow on the ground under the subject."""
        px, py = self._place((x, 0.0))
        share = self.unit / min(self.canvas.width, self.canvas.height)
        self.canvas.soft_oval((px / self.canvas.width, py / self.canvas.height), wide * share, 0.14 * wide * share + 0.004, (20, 20, 45), alpha, 0.5)

    def _place(self, point: Point) -> Point:
        x, y = point[0] * self.flip * self.unit, -point[1] * self.unit
        return self.origin[0] + x * self.cos - y * self.sin, self.origin[1] + x * self.sin + y * self.cos


def ring(x: float, y: float, wide: float, high: float, turn: float = 0.0, corners: int = 48) -> list[Point]:
    """Points of an oval."""
    cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    around = [2 * math.pi * i / corners for i in range(corners)]
    return [(x + wide * math.cos(a) * cos - high * math.sin(a) * sin, y + wide * math.cos(a) * sin + high * math.sin(a) * cos) for a in around]


def smooth(points: Sequence[Point], steps: int = 10) -> list[Point]:
    """A closed Catmull-Rom curve through `points`."""
    found, count = [], len(points)
    for i in range(count):
        a, b, c, d = (np.array(points[(i + k - 1) % count]) for k in range(4))
        for t in np.linspace(0, 1, steps, endpoint=False):
            found.append(tuple(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)))
    return found


def rounded(left: float, bottom: float, right: float, top: float, corner: float) -> list[Point]:
    """Points of a rectangle with rounded corners."""
    if corner <= 0:
        return [(left, bottom), (right, bottom), (right, top), (left, top)]
    found = []
    for x, y, start in ((right - corner, top - corner, 0), (left + corner, top - corner, 90), (left + corner, bottom + corner, 180), (right - corner, bottom + corner, 270)):
        found += [(x + corner * math.cos(math.radians(start + d)), y + corner * math.sin(math.radians(start + d))) for d in range(0, 91, 15)]
    return found


def arc(x: float, y: float, wide: float, high: float, start: float, end: float, corners: int = 24) -> list[Point]:
    """Points along an oval from angle `start` to `end`, in degrees, counter-clockwise from the right."""
    return [(x + wide * math.cos(math.radians(a)), y + high * math.sin(math.radians(a))) for a in np.linspace(start, end, corners)]


def _ramp(width: int, height: int, first: Colour, second: Colour, slant: float) -> Image.Image:
    """A gradient image: `first` at the upper left to `second` at the lower right."""
    if first == second:
        return Image.new("RGB", (width, height), tuple(round(c) for c in first))
    rows, columns = min(height, 48), min(width, 48) if slant else 1
    share = (np.linspace(0, 1, rows)[:, None] + slant * np.linspace(0, 1, columns)[None]) / (1 + slant)
    tile = np.array(first) + share[..., None] * (np.array(second) - np.array(first))
    return Image.fromarray(tile.clip(0, 255).astype(np.uint8)).resize((width, height), Image.Resampling.BILINEAR)


def _solid(colour: Colour) -> tuple[int, int, int]:
    return tuple(round(max(0, min(255, c))) for c in colour)
