"""Settings of scenes: each paints its background and has places for subjects."""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

from canvas import Brush, Canvas, Colour, darker, lighter, mix


@dataclass(frozen=True)
class Ground:
    """Places for subjects: feet between the rows `far` and `near` (shares of the height), lit by `light`."""

    far: float
    near: float
    light: Colour = (1.0, 1.0, 1.0)


def clouds(canvas: Canvas, dice: random.Random, count: int, low: float, colour: Colour = (255, 255, 255), alpha: float = 0.8) -> None:
    """Soft clouds above the row `low`."""
    for _ in range(count):
        x, y, size = dice.random(), dice.uniform(0.06, max(0.1, low - 0.12)), dice.uniform(0.10, 0.2)
        for _ in range(6):
            dx, dy = dice.uniform(-1, 1) * size, dice.uniform(-0.15, 0.15) * size
            high = size * dice.uniform(0.25, 0.45) * (1 - abs(dx / size) * 0.5)
            canvas.soft_oval((x + dx, y + dy - high * 0.3), size * dice.uniform(0.4, 0.7), high, colour, alpha * 0.6, 0.4)


def ridge(canvas: Canvas, dice: random.Random, row: float, rough: float, upper: Colour, lower: Colour, base: float = 1.0) -> None:
    """A band of rolling hills whose crest runs about `row`, down to the row `base`."""
    waves = [(dice.uniform(0.6, 1.0) * rough / k, dice.uniform(1.5, 2.5) * k, dice.uniform(0, 6.3)) for k in (1, 2, 4)]
    crest = [(i / 60, row - sum(a * math.sin(f * i / 60 * 2 + p) for a, f, p in waves)) for i in range(61)]
    canvas.polygon([*crest, (1, base), (0, base)], upper, lower)


def peaks(canvas: Canvas, dice: random.Random, row: float, high: float, colour: Colour, snow: Colour = (245, 248, 255)) -> None:
    """Mountains with snow on top, standing on `row`."""
    for x in sorted((dice.random() for _ in range(4)), key=lambda value: -abs(value - 0.5)):
        top, wide = row - high * dice.uniform(0.6, 1.0), dice.uniform(0.22, 0.36)
        mountain(canvas, x, row, top, wide, colour, snow, dice)


def mountain(canvas: Canvas, x: float, row: float, top: float, wide: float, colour: Colour, snow: Colour, dice: random.Random) -> None:
    """One mountain with a lit and a shaded side and a cap of snow."""
    canvas.polygon([(x - wide, row), (x, top), (x + wide, row)], lighter(colour, 0.12), lighter(colour, 0.25))
    bend = x + wide * 0.12
    canvas.polygon([(x, top), (bend, (top + row) / 2), (x + wide * 0.05, row), (x + wide, row)], darker(colour, 0.18), darker(colour, 0.05))
    depth, cap = row - top, 0.33
    teeth = [(x - wide * cap + 2 * wide * cap * i / 6, top + depth * (cap + (0.07 if i % 2 else -0.06) * dice.uniform(0.6, 1.2))) for i in range(1, 6)]
    canvas.polygon([(x, top), (x - wide * cap, top + depth * cap), *teeth, (x + wide * cap, top + depth * cap)], snow, lighter(colour, 0.75))


def fir(canvas: Canvas, x: float, foot: float, high: float, colour: Colour, snow: float = 0.0) -> None:
    """A fir in the distance; `snow` (0 to 1) whitens it."""
    wide = high * 0.28 * canvas.height / canvas.width
    for i in range(3):
        low, top = foot - high * (0.12 + 0.26 * i), foot - high * (0.52 + 0.24 * i)
        span = wide * (1 - 0.25 * i)
        canvas.polygon([(x - span, low), (x, top), (x + span, low)], mix(lighter(colour, 0.1), (250, 252, 255), snow), darker(colour, 0.1))


def speckle(canvas: Canvas, dice: random.Random, count: int, top: float, bottom: float, size: float, colours: list[Colour], alpha: float = 1.0) -> None:
    """Many small soft dots: stars, flakes, flowers, bubbles."""
    for _ in range(count):
        r = size * dice.uniform(0.5, 1.3)
        canvas.soft_oval((dice.random(), dice.uniform(top, bottom)), r, r, dice.choice(colours), alpha, 0.3)


