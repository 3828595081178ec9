"""Subjects that live: beasts, birds, fish, and a snowman."""

import math
import random

from canvas import Brush, Colour, arc, darker, lighter

DARK, WHITE, BEAK = (34, 30, 40), (252, 252, 250), (246, 166, 50)


def eye(b: Brush, x: float, y: float, size: float) -> None:
    """A dark eye with a glint."""
    b.oval(x, y, size, size * 1.1, DARK, 0)
    b.oval(x - size * 0.3, y + size * 0.4, size * 0.32, size * 0.32, WHITE, 0)


def cat(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.shadow(0.4)
    b.line([(0.22, 0.08), (0.4, 0.1), (0.44, 0.28), (0.36, 0.4)], 0.07, darker(colour, 0.1))
    b.blob([(-0.24, 0.0), (-0.26, 0.24), (-0.14, 0.5), (0.12, 0.5), (0.26, 0.26), (0.27, 0.0), (0, -0.01)], colour)
    b.oval(0, 0.2, 0.12, 0.17, lighter(colour, 0.45), 0.08)
    for side in (-1, 1):
        b.oval(side * 0.11, 0.035, 0.075, 0.045, lighter(colour, 0.15))
        b.polygon([(side * 0.25, 0.66), (side * 0.24, 0.96), (side * 0.06, 0.84)], colour)
        b.polygon([(side * 0.215, 0.72), (side * 0.21, 0.9), (side * 0.1, 0.82)], (240, 160, 160), 0.05)
    b.oval(0, 0.66, 0.27, 0.22, colour)
    b.oval(0, 0.58, 0.12, 0.085, lighter(colour, 0.5), 0.05)
    for side in (-1, 1):
        b.oval(side * 0.11, 0.69, 0.05, 0.055, (170, 214, 110), 0.1)
        eye(b, side * 0.11, 0.69, 0.026)
        for lift in (-0.03, 0.01, 0.05):
            b.line([(side * 0.1, 0.58 + lift * 0.3), (side * 0.34, 0.57 + lift)], 0.008, lighter(colour, 0.75), 0)
    b.polygon([(-0.03, 0.625), (0.03, 0.625), (0, 0.59)], (224, 120, 130), 0)
    for i in (-1, 0, 1):
        b.line([(i * 0.06, 0.86 - abs(i) * 0.01), (i * 0.05, 0.79)], 0.018, darker(colour, 0.3), 0)


def dog(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.shadow(0.42)
    b.line([(0.24, 0.16), (0.4, 0.32), (0.42, 0.42)], 0.06, colour)
    b.blob([(-0.22, 0.0), (-0.24, 0.26), (-0.13, 0.5), (0.13, 0.5), (0.26, 0.26), (0.28, 0.0), (0, -0.01)], colour)
    b.blob([(-0.1, 0.1), (-0.11, 0.34), (0, 0.46), (0.11, 0.34), (0.1, 0.1)], WHITE, 0.06)
    for side in (-1, 1):
        b.oval(side * 0.12, 0.04, 0.09, 0.05, lighter(colour, 0.3))
    b.box(-0.15, 0.46, 0.15, 0.52, (214, 60, 60), 0.1, 0.02)
    b.blob([(-0.22, 0.6), (-0.22, 0.84), (0, 0.95), (0.22, 0.84), (0.22, 0.6), (0, 0.48)], colour)
    for side in (-1, 1):
        b.blob([(side * 0.16, 0.9), (side * 0.3, 0.86), (side * 0.35, 0.6), (side * 0.26, 0.5), (side * 0.19, 0.68)], darker(colour, 0.35))
        eye(b, side * 0.1, 0.76, 0.035)
    b.oval(0, 0.6, 0.13, 0.11, WHITE, 0.06)
    b.oval(0, 0.665, 0.05, 0.038, DARK, 0.1)
    b.line([(0, 0.63), (0, 0.58)], 0.012, DARK, 0)
    b.blob([(-0.045, 0.57), (0.045, 0.57), (0.035, 0.49), (0, 0.47), (-0.035, 0.49)], (238, 120, 130), 0.05)


def rabbit(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.shadow(0.36)
    b.oval(0.25, 0.12, 0.09, 0.09, WHITE)
    b.blob([(-0.24, 0.02), (-0.24, 0.22), (-0.1, 0.44), (0.12, 0.44), (0.26, 0.22), (0.26, 0.02), (0, -0.01)], colour)
    b.oval(0, 0.2, 0.13, 0.15, lighter(colour, 0.5), 0.06)
    for side in (-1, 1):
        b.oval(side * 0.13, 0.04, 0.11, 0.05, lighter(colour, 0.15))
        b.oval(side * 0.1, 0.84, 0.06, 0.19, colour, 0.15, -side * 8)
        b.oval(side * 0.1, 0.84, 0.03, 0.14, (244, 178, 184), 0.05, -side * 8)
    b.oval(0, 0.54, 0.2, 0.18, colour)
    for side in (-1, 1):
        eye(b, side * 0.09, 0.58, 0.03)
        b.oval(side * 0.045, 0.47, 0.05, 0.04, lighter(colour, 0.55), 0.03)
    b.oval(0, 0.51, 0.025, 0.018, (236, 120, 140), 0)


def sheep(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.shadow(0.44)
    for x in (-0.2, -0.08, 0.12, 0.24):
        b.box(x - 0.03, 0, x + 0.03, 0.24, (70, 62, 66))
    for x, y, r in ((-0.24, 0.4, 0.14), (0.24, 0.4, 0.14), (-0.12, 0.52, 0.16), (0.14, 0.52, 0.16), (-0.1, 0.32, 0.15), (0.12, 0.32, 0.15), (0, 0.42, 0.22), (0.3, 0.46, 0.1)):
        b.oval(x, y, r, r, colour, 0.12)
    b.blob([(-0.3, 0.66), (-0.42, 0.6), (-0.46, 0.46), (-0.38, 0.38), (-0.26, 0.46), (-0.22, 0.6)], (74, 66, 70))
    b.oval(-0.22, 0.62, 0.09, 0.035, (74, 66, 70), 0.1, -20)
    b.oval(-0.3, 0.68, 0.1, 0.07, colour, 0.1)
    b.oval(-0.37, 0.56, 0.02, 0.024, WHITE, 0)


def elephant(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.shadow(0.5)
    b.line([(0.42, 0.5), (0.48, 0.34)], 0.025, darker(colour, 0.2))
    for x in (-0.1, 0.2, 0.0, 0.32):
        b.box(x - 0.075, 0, x + 0.075, 0.34, darker(colour, 0.12 if x in (0.0, 0.2) else 0), 0.15, 0.03)
    b.blob([(-0.2, 0.26), (-0.22, 0.6), (0.05, 0.76), (0.32, 0.7), (0.45, 0.5), (0.42, 0.26), (0.1, 0.22)], colour)
    b.blob([(-0.12, 0.84), (-0.34, 0.86), (-0.44, 0.7), (-0.42, 0.5), (-0.26, 0.44), (-0.1, 0.52)], colour)
    b.line([(-0.39, 0.62), (-0.44, 0.4), (-0.42, 0.2), (-0.48, 0.12)], 0.085, colour, 0.12)
    b.blob([(-0.34, 0.5), (-0.4, 0.4), (-0.52, 0.42), (-0.4, 0.46)], (250, 246, 230), 0.05)
    b.blob([(-0.1, 0.86), (0.04, 0.84), (0.1, 0.64), (0.0, 0.46), (-0.12, 0.52), (-0.16, 0.7)], darker(colour, 0.16))
    eye(b, -0.3, 0.7, 0.025)


def penguin(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.shadow(0.3)
    for side in (-1, 1):
        b.oval(side * 0.11, 0.03, 0.1, 0.04, BEAK)
        b.blob([(side * 0.22, 0.58), (side * 0.36, 0.34), (side * 0.33, 0.22), (side * 0.2, 0.36)], darker(colour, 0.1))
    b.blob([(-0.26, 0.2), (-0.25, 0.55), (-0.19, 0.82), (0, 0.96), (0.19, 0.82), (0.25, 0.55), (0.26, 0.2), (0, 0.02)], colour)
    b.blob([(-0.18, 0.2), (-0.17, 0.5), (0, 0.62), (0.17, 0.5), (0.18, 0.2), (0, 0.06)], WHITE, 0.06)
    for side in (-1, 1):
        b.oval(side * 0.08, 0.72, 0.09, 0.11, WHITE, 0.04)
        eye(b, side * 0.07, 0.74, 0.028)
    b.polygon([(-0.06, 0.68), (0.06, 0.68), (0, 0.6)], BEAK)


def duck(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.shadow(0.42, 0.0, 0.22)
    b.blob([(-0.36, 0.2), (-0.2, 0.03), (0.2, 0.02), (0.4, 0.2), (0.5, 0.4), (0.28, 0.36), (0.0, 0.38), (-0.22, 0.42)], colour)
    b.blob([(-0.12, 0.3), (0.14, 0.34), (0.34, 0.24), (0.12, 0.1), (-0.08, 0.14)], darker(colour, 0.12))
    b.oval(-0.24, 0.56, 0.17, 0.17, colour)
    b.blob([(-0.38, 0.58), (-0.52, 0.54), (-0.5, 0.48), (-0.36, 0.48)], BEAK)
    eye(b, -0.28, 0.61, 0.028)


def bird(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.polygon([(0.26, 0.42), (0.5, 0.5), (0.48, 0.36), (0.28, 0.34)], darker(colour, 0.2))
    b.blob([(-0.34, 0.5), (-0.2, 0.66), (0.04, 0.6), (0.34, 0.4), (0.1, 0.28), (-0.2, 0.3)], colour)
    b.blob([(-0.26, 0.42), (-0.1, 0.44), (0.1, 0.36), (-0.06, 0.29), (-0.2, 0.32)], lighter(colour, 0.55), 0.05)
    b.blob([(-0.04, 0.54), (0.0, 0.82), (0.22, 0.98), (0.24, 0.7), (0.16, 0.5)], darker(colour, 0.12))
    b.blob([(0.02, 0.5), (0.14, 0.66), (0.36, 0.76), (0.26, 0.54), (0.14, 0.44)], lighter(colour, 0.12))
    b.polygon([(-0.33, 0.54), (-0.47, 0.48), (-0.33, 0.46)], BEAK)
    eye(b, -0.22, 0.55, 0.026)


def butterfly(b: Brush, colour: Colour, dice: random.Random) -> None:
    for side in (-1, 1):
        b.blob([(side * 0.02, 0.54), (side * 0.16, 0.86), (side * 0.42, 0.94), (side * 0.48, 0.7), (side * 0.3, 0.52)], darker(colour, 0.5), 0.1)
        b.blob([(side * 0.04, 0.55), (side * 0.17, 0.81), (side * 0.39, 0.89), (side * 0.43, 0.71), (side * 0.28, 0.55)], colour)
        b.blob([(side * 0.02, 0.5), (side * 0.28, 0.48), (side * 0.38, 0.26), (side * 0.24, 0.12), (side * 0.1, 0.26)], darker(colour, 0.5), 0.1)
        b.blob([(side * 0.04, 0.48), (side * 0.26, 0.45), (side * 0.33, 0.27), (side * 0.23, 0.17), (side * 0.11, 0.28)], lighter(colour, 0.18))
        for x, y, r in ((0.33, 0.78, 0.05), (0.22, 0.66, 0.035), (0.24, 0.32, 0.045), (0.4, 0.87, 0.02)):
            b.oval(side * x, y, r, r, lighter(colour, 0.65), 0.05)
        b.line([(0, 0.7), (side * 0.05, 0.84), (side * 0.11, 0.9)], 0.012, DARK, 0)
    b.oval(0, 0.5, 0.035, 0.22, (52, 40, 44))


def fish(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.polygon([(0.26, 0.5), (0.5, 0.74), (0.45, 0.5), (0.5, 0.26)], darker(colour, 0.12))
    b.blob([(-0.12, 0.7), (0.02, 0.88), (0.2, 0.8), (0.16, 0.66)], darker(colour, 0.12))
    b.blob([(-0.02, 0.32), (0.1, 0.14), (0.2, 0.2), (0.12, 0.36)], darker(colour, 0.12))
    b.blob([(-0.46, 0.48), (-0.26, 0.68), (0.02, 0.74), (0.24, 0.6), (0.34, 0.5), (0.24, 0.4), (0.02, 0.27), (-0.26, 0.32)], colour, 0.26)
    for x in (-0.1, 0.08):
        b.blob([(x, 0.7), (x + 0.05, 0.68), (x + 0.07, 0.5), (x + 0.04, 0.32), (x - 0.01, 0.3), (x + 0.02, 0.5)], lighter(colour, 0.7), 0.05)
    b.oval(-0.3, 0.54, 0.065, 0.068, WHITE, 0.03)
    eye(b, -0.31, 0.54, 0.036)
    b.line([(-0.45, 0.46), (-0.38, 0.43)], 0.014, darker(colour, 0.5), 0)


def whale(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.blob([(0.36, 0.5), (0.3, 0.72), (0.16, 0.82), (0.32, 0.8), (0.42, 0.7), (0.52, 0.82), (0.54, 0.7), (0.44, 0.5)], colour)
    b.blob([(-0.48, 0.34), (-0.42, 0.58), (-0.14, 0.68), (0.16, 0.58), (0.38, 0.62), (0.46, 0.48), (0.28, 0.22), (0.0, 0.1), (-0.32, 0.14)], colour)
    b.blob([(-0.47, 0.3), (-0.2, 0.32), (0.12, 0.24), (0.22, 0.17), (0.0, 0.09), (-0.32, 0.13)], lighter(colour, 0.7), 0.05)
    b.blob([(-0.08, 0.26), (0.04, 0.04), (0.14, 0.04), (0.08, 0.26)], darker(colour, 0.15))
    eye(b, -0.32, 0.4, 0.026)


def turtle(b: Brush, colour: Colour, dice: random.Random) -> None:
    skin = (150, 190, 110)
    for x, y, turn in ((-0.24, 0.22, 50), (0.26, 0.24, -40), (-0.2, 0.14, 60), (0.22, 0.14, -60)):
        b.oval(x, y, 0.15, 0.06, skin, 0.15, turn)
    b.oval(-0.42, 0.42, 0.11, 0.09, skin)
    b.polygon([(0.36, 0.28), (0.5, 0.24), (0.38, 0.34)], skin)
    b.blob([(-0.36, 0.28), (-0.28, 0.54), (0, 0.68), (0.28, 0.54), (0.4, 0.28), (0.02, 0.22)], colour, 0.26)
    for x, y in ((0, 0.5), (-0.17, 0.42), (0.18, 0.42), (0.02, 0.33), (-0.2, 0.31), (0.25, 0.31)):
        b.polygon([(x + 0.07 * math.cos(a), y + 0.06 * math.sin(a)) for a in (i * math.pi / 3 for i in range(6))], darker(colour, 0.25), 0.1)
    eye(b, -0.46, 0.45, 0.02)


def octopus(b: Brush, colour: Colour, dice: random.Random) -> None:
    for i, x in enumerate((-0.3, -0.2, -0.08, 0.08, 0.2, 0.3)):
        lean = x * 1.4
        curl = 0.08 if i % 2 else -0.08
        b.line([(x * 0.7, 0.42), (lean * 0.8, 0.24), (lean, 0.1), (lean + curl, 0.04)], 0.085, darker(colour, 0.08 * (i % 2)), 0.1)
    b.blob([(-0.24, 0.38), (-0.33, 0.68), (-0.2, 0.92), (0, 0.98), (0.2, 0.92), (0.33, 0.68), (0.24, 0.38), (0, 0.34)], colour, 0.24)
    for side in (-1, 1):
        b.oval(side * 0.11, 0.58, 0.07, 0.075, WHITE, 0.03)
        eye(b, side * 0.1, 0.57, 0.036)
    b.line(arc(0, 0.48, 0.06, 0.035, 200, 340, 8), 0.016, darker(colour, 0.5), 0)


def snail(b: Brush, colour: Colour, dice: random.Random) -> None:
    body = (214, 182, 130)
    b.shadow(0.44)
    for x in (-0.4, -0.34):
        b.line([(x + 0.02, 0.3), (x - 0.03, 0.52)], 0.025, body)
        b.oval(x - 0.03, 0.53, 0.026, 0.026, DARK, 0)
    b.blob([(-0.46, 0.3), (-0.46, 0.1), (-0.36, 0.0), (0.3, 0.0), (0.5, 0.03), (0.2, 0.14), (-0.2, 0.16), (-0.3, 0.34)], body)
    for r, shade in ((0.29, colour), (0.21, lighter(colour, 0.25)), (0.14, colour), (0.07, lighter(colour, 0.3))):
        b.oval(0.06 + (0.29 - r) * 0.15, 0.38 - (0.29 - r) * 0.1, r, r, shade, 0.18)


def ladybird(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.shadow(0.4)
    for x in (-0.22, 0.0, 0.22):
        b.line([(x, 0.12), (x - 0.05, 0.0)], 0.03, DARK, 0)
    b.oval(-0.36, 0.26, 0.13, 0.14, DARK, 0.15)
    for lift in (0.0, 0.08):
        b.line([(-0.42, 0.36), (-0.5 + lift, 0.5)], 0.016, DARK, 0)
    b.polygon([*arc(0.03, 0.1, 0.4, 0.46, 0, 180), (-0.37, 0.1)], colour, 0.28)
    b.line([(0.03, 0.11), (-0.05, 0.55)], 0.014, DARK, 0)
    for x, y, r in ((-0.2, 0.3, 0.06), (0.14, 0.42, 0.06), (0.24, 0.22, 0.055), (0.04, 0.2, 0.05), (-0.12, 0.46, 0.04)):
        b.oval(x, y, r, r, DARK, 0.05)
    b.oval(-0.42, 0.3, 0.03, 0.034, WHITE, 0)


def snowman(b: Brush, colour: Colour, dice: random.Random) -> None:
    snow, coal = (246, 250, 255), (44, 42, 52)
    b.shadow(0.36)
    for side in (-1, 1):
        b.line([(side * 0.16, 0.48), (side * 0.36, 0.6), (side * 0.44, 0.7)], 0.022, (110, 76, 52))
        b.line([(side * 0.36, 0.6), (side * 0.46, 0.6)], 0.018, (110, 76, 52))
    b.oval(0, 0.19, 0.27, 0.2, snow, 0.12)
    b.oval(0, 0.47, 0.2, 0.17, snow, 0.12)
    b.oval(0, 0.71, 0.15, 0.14, snow, 0.12)
    b.box(-0.14, 0.575, 0.14, 0.635, colour, 0.15, 0.025)
    b.polygon([(0.05, 0.6), (0.15, 0.6), (0.18, 0.4), (0.08, 0.4)], colour, 0.15)
    b.box(-0.19, 0.8, 0.19, 0.835, coal, 0.1, 0.01)
    b.box(-0.12, 0.82, 0.12, 1.0, coal, 0.15, 0.01)
    b.box(-0.12, 0.835, 0.12, 0.87, colour, 0.1)
    for side in (-1, 1):
        b.oval(side * 0.055, 0.745, 0.018, 0.02, coal, 0)
    b.polygon([(-0.01, 0.73), (-0.01, 0.69), (0.16, 0.69)], (246, 140, 50), 0.1)
    for y in (0.52, 0.44, 0.28, 0.2):
        b.oval(0, y, 0.02, 0.02, coal, 0)
    for i in range(-2, 3):
        b.oval(i * 0.032, 0.645 + 0.008 * abs(i), 0.01, 0.01, coal, 0)
