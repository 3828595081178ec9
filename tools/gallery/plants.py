"""Subjects that grow or hang in the sky: trees, flowers, fruit, sun, moon and stars."""

import math
import random

from canvas import Brush, Colour, arc, darker, lighter, mix, ring

GREEN, LEAF, BARK = (74, 150, 70), (98, 174, 74), (124, 84, 56)


def tree(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.shadow(0.42)
    b.polygon([(-0.08, 0), (-0.045, 0.45), (0.045, 0.45), (0.08, 0)], BARK)
    b.line([(0, 0.3), (-0.14, 0.5)], 0.04, BARK)
    b.line([(0, 0.34), (0.13, 0.52)], 0.035, BARK)
    for x, y, r in ((-0.22, 0.54, 0.2), (0.22, 0.54, 0.2), (0, 0.5, 0.22), (-0.14, 0.74, 0.2), (0.15, 0.74, 0.2), (0, 0.82, 0.18)):
        b.oval(x, y, r, r * 0.95, colour, 0.22)
    for _ in range(26):
        a, r = dice.uniform(0, 6.3), dice.uniform(0, 0.3)
        b.oval(r * math.cos(a), 0.66 + 0.8 * r * math.sin(a), 0.035, 0.025, lighter(colour, dice.uniform(0.05, 0.3)), 0.05, dice.uniform(0, 180))


def pine_tree(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.shadow(0.36)
    b.box(-0.05, 0, 0.05, 0.2, BARK)
    for i in range(4):
        low, span = 0.12 + 0.2 * i, 0.36 - 0.07 * i
        b.polygon([(-span, low), (-span * 0.6, low + 0.03), (-span * 0.3, low - 0.02), (0, low + 0.02), (span * 0.3, low - 0.02), (span * 0.6, low + 0.03), (span, low), (0, low + 0.34)], colour, 0.26)


def palm_tree(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.shadow(0.3, 0.0)
    spine = [(0.1 * math.sin(t * 1.5) - 0.02, 0.72 * t) for t in (i / 12 for i in range(13))]
    for i, ((x0, y0), (x1, y1)) in enumerate(zip(spine, spine[1:])):
        wide = 0.05 - 0.0016 * i
        b.polygon([(x0 - wide, y0), (x0 + wide, y0), (x1 + wide * 0.8, y1), (x1 - wide * 0.8, y1)], (160, 118, 78), 0.2)
    x, y = spine[-1]
    for angle in (200, 165, 130, 95, 55, 20, -15):
        bend = math.radians(angle)
        tip = (x + 0.42 * math.cos(bend), y + 0.26 * math.sin(bend) - 0.12)
        mid = (x + 0.24 * math.cos(bend), y + 0.26 * math.sin(bend) + 0.05)
        b.blob([(x, y), (mid[0], mid[1] + 0.045), tip, (mid[0] * 0.98, mid[1] - 0.045)], colour, 0.25)
    for dx in (-0.04, 0.04):
        b.oval(x + dx, y - 0.03, 0.035, 0.04, (120, 78, 48))


def cactus(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.shadow(0.3)
    for side, low, high in ((-1, 0.36, 0.66), (1, 0.28, 0.78)):
        b.line([(0, low), (side * 0.24, low)], 0.12, colour, 0.16)
        b.line([(side * 0.24, low), (side * 0.24, high)], 0.12, colour, 0.16)
    b.box(-0.1, 0, 0.1, 0.95, colour, 0.2, 0.1)
    for x in (-0.05, 0, 0.05):
        b.line([(x, 0.04), (x, 0.88)], 0.008, darker(colour, 0.25), 0)
    for _ in range(40):
        x, y = dice.uniform(-0.09, 0.09), dice.uniform(0.05, 0.9)
        b.line([(x, y), (x + 0.015, y + 0.012)], 0.005, (250, 250, 220), 0)
    b.oval(0, 0.96, 0.05, 0.04, (240, 110, 150))


def flower_stem(b: Brush, top: float) -> None:
    """A stem with two leaves up to height `top`."""
    b.shadow(0.22)
    b.line([(0, 0), (0.015, top / 2), (0, top)], 0.035, GREEN)
    for side, y in ((-1, 0.18), (1, 0.28)):
        b.blob([(0, y), (side * 0.12, y + 0.1), (side * 0.26, y + 0.1), (side * 0.14, y + 0.01)], LEAF)


def sunflower(b: Brush, colour: Colour, dice: random.Random) -> None:
    flower_stem(b, 0.62)
    for radius, count, shade in ((0.31, 20, darker(colour, 0.12)), (0.27, 18, colour)):
        for i in range(count):
            a = 2 * math.pi * i / count + radius
            b.oval(0.7 * radius * math.cos(a), 0.68 + 0.7 * radius * math.sin(a), radius * 0.34, 0.045, shade, 0.15, math.degrees(a))
    b.oval(0, 0.68, 0.14, 0.14, (92, 58, 32), 0.2)
    for i in range(60):
        r, a = 0.012 * math.sqrt(i) * 1.3, i * 2.4
        b.oval(r * math.cos(a), 0.68 + r * math.sin(a), 0.009, 0.009, (142, 96, 50), 0)


def tulip(b: Brush, colour: Colour, dice: random.Random) -> None:
    flower_stem(b, 0.6)
    b.blob([(0, 0.56), (-0.17, 0.66), (-0.18, 0.9), (-0.06, 0.8), (0, 0.84)], darker(colour, 0.12))
    b.blob([(0, 0.56), (0.17, 0.66), (0.18, 0.9), (0.06, 0.8), (0, 0.84)], darker(colour, 0.18))
    b.blob([(0, 0.55), (-0.12, 0.66), (-0.09, 0.84), (0, 0.95), (0.09, 0.84), (0.12, 0.66)], colour)


def daisy(b: Brush, colour: Colour, dice: random.Random) -> None:
    flower_stem(b, 0.66)
    for i in range(14):
        a = 2 * math.pi * i / 14
        b.oval(0.16 * math.cos(a), 0.72 + 0.16 * math.sin(a), 0.12, 0.042, colour, 0.1, math.degrees(a))
    b.oval(0, 0.72, 0.085, 0.085, (246, 196, 60))


def mushroom(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.shadow(0.34)
    b.blob([(-0.13, 0.02), (-0.1, 0.4), (0.1, 0.4), (0.13, 0.02), (0, -0.01)], (244, 234, 214))
    b.polygon([(-0.1, 0.4), (-0.16, 0.34), (0.16, 0.34), (0.1, 0.4)], (226, 212, 188))
    b.blob([(-0.45, 0.42), (-0.34, 0.7), (0, 0.88), (0.34, 0.7), (0.45, 0.42), (0.2, 0.36), (-0.2, 0.36)], colour, 0.24)
    for x, y, r in ((-0.2, 0.6, 0.065), (0.06, 0.72, 0.075), (0.25, 0.56, 0.055), (-0.02, 0.5, 0.05), (-0.33, 0.47, 0.04)):
        b.oval(x, y, r, r * 0.8, (252, 248, 238), 0.08)


def shine(b: Brush, x: float, y: float, wide: float, high: float, turn: float = 30) -> None:
    """A highlight on something smooth."""
    b.oval(x, y, wide, high, (255, 255, 255), 0, turn, 0.4)


def apple(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.shadow(0.4, 0.03, 0.4)
    b.blob([(0, 0.02), (-0.22, 0.0), (-0.4, 0.22), (-0.42, 0.5), (-0.26, 0.72), (0, 0.66), (0.26, 0.72), (0.42, 0.5), (0.4, 0.22), (0.22, 0.0)], colour, 0.3)
    b.oval(0, 0.66, 0.13, 0.035, darker(colour, 0.4), 0)
    b.line([(0, 0.65), (0.02, 0.76), (0.06, 0.86)], 0.035, (104, 70, 44))
    b.blob([(0.05, 0.78), (0.16, 0.9), (0.32, 0.88), (0.2, 0.76)], LEAF, 0.25)
    shine(b, -0.2, 0.5, 0.06, 0.12)


def pear(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.shadow(0.34, 0.03, 0.4)
    b.blob([(0, 0.0), (-0.26, 0.06), (-0.34, 0.28), (-0.2, 0.54), (-0.13, 0.74), (0, 0.82), (0.13, 0.74), (0.2, 0.54), (0.34, 0.28), (0.26, 0.06)], colour, 0.28)
    b.line([(0, 0.8), (0.03, 0.96)], 0.035, (104, 70, 44))
    b.blob([(0.03, 0.86), (0.14, 0.96), (0.28, 0.9), (0.16, 0.83)], LEAF)
    shine(b, -0.16, 0.34, 0.05, 0.12, 15)


def citrus(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.shadow(0.38, 0.03, 0.4)
    b.oval(0, 0.4, 0.4, 0.4, colour, 0.3)
    for _ in range(34):
        a, r = dice.uniform(0, 6.3), 0.36 * math.sqrt(dice.random())
        b.oval(r * math.cos(a), 0.4 + r * math.sin(a), 0.008, 0.008, darker(colour, 0.18), 0)
    b.oval(0.02, 0.76, 0.035, 0.02, (96, 120, 50))
    b.blob([(0.03, 0.77), (0.14, 0.9), (0.3, 0.87), (0.18, 0.76)], LEAF)
    shine(b, -0.17, 0.55, 0.06, 0.1, 40)


def lemon(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.shadow(0.42, 0.02, 0.4)
    b.blob([(-0.5, 0.3), (-0.4, 0.38), (-0.22, 0.56), (0.1, 0.58), (0.36, 0.42), (0.48, 0.34), (0.46, 0.26), (0.34, 0.16), (0.1, 0.02), (-0.22, 0.04), (-0.4, 0.2)], colour, 0.26)
    for _ in range(24):
        b.oval(dice.uniform(-0.3, 0.3), dice.uniform(0.12, 0.48), 0.008, 0.008, darker(colour, 0.16), 0)
    shine(b, -0.12, 0.44, 0.12, 0.035, 12)


def banana(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.shadow(0.42, 0.0, 0.35)
    b.blob([(-0.46, 0.46), (-0.4, 0.22), (-0.18, 0.03), (0.14, 0.0), (0.38, 0.14), (0.47, 0.34), (0.4, 0.38), (0.24, 0.26), (0.02, 0.22), (-0.2, 0.3), (-0.36, 0.48)], colour, 0.22)
    b.blob([(-0.4, 0.44), (-0.3, 0.22), (-0.1, 0.1), (0.14, 0.09), (0.38, 0.24), (0.12, 0.13), (-0.1, 0.15), (-0.28, 0.28)], darker(colour, 0.14), 0.05)
    b.polygon([(-0.47, 0.44), (-0.49, 0.56), (-0.41, 0.58), (-0.35, 0.47)], (124, 108, 50))
    b.oval(0.44, 0.36, 0.035, 0.03, (84, 64, 40))


def strawberry(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.shadow(0.3, 0.03, 0.4)
    b.blob([(0, 0.0), (-0.2, 0.16), (-0.36, 0.44), (-0.32, 0.66), (-0.12, 0.74), (0.12, 0.74), (0.32, 0.66), (0.36, 0.44), (0.2, 0.16)], colour, 0.28)
    for row in range(5):
        for i in range(5 - (row % 2)):
            span = 0.1 + 0.105 * row if row < 4 else 0.56
            x, y = (i - (4 - row % 2) / 2) * span * 0.32, 0.14 + 0.115 * row
            b.oval(x, y, 0.014, 0.022, (250, 222, 120), 0.05)
    for angle in (20, 60, 95, 130, 165, 200, -15):
        a = math.radians(angle)
        b.blob([(0, 0.72), (0.12 * math.cos(a - 0.4), 0.73 + 0.09 * math.sin(a - 0.4)), (0.27 * math.cos(a), 0.72 + 0.14 * math.sin(a)), (0.12 * math.cos(a + 0.4), 0.73 + 0.09 * math.sin(a + 0.4))], LEAF)
    b.line([(0, 0.74), (0.03, 0.88)], 0.035, GREEN)


def cherry(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.shadow(0.4, 0.0, 0.35)
    for x in (-0.2, 0.2):
        b.line([(x, 0.36), (x * 0.5, 0.62), (0.05, 0.88)], 0.022, (96, 130, 56))
    for x in (-0.2, 0.2):
        b.oval(x, 0.2, 0.2, 0.2, colour, 0.32)
        shine(b, x - 0.07, 0.28, 0.03, 0.055, 40)
    b.blob([(0.05, 0.88), (0.18, 0.97), (0.38, 0.9), (0.2, 0.82)], LEAF)


def watermelon(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.shadow(0.46, 0.0, 0.35)
    for size, shade in ((0.5, (52, 130, 62)), (0.465, (206, 232, 170)), (0.43, colour)):
        b.polygon(arc(0, 0.52, size, size, 180, 360), shade, 0.14)
    for x, y in ((-0.28, 0.42), (-0.1, 0.4), (0.1, 0.42), (0.28, 0.43), (-0.18, 0.26), (0.02, 0.24), (0.2, 0.27)):
        b.oval(x, y, 0.015, 0.028, (44, 30, 30), 0)


def pineapple(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.shadow(0.26, 0.02, 0.4)
    for angle in (60, 120, 75, 105, 90, 45, 135):
        a = math.radians(angle)
        b.blob([(-0.05, 0.56), (0.1 * math.cos(a) - 0.03, 0.72), (0.3 * math.cos(a), 0.6 + 0.4 * math.sin(a)), (0.1 * math.cos(a) + 0.03, 0.72), (0.05, 0.56)], GREEN, 0.25)
    b.oval(0, 0.31, 0.23, 0.31, colour, 0.28)
    for i in range(-5, 6):
        for lean in (-1, 1):
            x = i * 0.085
            points = [(x + lean * t * 0.3, 0.31 + t * 0.31) for t in (k / 8 for k in range(-8, 9))]
            inside = [p for p in points if (p[0] / 0.22) ** 2 + ((p[1] - 0.31) / 0.3) ** 2 < 1]
            if len(inside) > 1:
                b.line([inside[0], inside[-1]], 0.01, darker(colour, 0.28), 0)


def carrot(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.shadow(0.2, 0.0, 0.3)
    for angle in (70, 90, 110, 55, 125):
        a = math.radians(angle)
        b.blob([(0, 0.62), (0.12 * math.cos(a) - 0.03, 0.78), (0.26 * math.cos(a), 0.64 + 0.34 * math.sin(a)), (0.12 * math.cos(a) + 0.03, 0.78)], LEAF, 0.2)
    b.blob([(0, 0.0), (-0.09, 0.25), (-0.15, 0.55), (-0.08, 0.66), (0.08, 0.66), (0.15, 0.55), (0.09, 0.25)], colour, 0.24)
    for y, x in ((0.52, -0.1), (0.42, 0.02), (0.32, -0.06), (0.22, 0.01)):
        b.line([(x, y), (x + 0.07, y)], 0.01, darker(colour, 0.25), 0)


def pumpkin(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.shadow(0.46, 0.0, 0.4)
    for x, wide in ((-0.3, 0.19), (0.3, 0.19), (-0.16, 0.2), (0.16, 0.2), (0, 0.17)):
        b.oval(x, 0.32, wide, 0.32 - abs(x) * 0.2, colour, 0.24)
    b.polygon([(-0.05, 0.6), (-0.03, 0.78), (0.07, 0.8), (0.05, 0.6)], (96, 116, 56))


def moon(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.canvas.glow((b.origin[0] / b.canvas.width, (b.origin[1] - 0.5 * b.unit) / b.canvas.height), 0.9 * b.unit / min(b.canvas.width, b.canvas.height), lighter(colour, 0.3), 0.5)
    outer = arc(0, 0.5, 0.46, 0.46, 50, 310, 60)
    inner = arc(0.2, 0.5, 0.36, 0.38, 296, 64, 60)
    b.polygon([*outer, *inner], colour, 0.15)
    for x, y, r in ((-0.3, 0.6, 0.045), (-0.24, 0.34, 0.06), (-0.33, 0.45, 0.03)):
        b.oval(x, y, r, r, darker(colour, 0.12), 0.05)


def full_moon(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.canvas.glow((b.origin[0] / b.canvas.width, (b.origin[1] - 0.5 * b.unit) / b.canvas.height), 0.95 * b.unit / min(b.canvas.width, b.canvas.height), lighter(colour, 0.3), 0.55)
    b.oval(0, 0.5, 0.44, 0.44, colour, 0.14)
    for x, y, r in ((-0.14, 0.66, 0.09), (0.16, 0.56, 0.06), (-0.05, 0.36, 0.11), (0.2, 0.3, 0.05), (-0.27, 0.46, 0.05), (0.08, 0.78, 0.04)):
        b.oval(x, y, r, r, darker(colour, 0.13), 0.08)


def sun(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.canvas.glow((b.origin[0] / b.canvas.width, (b.origin[1] - 0.5 * b.unit) / b.canvas.height), 1.0 * b.unit / min(b.canvas.width, b.canvas.height), lighter(colour, 0.5), 0.75)
    for i in range(12):
        a = 2 * math.pi * i / 12
        left, right = a - 0.11, a + 0.11
        b.polygon([(0.33 * math.cos(left), 0.5 + 0.33 * math.sin(left)), (0.5 * math.cos(a), 0.5 + 0.5 * math.sin(a)), (0.33 * math.cos(right), 0.5 + 0.33 * math.sin(right))], lighter(colour, 0.15), 0.05)
    b.oval(0, 0.5, 0.29, 0.29, colour, 0.16)


def star(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.canvas.glow((b.origin[0] / b.canvas.width, (b.origin[1] - 0.5 * b.unit) / b.canvas.height), 0.75 * b.unit / min(b.canvas.width, b.canvas.height), lighter(colour, 0.4), 0.45)
    points = [((0.48 if i % 2 == 0 else 0.21) * math.sin(math.pi * i / 5), 0.5 + (0.48 if i % 2 == 0 else 0.21) * math.cos(math.pi * i / 5)) for i in range(10)]
    b.polygon(points, colour, 0.14)
    for i in range(0, 10, 2):
        b.polygon([(0, 0.5), points[i], points[(i + 1) % 10]], darker(colour, 0.14), 0.04)


def rainbow(b: Brush, colour: Colour, dice: random.Random) -> None:
    bands = [(232, 70, 70), (246, 150, 60), (250, 220, 80), (96, 190, 96), (70, 150, 226), (120, 90, 190)]
    for i, shade in enumerate(bands):
        r = 0.5 - 0.04 * i
        outer, inner = arc(0, 0, r, r * 1.2, 0, 180, 60), arc(0, 0, r - 0.041, (r - 0.041) * 1.2, 180, 0, 60)
        b.polygon([*outer, *inner], shade, 0.05, 0.85)
    for x in (-0.42, 0.42):
        for dx, dy, r in ((-0.08, 0.02, 0.08), (0.08, 0.02, 0.08), (0, 0.06, 0.1), (0, 0.0, 0.1)):
            b.oval(x + dx, dy, r, r * 0.8, (255, 255, 255), 0.04)


def mountain(b: Brush, colour: Colour, dice: random.Random) -> None:
    for x, high, wide in ((-0.42, 0.55, 0.4), (0.44, 0.62, 0.42), (0.02, 0.98, 0.56)):
        b.polygon([(x - wide, 0), (x, high), (x + wide, 0)], lighter(colour, 0.1), 0.16)
        b.polygon([(x, high), (x + wide * 0.1, high * 0.5), (x - wide * 0.06, 0), (x + wide, 0)], darker(colour, 0.25), 0.1)
        teeth = [(x - wide * 0.33 + 0.66 * wide * i / 6, high * (0.67 + (0.08 if i % 2 == 0 else -0.07))) for i in range(1, 6)]
        b.polygon([(x, high), (x - wide * 0.33, high * 0.67), *teeth, (x + wide * 0.33, high * 0.67)], (248, 251, 255), 0.08)


def cloud(b: Brush, colour: Colour, dice: random.Random) -> None:
    for x, y, r in ((-0.3, 0.3, 0.17), (0.3, 0.3, 0.18), (-0.1, 0.44, 0.22), (0.14, 0.4, 0.2), (0, 0.28, 0.22)):
        b.oval(x, y, r, r, colour, 0.1)
    b.box(-0.38, 0.12, 0.4, 0.34, colour, 0.1, 0.1)