def grass(canvas: Canvas, dice: random.Random, horizon: float, colour: Colour, count: int = 160) -> None:
    """Blades of grass that grow toward the front."""
    for _ in range(count):
        near = dice.random() ** 0.7
        x, y = dice.random(), horizon + (1 - horizon) * near
        high, lean = 0.008 + 0.03 * near, dice.uniform(-0.006, 0.006)
        shade = mix(colour, dice.choice([(30, 80, 30), (200, 220, 110)]), dice.uniform(0.1, 0.4))
        canvas.polygon([(x - 0.003, y), (x + lean, y - high), (x + 0.003, y)], shade)


def meadow(canvas: Canvas, dice: random.Random) -> Ground:
    """Green grass under a blue sky."""
    horizon = dice.uniform(0.56, 0.64)
    canvas.gradient(0, horizon + 0.05, (84, 160, 228), (176, 218, 246), (226, 241, 248))
    clouds(canvas, dice, 3, horizon - 0.1)
    ridge(canvas, dice, horizon - 0.03, 0.03, (130, 178, 140), (150, 192, 140))
    ridge(canvas, dice, horizon + 0.02, 0.015, (138, 192, 88), (84, 150, 58))
    grass(canvas, dice, horizon + 0.05, (96, 164, 66))
    flowers = [(255, 255, 255), (255, 220, 90), (240, 130, 160)]
    speckle(canvas, dice, 26, horizon + 0.12, 1.0, 0.010, flowers)
    return Ground(horizon + 0.14, 0.93)


def hills(canvas: Canvas, dice: random.Random) -> Ground:
    """Rolling hills, one behind the other, before mountains."""
    canvas.gradient(0, 0.7, (98, 168, 226), (202, 228, 244))
    clouds(canvas, dice, 2, 0.3)
    peaks(canvas, dice, 0.56, 0.3, (122, 136, 168))
    for row, shade in ((0.52, (118, 170, 128)), (0.58, (118, 178, 98)), (0.66, (126, 186, 82))):
        ridge(canvas, dice, row, 0.03, lighter(shade, 0.12), darker(shade, 0.2))
    grass(canvas, dice, 0.74, (106, 168, 70), 120)
    return Ground(0.78, 0.93)


def snow(canvas: Canvas, dice: random.Random) -> Ground:
    """A winter day with firs and falling flakes."""
    horizon = dice.uniform(0.55, 0.62)
    canvas.gradient(0, horizon + 0.05, (146, 182, 218), (205, 222, 238), (236, 240, 246))
    ridge(canvas, dice, horizon - 0.06, 0.04, (206, 218, 234), (226, 234, 244))
    for _ in range(12):
        fir(canvas, dice.random(), horizon + dice.uniform(0, 0.03), dice.uniform(0.12, 0.24), (76, 112, 112), dice.uniform(0.3, 0.7))
    ridge(canvas, dice, horizon + 0.02, 0.015, (248, 251, 255), (208, 222, 240))
    ridge(canvas, dice, horizon + 0.2, 0.02, (252, 253, 255), (222, 232, 246))
    speckle(canvas, dice, 70, 0, 1, 0.012, [(255, 255, 255)], 0.9)
    return Ground(horizon + 0.17, 0.92, (0.97, 0.99, 1.03))


def night(canvas: Canvas, dice: random.Random) -> Ground:
    """A starry night over dark hills."""
    canvas.gradient(0, 0.75, (10, 14, 48), (26, 36, 92), (66, 74, 136))
    speckle(canvas, dice, 90, 0, 0.62, 0.006, [(255, 255, 255), (255, 240, 200), (200, 220, 255)], 0.95)
    ridge(canvas, dice, 0.64, 0.04, (30, 40, 86), (26, 34, 74))
    ridge(canvas, dice, 0.70, 0.02, (38, 60, 84), (16, 26, 46))
    return Ground(0.78, 0.93, (0.66, 0.70, 0.86))


def sunset(canvas: Canvas, dice: random.Random) -> Ground:
    """The sun goes down behind hills in an orange sky."""
    canvas.gradient(0, 0.72, (74, 58, 120), (196, 84, 112), (250, 146, 84), (255, 208, 120))
    sun = (dice.uniform(0.2, 0.8), 0.56)
    canvas.glow(sun, 0.6, (255, 226, 150), 0.8)
    canvas.soft_oval(sun, 0.09, 0.09, (255, 246, 208), 1.0, 0.06)
    clouds(canvas, dice, 2, 0.4, (255, 176, 140), 0.5)
    ridge(canvas, dice, 0.62, 0.03, (150, 76, 98), (130, 66, 92))
    ridge(canvas, dice, 0.69, 0.02, (104, 60, 72), (54, 34, 56))
    return Ground(0.78, 0.93, (0.92, 0.76, 0.70))


