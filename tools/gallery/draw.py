"""Draws scenes with captions: the bundled gallery, and by `random_scene` the training images of the built-in model.

    python draw.py OUT        writes the gallery's images and captions.tsv to OUT
"""

import argparse
import random
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

import settings
from canvas import Brush, Canvas, Colour, mix
from subjects import ACCENTED, COLOURS, SUBJECTS

JPEG_QUALITY = 85
SHAPES = {"wide": (480, 360), "tall": (360, 480), "square": (400, 400)}
NUMBER_WORDS = {1: "a", 2: "two", 3: "three", 4: "four"}
IRREGULAR = {"fish": "fish", "sheep": "sheep", "butterfly": "butterflies", "strawberry": "strawberries", "cherry": "cherries",
             "cactus": "cacti", "bus": "buses", "snowman": "snowmen", "daisy": "daisies", "octopus": "octopuses", "ice cream": "ice creams"}


@dataclass(frozen=True)
class Thing:
    """One subject in a colour ("" where it has its own)."""

    noun: str
    colour: str

    @property
    def named_colour(self) -> str:
        """The colour, where it is the subject's own and not that of a scarf."""
        return "" if self.noun in ACCENTED else self.colour


@dataclass(frozen=True)
class Scene:
    """What is drawn: `count` of `noun` in `colour` in `setting`; with `other`, one of each."""

    noun: str
    colour: str
    count: int
    setting: str
    other: Thing | None = None

    @property
    def things(self) -> list[Thing]:
        """The one or two kinds of subject."""
        return [Thing(self.noun, self.colour)] + ([self.other] if self.other else [])

    def caption(self) -> str:
        """The scene in words, such as "two red apples on a table" or "a red apple and a blue cup on a table"."""
        named = " and ".join(phrase(thing.noun, thing.named_colour, self.count, "") for thing in self.things)
        return f"{named} {settings.PHRASES[self.setting][0]}".strip()

    @property
    def named_colour(self) -> str:
        """The colour that the caption names."""
        return self.things[0].named_colour


def phrase(noun: str, colour: str, count: int, where: str) -> str:
    """Words for a count of coloured things somewhere; any part may be empty."""
    things = noun if count == 1 else IRREGULAR.get(noun, noun + "s")
    words = f"{colour} {things}".strip()
    number = NUMBER_WORDS[count]
    if count == 1:
        number = "the" if noun in ("sun", "moon") else "an" if words[0] in "aeiou" else "a"
    return f"{number} {words} {where}".strip()


def random_scene(dice: random.Random) -> Scene:
    """A scene chosen by `dice`, each subject about as often as any other."""
    noun = dice.choice(list(SUBJECTS))
    subject = SUBJECTS[noun]
    colour = dice.choice(subject.colours.split()) if subject.colours else ""
    count = dice.choices([1, 2, 3, 4], [0.6, 0.2, 0.13, 0.07])[0]
    return Scene(noun, colour, min(count, subject.most), dice.choice(subject.settings.split()).replace("_", " "))


def random_pair(dice: random.Random) -> Scene:
    """A scene of two different subjects in two different colours, chosen by `dice`."""
    coloured = [noun for noun, subject in SUBJECTS.items() if subject.colours and noun not in ACCENTED]
    while True:
        first, second = dice.sample(coloured, 2)
        shared = sorted(set(SUBJECTS[first].settings.split()) & set(SUBJECTS[second].settings.split()))
        colours = [dice.choice(SUBJECTS[noun].colours.split()) for noun in (first, second)]
        if shared and colours[0] != colours[1]:
            return Scene(first, colours[0], 1, dice.choice(shared).replace("_", " "), Thing(second, colours[1]))


