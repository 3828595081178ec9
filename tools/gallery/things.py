"""Subjects that people make: buildings, vehicles, and things on a table or a wall."""

import math
import random

from canvas import Brush, Colour, arc, darker, lighter, ring
from plants import shine

DARK, GLASS, WOOD, METAL = (40, 42, 52), (176, 218, 240), (150, 104, 66), (188, 194, 204)
LAMP = (255, 226, 140)


def house(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.shadow(0.55)
    b.box(0.2, 0.7, 0.3, 0.96, (150, 88, 76))
    b.box(-0.38, 0, 0.38, 0.5, lighter(colour, 0.1) if sum(colour) > 330 else colour)
    b.polygon([(-0.48, 0.47), (-0.28, 0.86), (0.28, 0.86), (0.48, 0.47)], (166, 74, 62) if sum(abs(a - c) for a, c in zip(colour, (200, 60, 56))) > 150 else (92, 84, 100), 0.2)
    b.box(-0.08, 0, 0.08, 0.29, (110, 72, 50), 0.15, 0.01)
    b.oval(0.05, 0.14, 0.012, 0.012, LAMP, 0)
    for x in (-0.24, 0.24):
        b.box(x - 0.085, 0.17, x + 0.085, 0.37, (250, 248, 240), 0.03)
        b.box(x - 0.068, 0.187, x + 0.068, 0.353, LAMP if b.light[0] < 0.8 else GLASS, 0.12)
        b.line([(x, 0.187), (x, 0.353)], 0.012, (250, 248, 240), 0)
        b.line([(x - 0.068, 0.27), (x + 0.068, 0.27)], 0.012, (250, 248, 240), 0)


def castle(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.shadow(0.56)
    for x, wide, high in ((0, 0.16, 0.74), (-0.36, 0.12, 0.6), (0.36, 0.12, 0.6)):
        b.box(x - wide, 0, x + wide, high, colour, 0.16)
        for i in range(-1, 2):
            b.box(x + i * wide * 0.72 - 0.03, high, x + i * wide * 0.72 + 0.03, high + 0.06, colour, 0.1)
        b.polygon([(x - wide * 0.8, high + 0.04), (x, high + 0.25), (x + wide * 0.8, high + 0.04)], (150, 70, 96), 0.2)
        b.box(x - 0.025, high - 0.22, x + 0.025, high - 0.08, DARK, 0.05, 0.02)
    b.box(-0.3, 0, 0.3, 0.4, darker(colour, 0.06), 0.12)
    for i in range(-3, 4):
        b.box(i * 0.085 - 0.025, 0.4, i * 0.085 + 0.025, 0.46, darker(colour, 0.06), 0.08)
    b.polygon([(-0.09, 0), (-0.09, 0.16), *arc(0, 0.16, 0.09, 0.1, 180, 0, 12), (0.09, 0)], (86, 58, 44), 0.15)
    b.line([(0, 0.98), (0, 1.08)], 0.01, DARK, 0)
    b.polygon([(0, 1.08), (0.1, 1.05), (0, 1.02)], (220, 60, 70), 0.05)


def lighthouse(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.shadow(0.34)
    b.blob([(-0.36, -0.02), (-0.26, 0.09), (0.0, 0.12), (0.28, 0.08), (0.38, -0.02), (0, -0.06)], (120, 112, 112), 0.25)
    wide = lambda y: 0.15 - 0.08 * y
    for i in range(5):
        low, top = 0.06 + 0.13 * i, 0.06 + 0.13 * (i + 1)
        b.polygon([(-wide(low), low), (-wide(top), top), (wide(top), top), (wide(low), low)], colour if i % 2 == 0 else (250, 248, 244), 0.16)
    b.box(-0.125, 0.71, 0.125, 0.735, DARK)
    b.box(-0.065, 0.735, 0.065, 0.85, (255, 236, 150), 0.2)
    for x in (-0.065, 0, 0.065):
        b.line([(x, 0.735), (x, 0.85)], 0.012, DARK, 0)
    b.polygon([(-0.1, 0.85), (0, 0.97), (0.1, 0.85)], colour, 0.2)
    b.box(-0.035, 0.06, 0.035, 0.17, (90, 62, 48), 0.1, 0.02)
    if b.light[0] < 0.95:
        for side in (-1, 1):
            b.polygon([(side * 0.06, 0.8), (side * 1.1, 0.98), (side * 1.1, 0.66)], (255, 240, 180), 0.0, 0.28)


def windmill(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.shadow(0.34)
    b.polygon([(-0.2, 0), (-0.12, 0.56), (0.12, 0.56), (0.2, 0)], colour, 0.18)
    b.polygon([(-0.15, 0.55), (-0.08, 0.68), (0.08, 0.68), (0.15, 0.55)], (120, 74, 60), 0.2)
    b.box(-0.05, 0, 0.05, 0.17, (100, 66, 46), 0.1, 0.02)
    b.box(-0.04, 0.32, 0.04, 0.41, GLASS)
    spin = dice.uniform(15, 75)
    for k in range(4):
        a = math.radians(spin + 90 * k)
        place = lambda r, s: (r * math.cos(a) - s * math.sin(a), 0.6 + r * math.sin(a) + s * math.cos(a))
        b.polygon([place(0.1, 0.0), place(0.1, 0.09), place(0.42, 0.09), place(0.42, 0.0)], (252, 250, 240), 0.06)
        b.line([place(0, 0), place(0.43, 0)], 0.022, (110, 78, 56))
        for r in (0.18, 0.26, 0.34):
            b.line([place(r, 0), place(r, 0.09)], 0.008, (170, 150, 130), 0)
    b.oval(0, 0.6, 0.035, 0.035, DARK)


def tent(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.shadow(0.55)
    b.polygon([(-0.16, 0), (0.06, 0.66), (0.5, 0.0)], darker(colour, 0.2), 0.18)
    b.polygon([(-0.5, 0), (-0.06, 0.66), (0.06, 0.66), (0.24, 0)], colour, 0.2)
    b.polygon([(-0.28, 0), (-0.08, 0.5), (0.06, 0)], LAMP if b.light[0] < 0.8 else (66, 50, 56), 0.15)
    b.polygon([(-0.28, 0), (-0.08, 0.5), (-0.2, 0.0)], lighter(colour, 0.25), 0.1)
    b.line([(-0.06, 0.66), (-0.06, 0.72)], 0.018, WOOD)


def wheel(b: Brush, x: float, radius: float) -> None:
    """A tyre with a bright rim, standing on the ground."""
    b.oval(x, radius, radius, radius, (38, 38, 44), 0.12)
    b.oval(x, radius, radius * 0.56, radius * 0.56, METAL, 0.2)
    b.oval(x, radius, radius * 0.18, radius * 0.18, (90, 94, 104), 0.1)


def car(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.shadow(0.54, 0, 0.45)
    b.blob([(-0.3, 0.26), (-0.2, 0.47), (-0.05, 0.52), (0.14, 0.5), (0.3, 0.3), (0.3, 0.22), (-0.3, 0.2)], colour)
    b.polygon([(-0.22, 0.31), (-0.16, 0.44), (-0.03, 0.475), (-0.03, 0.31)], GLASS, 0.25)
    b.polygon([(0.0, 0.31), (0.0, 0.475), (0.11, 0.455), (0.22, 0.31)], GLASS, 0.25)
    b.blob([(-0.49, 0.12), (-0.5, 0.24), (-0.4, 0.31), (0, 0.31), (0.34, 0.3), (0.48, 0.24), (0.5, 0.12), (0.4, 0.08), (-0.4, 0.08)], colour, 0.22)
    b.line([(-0.4, 0.125), (0.4, 0.125)], 0.02, darker(colour, 0.35), 0)
    for x in (-0.28, 0.29):
        b.oval(x, 0.1, 0.125, 0.125, darker(colour, 0.55), 0.05)
        wheel(b, x, 0.105)
    b.oval(0.465, 0.22, 0.03, 0.035, (255, 244, 190), 0.05)
    b.oval(-0.475, 0.22, 0.022, 0.035, (220, 50, 50), 0.05)
    b.line([(0.03, 0.26), (0.09, 0.26)], 0.014, lighter(colour, 0.5), 0)


def bus(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.shadow(0.56, 0, 0.45)
    b.box(-0.5, 0.08, 0.5, 0.56, colour, 0.14, 0.05)
    b.box(-0.49, 0.2, 0.49, 0.24, (250, 246, 236), 0.04)
    for i in range(5):
        b.box(-0.45 + 0.175 * i, 0.31, -0.31 + 0.175 * i, 0.48, GLASS, 0.25, 0.02)
    b.box(0.43, 0.3, 0.5, 0.48, GLASS, 0.2)
    b.oval(0.48, 0.16, 0.022, 0.03, (255, 244, 190), 0)
    for x in (-0.29, 0.3):
        wheel(b, x, 0.095)


def truck(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.shadow(0.56, 0, 0.45)
    b.box(-0.5, 0.14, 0.16, 0.6, (240, 240, 236), 0.1, 0.015)
    b.box(-0.5, 0.3, 0.16, 0.38, colour, 0.1)
    b.polygon([(0.19, 0.12), (0.19, 0.5), (0.36, 0.5), (0.46, 0.32), (0.5, 0.3), (0.5, 0.12)], colour, 0.2)
    b.polygon([(0.25, 0.32), (0.25, 0.45), (0.34, 0.45), (0.41, 0.32)], GLASS, 0.25)
    b.box(-0.5, 0.1, 0.5, 0.15, DARK)
    for x in (-0.36, -0.16, 0.34):
        wheel(b, x, 0.09)


def bicycle(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.shadow(0.5, 0, 0.25)
    for x in (-0.28, 0.28):
        for k in range(8):
            a = math.pi * k / 8
            b.line([(x - 0.19 * math.cos(a), 0.21 - 0.19 * math.sin(a)), (x + 0.19 * math.cos(a), 0.21 + 0.19 * math.sin(a))], 0.006, METAL, 0)
        b.hoop(x, 0.21, 0.21, 0.03, (40, 40, 46))
    for points in ([(-0.28, 0.21), (-0.1, 0.5), (0.19, 0.5), (-0.02, 0.21), (-0.28, 0.21)], [(-0.02, 0.21), (-0.12, 0.56)], [(0.28, 0.21), (0.17, 0.6)]):
        b.line(points, 0.034, colour, 0.14)
    b.line([(0.17, 0.6), (0.24, 0.64), (0.31, 0.6)], 0.026, DARK)
    b.blob([(-0.22, 0.58), (-0.2, 0.62), (-0.04, 0.59), (-0.1, 0.56)], DARK)
    b.oval(-0.02, 0.21, 0.05, 0.05, METAL)
    b.line([(-0.02, 0.21), (0.03, 0.12)], 0.02, DARK)


def train(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.box(-0.6, -0.02, 0.6, 0.0, (120, 100, 86), 0.05)
    b.shadow(0.56, 0, 0.35)
    b.box(-0.46, 0.14, -0.16, 0.62, colour, 0.16, 0.015)
    b.box(-0.5, 0.61, -0.12, 0.66, DARK)
    b.box(-0.41, 0.38, -0.22, 0.55, GLASS, 0.2, 0.01)
    b.box(-0.18, 0.18, 0.4, 0.44, colour, 0.22, 0.08)
    for x in (-0.02, 0.14, 0.3):
        b.box(x, 0.18, x + 0.02, 0.44, LAMP, 0.1)
    b.polygon([(0.2, 0.43), (0.18, 0.62), (0.32, 0.62), (0.3, 0.43)], DARK)
    b.oval(0.02, 0.45, 0.06, 0.05, (226, 180, 80))
    b.oval(0.42, 0.31, 0.035, 0.07, (255, 240, 180), 0.1)
    b.polygon([(0.38, 0.16), (0.38, 0.02), (0.54, 0.02)], DARK)
    b.box(-0.48, 0.12, 0.4, 0.18, DARK)
    for x, r in ((-0.34, 0.11), (-0.08, 0.09), (0.12, 0.09), (0.3, 0.09)):
        b.oval(x, r, r, r, (60, 58, 66), 0.12)
        b.oval(x, r, r * 0.6, r * 0.6, (214, 70, 60), 0.12)
    b.line([(-0.08, 0.08), (0.3, 0.08)], 0.024, METAL)
    for i, r in enumerate((0.06, 0.085, 0.11)):
        b.oval(0.24 - 0.13 * i, 0.7 + 0.09 * i, r * 1.2, r, (244, 244, 248), 0.05, 0, 0.85)


def hot_air_balloon(b: Brush, colour: Colour, dice: random.Random) -> None:
    second = dice.choice([(252, 236, 200), (250, 210, 90), (255, 255, 255)])
    for x in (-0.08, 0.08):
        b.line([(x, 0.16), (x * 2.2, 0.36)], 0.01, (110, 80, 60), 0)
    b.box(-0.09, 0.02, 0.09, 0.17, (166, 112, 64), 0.2, 0.02)
    b.box(-0.1, 0.15, 0.1, 0.18, (126, 82, 48))
    outline = [(-0.13, 0.3), (-0.32, 0.5), (-0.4, 0.7), (-0.3, 0.9), (0, 1.0), (0.3, 0.9), (0.4, 0.7), (0.32, 0.5), (0.13, 0.3)]
    b.blob(outline, colour, 0.28)
    for share in (0.72, 0.25):
        b.blob([(x * share, y) for x, y in outline], second if share > 0.5 else colour, 0.22)
        if share > 0.5:
            b.blob([(x * 0.46, y) for x, y in outline], colour, 0.2)
            b.blob([(x * 0.3, y) for x, y in outline], second, 0.2)
    b.box(-0.13, 0.28, 0.13, 0.32, darker(colour, 0.3))


def rocket(b: Brush, colour: Colour, dice: random.Random) -> None:
    for wide, low, shade in ((0.13, -0.14, (250, 130, 40)), (0.08, -0.04, (255, 220, 100))):
        b.blob([(-wide, 0.15), (-wide * 0.8, 0.04), (0, low), (wide * 0.8, 0.04), (wide, 0.15)], shade, 0.1)
    for side in (-1, 1):
        b.polygon([(side * 0.15, 0.42), (side * 0.33, 0.18), (side * 0.31, 0.08), (side * 0.13, 0.18)], darker(colour, 0.1), 0.16)
    b.blob([(-0.13, 0.14), (-0.19, 0.45), (-0.13, 0.76), (0, 1.0), (0.13, 0.76), (0.19, 0.45), (0.13, 0.14)], (246, 246, 250), 0.2)
    b.blob([(-0.125, 0.77), (-0.07, 0.9), (0, 1.0), (0.07, 0.9), (0.125, 0.77), (0, 0.75)], colour, 0.2)
    b.polygon([(-0.18, 0.38), (-0.16, 0.26), (0.16, 0.26), (0.18, 0.38)], colour, 0.15)
    b.oval(0, 0.58, 0.085, 0.085, METAL)
    b.oval(0, 0.58, 0.062, 0.062, (90, 170, 220), 0.3)
    b.box(-0.1, 0.11, 0.1, 0.16, DARK)


def airplane(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.polygon([(0.3, 0.52), (0.44, 0.8), (0.52, 0.8), (0.46, 0.5)], colour, 0.15)
    b.polygon([(-0.02, 0.52), (0.1, 0.74), (0.18, 0.74), (0.16, 0.5)], darker(colour, 0.25), 0.1)
    b.blob([(-0.5, 0.44), (-0.38, 0.56), (0.1, 0.58), (0.44, 0.54), (0.5, 0.48), (0.3, 0.38), (-0.2, 0.34), (-0.42, 0.36)], (246, 248, 252), 0.22)
    b.polygon([(-0.48, 0.43), (0.48, 0.5), (0.4, 0.43), (-0.46, 0.39)], colour, 0.1)
    for i in range(8):
        b.oval(-0.26 + 0.075 * i, 0.495, 0.018, 0.022, (80, 140, 190), 0.1)
    b.blob([(-0.44, 0.49), (-0.38, 0.54), (-0.31, 0.535), (-0.33, 0.485)], (70, 120, 170))
    b.polygon([(-0.06, 0.42), (0.16, 0.08), (0.26, 0.08), (0.18, 0.43)], colour, 0.2)
    b.oval(0.02, 0.28, 0.075, 0.04, METAL)
    b.polygon([(0.34, 0.48), (0.44, 0.36), (0.5, 0.36), (0.46, 0.5)], darker(colour, 0.1), 0.1)


def helicopter(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.polygon([(0.05, 0.42), (0.48, 0.52), (0.48, 0.46), (0.05, 0.28)], darker(colour, 0.1), 0.15)
    b.polygon([(0.42, 0.48), (0.52, 0.68), (0.46, 0.46)], colour)
    b.blob([(-0.42, 0.32), (-0.34, 0.5), (-0.12, 0.58), (0.1, 0.52), (0.16, 0.36), (0.04, 0.22), (-0.3, 0.2)], colour, 0.24)
    b.blob([(-0.4, 0.34), (-0.32, 0.48), (-0.16, 0.52), (-0.14, 0.34)], GLASS, 0.25)
    b.line([(-0.06, 0.56), (-0.06, 0.68)], 0.03, DARK)
    b.oval(-0.06, 0.69, 0.48, 0.018, (70, 74, 84), 0.05)
    for x in (-0.22, 0.0):
        b.line([(x, 0.22), (x, 0.12)], 0.018, DARK)
    b.line([(-0.36, 0.15), (-0.3, 0.11), (0.12, 0.11)], 0.024, DARK)


def sailboat(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.canvas.soft_oval((b.origin[0] / b.canvas.width, b.origin[1] / b.canvas.height), 0.42 * b.unit / min(b.canvas.width, b.canvas.height), 0.035 * b.unit / min(b.canvas.width, b.canvas.height) * 2, (10, 40, 80), 0.35, 0.5)
    b.line([(0, 0.14), (0, 0.98)], 0.022, (120, 84, 58))
    b.blob([(0.03, 0.95), (0.16, 0.66), (0.4, 0.26), (0.2, 0.22), (0.03, 0.24), (0.02, 0.6)], colour, 0.18)
    b.polygon([(-0.03, 0.88), (-0.34, 0.24), (-0.03, 0.24)], lighter(colour, 0.7), 0.1)
    b.blob([(-0.44, 0.16), (-0.34, 0.0), (0.0, -0.02), (0.34, 0.0), (0.48, 0.17), (0, 0.14)], (246, 244, 238), 0.24)
    b.polygon([(-0.41, 0.12), (-0.37, 0.07), (0.4, 0.07), (0.45, 0.12)], colour, 0.1)
    b.polygon([(0, 1.0), (0.1, 0.965), (0, 0.93)], (226, 60, 60), 0)


def kite(b: Brush, colour: Colour, dice: random.Random) -> None:
    tail = [(0.03 * math.sin(t * 7), 0.2 - 0.32 * t) for t in (i / 12 for i in range(13))]
    b.line([(0, 0.28), *tail], 0.012, (250, 246, 240), 0)
    for i in (4, 8, 12):
        x, y = tail[i]
        b.polygon([(x - 0.06, y + 0.03), (x, y), (x - 0.06, y - 0.03)], colour, 0.05)
        b.polygon([(x + 0.06, y + 0.03), (x, y), (x + 0.06, y - 0.03)], colour, 0.05)
    for points, shade in (([(0, 1), (-0.3, 0.68), (0, 0.68)], lighter(colour, 0.15)), ([(0, 1), (0.3, 0.68), (0, 0.68)], darker(colour, 0.1)), ([(0, 0.24), (-0.3, 0.68), (0, 0.68)], (250, 220, 110)), ([(0, 0.24), (0.3, 0.68), (0, 0.68)], (236, 190, 80))):
        b.polygon(points, shade, 0.06)


def umbrella(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.line([(0, 0.1), (0, 0.96)], 0.024, (110, 78, 56))
    b.line([(0, 0.1), *arc(-0.06, 0.08, 0.06, 0.07, 0, -180, 10)], 0.03, (110, 78, 56))
    scallops = []
    for i in range(4):
        left = 0.48 - 0.24 * i
        scallops += arc(left - 0.12, 0.5, 0.12, 0.05, 0, 180, 8)
    b.polygon([*arc(0, 0.5, 0.48, 0.43, 180, 0, 40), *scallops], colour, 0.22)
    for share, shade in ((0.5, lighter(colour, 0.35)), (0.0, None)):
        if shade:
            b.polygon([*arc(0, 0.5, 0.24, 0.43, 180, 0, 30), *arc(0.12, 0.5, 0.12, 0.05, 0, 180, 8), *arc(-0.12, 0.5, 0.12, 0.05, 0, 180, 8)], shade, 0.16)
    b.line([(0, 0.92), (0, 0.98)], 0.022, DARK)


def guitar(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.shadow(0.26)
    b.blob([(0, 0.0), (-0.22, 0.05), (-0.25, 0.2), (-0.14, 0.33), (-0.18, 0.46), (-0.08, 0.54), (0.08, 0.54), (0.18, 0.46), (0.14, 0.33), (0.25, 0.2), (0.22, 0.05)], colour, 0.26)
    b.box(-0.032, 0.36, 0.032, 0.9, (70, 48, 38), 0.1)
    for i in range(7):
        b.line([(-0.03, 0.52 + 0.055 * i), (0.03, 0.52 + 0.055 * i)], 0.006, METAL, 0)
    b.oval(0, 0.34, 0.085, 0.08, (236, 206, 150), 0.05)
    b.oval(0, 0.34, 0.07, 0.066, (46, 32, 28), 0.05)
    b.box(-0.08, 0.12, 0.08, 0.15, (70, 48, 38))
    b.box(-0.05, 0.88, 0.05, 1.0, (86, 58, 44), 0.15, 0.015)
    for x in (-0.018, -0.006, 0.006, 0.018):
        b.line([(x, 0.14), (x, 0.92)], 0.004, (240, 236, 226), 0)
    for y in (0.91, 0.94, 0.97):
        for side in (-1, 1):
            b.oval(side * 0.065, y, 0.018, 0.012, METAL, 0.05)


def clock(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.oval(0.015, 0.48, 0.45, 0.45, (30, 30, 50), 0, 0, 0.22)
    b.oval(0, 0.5, 0.45, 0.45, colour, 0.25)
    b.oval(0, 0.5, 0.38, 0.38, (252, 250, 244), 0.05)
    for k in range(12):
        a = math.pi * k / 6
        inner = 0.29 if k % 3 == 0 else 0.315
        b.line([(inner * math.sin(a), 0.5 + inner * math.cos(a)), (0.345 * math.sin(a), 0.5 + 0.345 * math.cos(a))], 0.024 if k % 3 == 0 else 0.012, DARK, 0)
    for angle, long, thick in ((-55, 0.2, 0.034), (60, 0.29, 0.024)):
        a = math.radians(angle)
        b.line([(0, 0.5), (long * math.sin(a), 0.5 + long * math.cos(a))], thick, DARK, 0)
    b.line([(0, 0.5), (0.05, 0.22)], 0.01, (220, 60, 60), 0)
    b.oval(0, 0.5, 0.026, 0.026, (220, 60, 60), 0)


def cup(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.shadow(0.42, 0, 0.35)
    b.oval(0, 0.04, 0.44, 0.055, lighter(colour, 0.3), 0.15)
    ring_points = ring(0.3, 0.32, 0.15, 0.16)
    b.polygon([*ring_points, ring_points[0], *reversed(ring(0.3, 0.32, 0.095, 0.105)), ring(0.3, 0.32, 0.095, 0.105)[-1]], colour, 0.18)
    b.blob([(-0.31, 0.54), (-0.29, 0.24), (-0.18, 0.07), (0.18, 0.07), (0.29, 0.24), (0.31, 0.54), (0, 0.56)], colour, 0.26)
    b.oval(0, 0.54, 0.31, 0.075, lighter(colour, 0.4), 0.08)
    b.oval(0, 0.53, 0.27, 0.055, (98, 62, 40), 0.15)
    for x in (-0.1, 0.04, 0.16):
        for i in range(9):
            b.oval(x + 0.025 * math.sin(i * 0.9 + x * 9), 0.64 + 0.035 * i, 0.02, 0.026, (255, 255, 255), 0, 0, 0.28 * (1 - i / 10))


def teapot(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.shadow(0.42, 0, 0.35)
    outer, inner = ring(0.32, 0.34, 0.16, 0.17), ring(0.32, 0.34, 0.11, 0.12)
    b.polygon([*outer, outer[0], inner[0], *reversed(inner)], darker(colour, 0.1), 0.15)
    b.blob([(-0.24, 0.24), (-0.4, 0.36), (-0.48, 0.56), (-0.42, 0.57), (-0.34, 0.46), (-0.22, 0.42)], colour)
    b.blob([(-0.2, 0.02), (-0.34, 0.2), (-0.32, 0.42), (-0.16, 0.56), (0.16, 0.56), (0.32, 0.42), (0.34, 0.2), (0.2, 0.02)], colour, 0.26)
    b.oval(0, 0.56, 0.17, 0.05, darker(colour, 0.12), 0.1)
    b.oval(0, 0.65, 0.045, 0.045, colour)
    shine(b, -0.16, 0.4, 0.05, 0.1, 25)


def heart(b: Brush, colour: Colour, dice: random.Random) -> None:
    points = [(16 * math.sin(t) ** 3 / 36, 0.5 + (13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)) / 36) for t in (2 * math.pi * i / 80 for i in range(80))]
    b.polygon([(x + 0.02, y - 0.035) for x, y in points], (40, 20, 50), 0, 0.2)
    b.polygon(points, colour, 0.28)
    shine(b, -0.23, 0.68, 0.055, 0.1, 35)


def ball(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.shadow(0.36, 0.03, 0.4)
    b.oval(0, 0.36, 0.36, 0.36, (250, 248, 244), 0.24)
    for start in (0, 120, 240):
        a = [math.radians(start + d) for d in (20, 45, 70)]
        b.polygon([(0, 0.36), *((0.36 * math.cos(t), 0.36 + 0.36 * math.sin(t)) for t in a)], colour, 0.2)
    b.oval(0, 0.36, 0.07, 0.07, (250, 220, 100))
    shine(b, -0.15, 0.52, 0.05, 0.09, 40)


def cake(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.shadow(0.46, 0, 0.35)
    b.oval(0, 0.04, 0.48, 0.06, (236, 238, 244), 0.12)
    b.box(-0.36, 0.05, 0.36, 0.32, (238, 206, 156), 0.12, 0.02)
    b.box(-0.36, 0.15, 0.36, 0.2, colour, 0.1)
    drips = []
    for i in range(6):
        x = 0.36 - 0.12 * i
        drips += [(x, 0.3), (x - 0.03, 0.24 - 0.03 * (i % 2)), (x - 0.06, 0.22 - 0.03 * (i % 2)), (x - 0.09, 0.25)]
    b.polygon([(-0.36, 0.32), (-0.36, 0.4), (0.36, 0.4), (0.36, 0.3), *drips], lighter(colour, 0.2), 0.12)
    b.oval(0, 0.4, 0.36, 0.055, lighter(colour, 0.35), 0.08)
    for i, shade in enumerate(((236, 90, 90), (90, 160, 230), (250, 200, 80))):
        x = -0.16 + 0.16 * i
        b.box(x - 0.02, 0.4, x + 0.02, 0.6, shade, 0.15)
        b.blob([(x - 0.022, 0.63), (x, 0.71), (x + 0.022, 0.63), (x, 0.605)], (255, 200, 80), 0.1)


def ice_cream(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.polygon([(-0.2, 0.5), (0, 0.0), (0.2, 0.5)], (222, 166, 98), 0.2)
    for i in range(-3, 4):
        for lean in (-1, 1):
            top = (i * 0.066, 0.5)
            bottom = (i * 0.066 * 0.3 + lean * 0.06, 0.2)
            if abs(bottom[0]) < 0.075:
                b.line([top, bottom], 0.008, (176, 118, 62), 0)
    for x, y, r, shade in ((-0.12, 0.58, 0.16, (250, 236, 206)), (0.12, 0.58, 0.16, colour), (0, 0.76, 0.165, lighter(colour, 0.35))):
        b.oval(x, y, r, r, shade, 0.2)
    b.oval(0.02, 0.94, 0.05, 0.05, (214, 40, 60), 0.25)


def lamp(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.shadow(0.26)
    b.oval(0, 0.03, 0.2, 0.04, METAL)
    b.line([(0, 0.04), (0, 0.6)], 0.03, METAL)
    b.canvas.glow((b.origin[0] / b.canvas.width, (b.origin[1] - 0.6 * b.unit) / b.canvas.height), 0.7 * b.unit / min(b.canvas.width, b.canvas.height), (255, 240, 190), 0.55)
    b.polygon([(-0.3, 0.54), (-0.16, 0.94), (0.16, 0.94), (0.3, 0.54)], colour, 0.2)
    b.oval(0, 0.54, 0.3, 0.035, (255, 246, 210), 0.02)


def book(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.shadow(0.5, 0, 0.35)
    b.polygon([(-0.5, 0.08), (0, 0.0), (0.5, 0.08), (0.5, 0.5), (0, 0.42), (-0.5, 0.5)], colour, 0.2)
    for side in (-1, 1):
        b.blob([(0, 0.04), (side * 0.24, 0.13), (side * 0.46, 0.12), (side * 0.46, 0.5), (side * 0.24, 0.54), (0, 0.46)], (252, 248, 236), 0.1)
        for i in range(5):
            y = 0.2 + 0.055 * i
            b.line([(side * 0.07, y), (side * 0.24, y + 0.045), (side * 0.4, y + 0.03)], 0.01, (150, 150, 160), 0)


def gift(b: Brush, colour: Colour, dice: random.Random) -> None:
    ribbon = (250, 214, 90) if sum(colour) < 600 else (220, 60, 80)
    b.shadow(0.42, 0, 0.4)
    b.box(-0.34, 0.0, 0.34, 0.5, colour, 0.18, 0.01)
    b.box(-0.38, 0.46, 0.38, 0.6, lighter(colour, 0.12), 0.14, 0.015)
    b.box(-0.06, 0.0, 0.06, 0.6, ribbon, 0.12)
    for side in (-1, 1):
        b.blob([(0, 0.6), (side * 0.1, 0.78), (side * 0.28, 0.8), (side * 0.24, 0.64)], ribbon, 0.2)
        b.blob([(side * 0.04, 0.63), (side * 0.12, 0.72), (side * 0.22, 0.74), (side * 0.18, 0.66)], darker(ribbon, 0.25), 0.05)
    b.oval(0, 0.63, 0.055, 0.045, ribbon)


def balloon(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.line([(0.02 * math.sin(i), 0.34 - 0.034 * i) for i in range(11)], 0.01, (250, 250, 250), 0)
    b.blob([(0, 0.36), (-0.24, 0.56), (-0.28, 0.76), (-0.16, 0.94), (0, 0.99), (0.16, 0.94), (0.28, 0.76), (0.24, 0.56)], colour, 0.3)
    b.polygon([(-0.045, 0.33), (0, 0.38), (0.045, 0.33)], darker(colour, 0.15))
    shine(b, -0.13, 0.8, 0.05, 0.1, 25)


def chair(b: Brush, colour: Colour, dice: random.Random) -> None:
    b.shadow(0.36)
    for x in (-0.25, 0.25):
        b.line([(x * 0.84, 0.3), (x * 0.84, 0.08)], 0.045, darker(colour, 0.25))
        b.line([(x, 0.38), (x, 0.95)], 0.05, colour)
        b.line([(x * 1.12, 0.38), (x * 1.12, 0.0)], 0.055, colour)
    for y in (0.56, 0.7, 0.86):
        b.box(-0.25, y, 0.25, y + 0.06, colour, 0.1, 0.02)
    b.polygon([(-0.3, 0.36), (-0.25, 0.48), (0.25, 0.48), (0.3, 0.36)], lighter(colour, 0.15), 0.12)
    b.box(-0.3, 0.31, 0.3, 0.37, colour, 0.12, 0.015)