def desert(canvas: Canvas, dice: random.Random) -> Ground:
    """Dunes of sand under a hot sky."""
    canvas.gradient(0, 0.65, (110, 178, 220), (242, 222, 184))
    canvas.glow((dice.uniform(0.1, 0.9), 0.14), 0.34, (255, 250, 214), 0.9)
    for row, shade in ((0.52, (224, 172, 116)), (0.6, (234, 184, 120)), (0.7, (242, 198, 134))):
        ridge(canvas, dice, row, 0.045, lighter(shade, 0.15), darker(shade, 0.16))
    speckle(canvas, dice, 18, 0.75, 1, 0.008, [(196, 148, 96)])
    return Ground(0.76, 0.92, (1.03, 0.99, 0.92))


def beach(canvas: Canvas, dice: random.Random) -> Ground:
    """Sand before a blue sea."""
    canvas.gradient(0, 0.45, (78, 168, 232), (206, 234, 246))
    clouds(canvas, dice, 2, 0.32)
    canvas.gradient(0.44, 0.64, (22, 116, 176), (50, 164, 196), (126, 212, 210))
    waves(canvas, dice, 0.46, 0.63, 26)
    ridge(canvas, dice, 0.635, 0.008, (255, 255, 255), (240, 250, 250), 0.7)
    ridge(canvas, dice, 0.652, 0.008, (238, 214, 160), (226, 192, 132))
    speckle(canvas, dice, 30, 0.72, 1, 0.006, [(206, 172, 116), (250, 236, 204)])
    return Ground(0.76, 0.93, (1.02, 1.0, 0.97))


def waves(canvas: Canvas, dice: random.Random, top: float, bottom: float, count: int, colour: Colour = (255, 255, 255)) -> None:
    """Short bright streaks on water."""
    for _ in range(count):
        depth = dice.random()
        canvas.soft_oval((dice.random(), top + (bottom - top) * depth), 0.03 + 0.05 * depth, 0.002 + 0.004 * depth, colour, 0.35, 0.4)


def sea(canvas: Canvas, dice: random.Random) -> Ground:
    """Open water under a bright sky."""
    canvas.gradient(0, 0.56, (88, 168, 230), (214, 236, 248))
    clouds(canvas, dice, 3, 0.42)
    canvas.gradient(0.55, 1, (40, 128, 180), (22, 94, 152), (12, 62, 116))
    waves(canvas, dice, 0.57, 0.98, 50)
    return Ground(0.68, 0.86)


def sea_sunset(canvas: Canvas, dice: random.Random) -> Ground:
    """Open water that mirrors a low sun."""
    canvas.gradient(0, 0.58, (84, 62, 128), (206, 92, 112), (252, 154, 88), (255, 214, 130))
    x = dice.uniform(0.2, 0.8)
    canvas.glow((x, 0.52), 0.55, (255, 228, 156), 0.8)
    canvas.soft_oval((x, 0.52), 0.10, 0.10, (255, 248, 214), 1.0, 0.06)
    canvas.gradient(0.575, 1, (214, 116, 98), (120, 66, 104), (54, 40, 84))
    for _ in range(40):
        row = dice.uniform(0.59, 0.98)
        canvas.soft_oval((x + dice.gauss(0, 0.04 + 0.1 * (row - 0.58)), row), 0.03 + 0.12 * (row - 0.55), 0.006, (255, 220, 150), 0.6, 0.4)
    return Ground(0.68, 0.86, (0.90, 0.74, 0.72))


def sea_night(canvas: Canvas, dice: random.Random) -> Ground:
    """Dark water under stars."""
    canvas.gradient(0, 0.58, (8, 12, 44), (30, 42, 100), (70, 82, 142))
    speckle(canvas, dice, 80, 0, 0.52, 0.006, [(255, 255, 255), (255, 240, 210)], 0.95)
    canvas.gradient(0.575, 1, (38, 52, 108), (16, 22, 62))
    waves(canvas, dice, 0.6, 0.98, 40, (150, 170, 230))
    return Ground(0.68, 0.86, (0.68, 0.72, 0.88))