def draw(scene: Scene, width: int, height: int, dice: random.Random) -> Image.Image:
    """The scene as an RGB image of the size given in pixels; equal dice draw equal images."""
    canvas = Canvas(width, height)
    ground = settings.PAINTERS[scene.setting](canvas, dice)
    for thing, x, foot, size in _places(scene, ground, dice, width / height):
        subject = SUBJECTS[thing.noun]
        turn = dice.uniform(-8, 8) if subject.place in ("air", "swim") and thing.noun not in UPRIGHT else 0.0
        brush = Brush(canvas, (x, foot), size, dice.random() < 0.5, turn, ground.light if thing.noun not in SHINING else (1, 1, 1))
        subject.paint(brush, _shade(thing, dice), dice)
    if scene.setting == "rain":
        settings.rain_streaks(canvas, dice)
    return canvas.finished()


UPRIGHT = {"moon", "full moon", "sun", "star", "hot air balloon", "cloud", "whale"}
SHINING = {"moon", "full moon", "sun", "star", "rainbow"}
LONG = {"train", "bus", "truck", "car", "whale", "mountain", "rainbow"}


def _places(scene: Scene, ground: settings.Ground, dice: random.Random, aspect: float) -> list[tuple[Thing, float, float, float]]:
    """Placement of the subjects, far ones first: subject, x and foot as shares of the image, size of the smaller side."""
    things = scene.things * scene.count
    count = len(things)
    room = {1: 1.0, 2: 0.84, 3: 0.62, 4: 0.5}[count]
    if count > 1:
        room *= (1.0 if aspect > 1 else 0.75) * (0.86 if any(thing.noun in LONG for thing in things) else 1.0)
    places = []
    for i, thing in enumerate(things):
        subject = SUBJECTS[thing.noun]
        size = subject.size * room * dice.uniform(0.94, 1.08)
        x = 0.5 + 0.88 * ((i + 0.5) / count - 0.5)
        x += dice.uniform(-0.05, 0.05) / count + (dice.uniform(-0.07, 0.07) if count == 1 else 0)
        high = size / (max(1.0, 1 / aspect))
        places.append((thing, x, _foot(subject.place, ground, high, count, dice), size))
    return sorted(places, key=lambda place: place[2])


def _foot(place: str, ground: settings.Ground, high: float, count: int, dice: random.Random) -> float:
    """The row of a subject's foot, for a subject `high` (share of the height)."""
    if place in ("ground", "water"):
        middle = (ground.far + ground.near) / 2 + 0.02
        spread = (ground.near - ground.far) * (0.25 if count == 1 else 0.45)
        return middle + dice.uniform(-spread, spread)
    if place == "back":
        return ground.far - 0.04
    centre = {"air": 0.40, "swim": 0.50, "still": 0.50}[place]
    return centre + dice.uniform(-0.06, 0.06) * (1 if count == 1 else 2) + high / 2


def _shade(thing: Thing, dice: random.Random) -> Colour:
    """The subject's colour, a little different each time."""
    colour = COLOURS[thing.colour] if thing.colour else SUBJECTS[thing.noun].natural
    return mix(colour, (dice.uniform(0, 255), dice.uniform(0, 255), dice.uniform(0, 255)), 0.05)


def gallery() -> list[tuple[str, Scene, str]]:
    """File name, scene and shape of every image in the gallery, from scenes.tsv beside this file."""
    rows = []
    for line in (Path(__file__).parent / "scenes.tsv").read_text("utf-8").splitlines()[1:]:
        noun, colour, count, setting, shape, other, other_colour = line.split("\t")
        scene = Scene(noun, colour, int(count), setting, Thing(other, other_colour) if other else None)
        rows.append((_file_name(scene), scene, shape))
    return rows


def _file_name(scene: Scene) -> str:
    words = [word for word in scene.caption().split(" ") if word not in ("a", "an")]
    return "-".join(words) + ".jpg"


def write_gallery(folder: Path) -> None:
    """Writes all images and captions.tsv (path<TAB>caption) to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for name, scene, shape in gallery():
        picture = draw(scene, *SHAPES[shape], random.Random(f"gallery {name}"))
        picture.save(folder / name, quality=JPEG_QUALITY, optimize=True)
        lines.append(f"{name}\t{scene.caption()}\n")
    (folder / "captions.tsv").write_text("".join(lines), "utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    write_gallery(parser.parse_args().out)