def lake(canvas: Canvas, dice: random.Random) -> Ground:
    """A calm lake with firs on its far shore."""
    canvas.gradient(0, 0.5, (120, 182, 226), (222, 236, 240))
    peaks(canvas, dice, 0.47, 0.28, (120, 140, 172))
    for _ in range(18):
        fir(canvas, dice.random(), 0.49 + dice.uniform(-0.01, 0.01), dice.uniform(0.08, 0.16), (52, 104, 82))
    canvas.gradient(0.485, 1, (126, 176, 190), (66, 132, 166), (34, 88, 130))
    waves(canvas, dice, 0.5, 0.98, 40)
    return Ground(0.66, 0.88)


def city(canvas: Canvas, dice: random.Random) -> Ground:
    """A street before tall buildings."""
    canvas.gradient(0, 0.7, (130, 182, 226), (226, 234, 240))
    clouds(canvas, dice, 2, 0.3)
    for depth, base in ((0, (168, 184, 204)), (1, (126, 140, 168))):
        x = -0.03
        while x < 1:
            wide, high = dice.uniform(0.08, 0.15), dice.uniform(0.2, 0.46) - 0.06 * depth
            tower(canvas, dice, x, 0.7, wide, high, mix(base, dice.choice([(196, 140, 120), (120, 150, 190), (214, 196, 160)]), 0.3 * depth))
            x += wide + dice.uniform(0.0, 0.02)
    canvas.gradient(0.7, 0.75, (190, 190, 192), (170, 170, 174))
    canvas.gradient(0.75, 1, (92, 94, 102), (70, 72, 80))
    for i in range(-1, 6):
        canvas.polygon([(i * 0.2 + 0.03, 0.945), (i * 0.2 + 0.13, 0.945), (i * 0.2 + 0.12, 0.96), (i * 0.2 + 0.02, 0.96)], (240, 236, 214))
    return Ground(0.82, 0.91)


def tower(canvas: Canvas, dice: random.Random, x: float, row: float, wide: float, high: float, colour: Colour) -> None:
    """A building with rows of windows, some of them lit."""
    canvas.polygon([(x, row), (x, row - high), (x + wide, row - high), (x + wide, row)], lighter(colour, 0.1), darker(colour, 0.1))
    columns, floors = max(2, round(wide / 0.03)), max(3, round(high / 0.05))
    for i in range(columns):
        for j in range(floors):
            left, top = x + wide * (i + 0.25) / columns, row - high + high * (j + 0.25) / floors
            pane = dice.choice([darker(colour, 0.35), darker(colour, 0.3), (250, 232, 170), lighter(colour, 0.4)])
            canvas.polygon([(left, top), (left + wide * 0.5 / columns, top), (left + wide * 0.5 / columns, top + high * 0.5 / floors), (left, top + high * 0.5 / floors)], pane)


def rain(canvas: Canvas, dice: random.Random) -> Ground:
    """A grey, wet day."""
    canvas.gradient(0, 0.66, (86, 98, 116), (150, 162, 176))
    clouds(canvas, dice, 6, 0.38, (70, 80, 98), 0.7)
    ridge(canvas, dice, 0.6, 0.03, (104, 122, 126), (98, 116, 118))
    canvas.gradient(0.655, 1, (116, 128, 134), (78, 90, 102))
    for _ in range(7):
        canvas.soft_oval((dice.random(), dice.uniform(0.76, 0.98)), dice.uniform(0.08, 0.18), dice.uniform(0.008, 0.02), (168, 184, 200), 0.7, 0.3)
    return Ground(0.78, 0.92, (0.86, 0.89, 0.95))


def rain_streaks(canvas: Canvas, dice: random.Random) -> None:
    """Falling drops, drawn over everything else."""
    for _ in range(130):
        x, y, long = dice.random(), dice.uniform(-0.05, 1), dice.uniform(0.03, 0.07)
        points = [(x * canvas.width, y * canvas.height), ((x + 0.002) * canvas.width, y * canvas.height)]
        points += [((x - 0.006) * canvas.width, (y + long) * canvas.height), ((x - 0.008) * canvas.width, (y + long) * canvas.height)]
        canvas.fill(points, (222, 232, 244), (222, 232, 244), 0, 0.55)


def forest(canvas: Canvas, dice: random.Random) -> Ground:
    """Rows of firs that fade into the haze."""
    canvas.gradient(0, 0.7, (176, 208, 206), (226, 236, 218))
    for row, high, shade in ((0.6, 0.36, (146, 182, 170)), (0.64, 0.46, (98, 148, 128)), (0.69, 0.5, (54, 106, 84))):
        for i in range(13):
            fir(canvas, i / 12 + dice.uniform(-0.04, 0.04), row + 0.03, high * dice.uniform(0.7, 1.0), shade)
        ridge(canvas, dice, row + 0.02, 0.01, shade, lighter(shade, 0.2))
    ridge(canvas, dice, 0.72, 0.01, (96, 138, 70), (54, 92, 50))
    grass(canvas, dice, 0.76, (80, 126, 60), 120)
    return Ground(0.80, 0.93, (0.97, 1.0, 0.95))


def autumn(canvas: Canvas, dice: random.Random) -> Ground:
    """Trees in red and gold, and leaves on the ground."""
    canvas.gradient(0, 0.7, (164, 198, 220), (240, 226, 196))
    shades = [(214, 112, 44), (232, 160, 56), (186, 74, 46), (240, 190, 80)]
    for row, size in ((0.5, 0.10), (0.58, 0.15)):
        for i in range(9):
            x, shade = i / 8 + dice.uniform(-0.04, 0.04), mix(dice.choice(shades), (240, 220, 190), 0.5 - size * 2)
            canvas.polygon([(x - 0.008, 0.72), (x - 0.006, row), (x + 0.006, row), (x + 0.008, 0.72)], (110, 80, 64))
            for _ in range(7):
                canvas.soft_oval((x + dice.gauss(0, size * 0.4), row + dice.gauss(0, size * 0.4)), size * 0.75, size * 0.7, mix(shade, dice.choice(shades), 0.3), 0.95, 0.12)
    ridge(canvas, dice, 0.70, 0.01, (190, 150, 80), (140, 100, 56))
    for _ in range(70):
        y = dice.uniform(0.73, 1)
        canvas.soft_oval((dice.random(), y), 0.012 * (y + 0.2), 0.007 * (y + 0.2), dice.choice(shades), 1.0, 0.1)
    return Ground(0.80, 0.92, (1.02, 0.98, 0.93))


def underwater(canvas: Canvas, dice: random.Random) -> Ground:
    """Below the surface: rays of light, weeds, bubbles."""
    canvas.gradient(0, 1, (94, 204, 222), (26, 134, 182), (10, 70, 128))
    for _ in range(5):
        x, wide, lean = dice.random(), dice.uniform(0.02, 0.06), dice.uniform(-0.2, 0.2)
        points = [(x, 0), (x + wide, 0), (x + lean + wide * 3, 0.9), (x + lean, 0.9)]
        canvas.fill([(a * canvas.width, b * canvas.height) for a, b in points], (190, 240, 244), (60, 160, 200), 0, 0.22)
    ridge(canvas, dice, 0.88, 0.02, (206, 196, 150), (150, 150, 128))
    for _ in range(9):
        weed(canvas, dice, dice.random(), dice.uniform(0.9, 1.0), dice.uniform(0.14, 0.3))
    speckle(canvas, dice, 30, 0.05, 0.9, 0.014, [(214, 244, 250)], 0.55)
    return Ground(0.40, 0.80, (0.92, 0.99, 1.03))


def weed(canvas: Canvas, dice: random.Random, x: float, foot: float, high: float) -> None:
    """A ribbon of seaweed."""
    phase, shade = dice.uniform(0, 6), dice.choice([(40, 140, 96), (66, 160, 84), (150, 70, 110), (226, 110, 90)])
    line = [(x + 0.012 * math.sin(phase + 9 * t), foot - high * t, 0.012 * (1 - t * 0.8)) for t in (i / 14 for i in range(15))]
    canvas.polygon([(a - w, b) for a, b, w in line] + [(a + w, b) for a, b, w in reversed(line)], lighter(shade, 0.15), darker(shade, 0.2))


def sky(canvas: Canvas, dice: random.Random) -> Ground:
    """High in the air, among clouds."""
    canvas.gradient(0, 1, (58, 138, 220), (132, 194, 240), (214, 234, 248))
    clouds(canvas, dice, 7, 1.0)
    return Ground(0.5, 0.8)


def space(canvas: Canvas, dice: random.Random) -> Ground:
    """Stars, a nebula and a far planet."""
    canvas.gradient(0, 1, (10, 8, 34), (26, 18, 66), (14, 12, 44))
    for colour in ((124, 60, 160), (40, 90, 180), (190, 70, 120)):
        canvas.glow((dice.random(), dice.random()), dice.uniform(0.4, 0.7), colour, 0.45)
    speckle(canvas, dice, 130, 0, 1, 0.006, [(255, 255, 255), (255, 230, 190), (190, 214, 255)], 0.95)
    brush = Brush(canvas, (dice.choice([0.12, 0.86]), dice.choice([0.3, 0.92])), 0.34)
    brush.oval(0, 0.5, 0.5, 0.5, dice.choice([(200, 130, 90), (90, 140, 190), (150, 120, 180)]), 0.35)
    return Ground(0.66, 0.84, (0.98, 0.97, 1.0))


def table(canvas: Canvas, dice: random.Random) -> Ground:
    """A wooden table before a plain wall."""
    wall = dice.choice([(214, 222, 224), (232, 214, 196), (190, 208, 204), (222, 206, 214), (176, 192, 212)])
    canvas.gradient(0, 0.66, darker(wall, 0.04), lighter(wall, 0.3))
    canvas.glow((dice.uniform(0.2, 0.8), 0.25), 0.7, (255, 252, 244), 0.45)
    wood = dice.choice([(176, 122, 80), (202, 154, 106), (142, 96, 66)])
    canvas.gradient(0.65, 1, lighter(wood, 0.16), wood, darker(wood, 0.12))
    for _ in range(16):
        y = dice.uniform(0.67, 1)
        canvas.soft_oval((dice.random(), y), dice.uniform(0.2, 0.5), 0.003 + 0.005 * (y - 0.6), darker(wood, 0.25), 0.4, 0.3)
    canvas.polygon([(0, 0.645), (1, 0.645), (1, 0.66), (0, 0.66)], lighter(wood, 0.32), lighter(wood, 0.1))
    return Ground(0.80, 0.90)


def studio(canvas: Canvas, dice: random.Random) -> Ground:
    """A plain, softly lit backdrop."""
    shade = dice.choice([(226, 230, 236), (244, 226, 206), (206, 226, 226), (238, 214, 220), (222, 216, 238), (214, 230, 206)])
    canvas.gradient(0, 1, shade, lighter(shade, 0.45), darker(shade, 0.10))
    canvas.glow((0.5, 0.4), 0.8, (255, 255, 255), 0.5)
    return Ground(0.78, 0.86)


PAINTERS: dict[str, Callable[[Canvas, random.Random], Ground]] = {
    "meadow": meadow, "hills": hills, "snow": snow, "night": night, "sunset": sunset, "desert": desert, "beach": beach,
    "sea": sea, "sea at sunset": sea_sunset, "sea at night": sea_night, "lake": lake, "city": city, "rain": rain,
    "forest": forest, "autumn": autumn, "underwater": underwater, "sky": sky, "space": space, "table": table, "plain": studio,
}

PHRASES = {
    "meadow": ["in a meadow", "on green grass", "in a green field"], "hills": ["before green hills", "in the hills", "in front of the mountains"],
    "snow": ["in the snow", "in winter", "on a snowy day"], "night": ["at night", "under the stars", "on a starry night"],
    "sunset": ["at sunset", "in the evening", "under an orange sky"], "desert": ["in the desert", "on the sand dunes"],
    "beach": ["on the beach", "by the sea", "on the sand"], "sea": ["on the sea", "on blue water", "at sea"],
    "sea at sunset": ["on the sea at sunset", "at sunset"], "sea at night": ["on the sea at night", "at night"],
    "lake": ["on a lake", "on a mountain lake"], "city": ["in the city", "in a street", "in front of tall buildings"],
    "rain": ["in the rain", "on a rainy day"], "forest": ["in the forest", "in the woods"],
    "autumn": ["in autumn", "among autumn trees", "in the fall"], "underwater": ["underwater", "under water", "in the sea"],
    "sky": ["in the sky", "among the clouds", "in a blue sky"], "space": ["in space", "among the stars"],
    "table": ["on a table", "on a wooden table"], "plain": ["on a plain background", "", ""],
}
"""How captions name the setting of a scene."""
