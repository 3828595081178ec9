"""The drawn scenes that the model learns from, made by the gallery's generator with seeds of their own."""

import random
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "gallery"))

import draw  # noqa: E402
import settings as places  # noqa: E402
import subjects  # noqa: E402

import chinese  # noqa: E402
from captions import (  # noqa: E402
    CHINESE_SHARE, DRAWING_TEMPLATES, Caption, Shown, coloured, counted, families, plural, repair_articles, word_for,
)
from photos import squash  # noqa: E402
from words import COLOURS, NUMBERS  # noqa: E402

DRAWN_SIZES = [(160, 120), (120, 160), (140, 140)]


@dataclass(frozen=True)
class DrawnScene:
    """A scene of the generator with what is true of it."""

    scene: draw.Scene

    @property
    def shown(self) -> Shown:
        """Facts of the scene; for a subject in its natural colour the colour is unknown."""
        return _shown(self.scene)

    def captions(self, dice: random.Random) -> list[Caption]:
        """One caption with nearly all known facts, and one with fewer."""
        return [self.caption(dice, 0.85), self.caption(dice, 0.3)]

    def caption(self, dice: random.Random, detail: float) -> Caption:
        """A caption in one of the languages with colours, count and setting, each with probability `detail`."""
        where = self.scene.setting if dice.random() < detail else ""
        things = self.scene.things
        if len(things) > 1 and detail < 0.5 and dice.random() < 0.5:
            things = [dice.choice(things)]
        count = self.scene.count if len(things) == len(self.scene.things) and dice.random() < detail else 0
        colours = [thing.named_colour if dice.random() < detail else "" for thing in things]
        if dice.random() < CHINESE_SHARE:
            return self._chinese(things, colours, count, where, dice)
        return self._english(things, colours, count, where, dice)

    def _english(self, things: list[draw.Thing], colours: list[str], count: int, where: str, dice: random.Random) -> Caption:
        parts, requires = [], set(_setting_facts(where))
        for thing, colour in zip(things, colours):
            wider = sorted(families(thing.noun) - {thing.noun})
            noun = dice.choice(wider) if wider and dice.random() < 0.12 else thing.noun
            requires |= {f"n:{noun}"} | ({f"c:{colour} {noun}"} if colour else set())
            words = f"{colour} {plural(word_for(noun, dice)) if self.scene.count > 1 else word_for(noun, dice)}".strip()
            article = dice.choice(["a ", "a ", "a ", "the ", "one ", ""]) if self.scene.count == 1 else ""
            if self.scene.count > 1 and count:
                article = dice.choice(NUMBERS[count]) + " "
            if article == "one " or (self.scene.count > 1 and count):
                requires |= counted([noun], [self.scene.count]) if len(self.scene.things) == 1 else set()
            parts.append(article + words)
        dice.shuffle(parts)
        template = dice.choice(DRAWING_TEMPLATES)
        if "drawing" in template or "illustration" in template:
            requires.add("m:drawing")
        text = template.format(f"{' and '.join(parts)} {dice.choice(places.PHRASES[where]) if where else ''}".strip())
        return Caption(repair_articles(text), frozenset(requires))

    def _chinese(self, things: list[draw.Thing], colours: list[str], count: int, where: str, dice: random.Random) -> Caption:
        parts, requires = [], set(_setting_facts(where))
        for thing, colour in zip(things, colours):
            requires |= {f"n:{thing.noun}"} | ({f"c:{colour} {thing.noun}"} if colour else set())
            shade = dice.choice(chinese.COLOURS[colour].split("|")) + "的" if colour else ""
            number = ""
            if count and (count > 1 or dice.random() < 0.6):
                number = chinese.NUMBERS[count] + (chinese.measure(thing.noun) if dice.random() < 0.7 else "个")
                requires |= counted([thing.noun], [count]) if len(self.scene.things) == 1 else set()
            parts.append(number + shade + dice.choice(chinese.names(thing.noun)))
        dice.shuffle(parts)
        place = dice.choice(chinese.PLACES[where].split("|")) if where else ""
        words = "和".join(parts)
        text = words if not place else f"{place}的{words}" if dice.random() < 0.5 else words + place
        template = dice.choice(chinese.DRAWING_TEMPLATES)
        if "画" in template:
            requires.add("m:drawing")
        return Caption(template.format(text), frozenset(requires))

    def changed(self, dice: random.Random) -> "DrawnScene":
        """A scene that differs in one respect: colours exchanged, another colour, noun, count or setting."""
        scene, ways = self.scene, ["noun", "setting"]
        ways += ["swap"] * 4 if scene.other else ["count"]
        ways += ["colour"] * 2 if scene.named_colour else []
        way = dice.choice(ways)
        if way == "swap":
            return DrawnScene(exchanged(scene))
        if way == "count":
            return DrawnScene(replace(scene, count=dice.choice([n for n in NUMBERS if n != scene.count])))
        if way == "colour":
            return DrawnScene(replace(scene, colour=dice.choice([name for name in COLOURS if name != scene.colour])))
        if way == "noun":
            return DrawnScene(replace(scene, noun=dice.choice([noun for noun in subjects.SUBJECTS if noun != scene.noun])))
        return DrawnScene(replace(scene, setting=dice.choice([place for place in places.PHRASES if place != scene.setting])))


def exchanged(scene: draw.Scene) -> draw.Scene:
    """A scene of two subjects with their colours exchanged."""
    return replace(scene, colour=scene.other.colour, other=draw.Thing(scene.other.noun, scene.colour))


@dataclass(frozen=True)
class Drawn:
    """Squashed scenes uint8 [n, s, s, 3], and what they are."""

    pixels: np.ndarray
    scenes: list[DrawnScene]


def training_scenes(singles: int, pairs: int, cache_folder: Path) -> Drawn:
    """Scenes for training: of one kind of subject, then of two."""
    parts = [_drawn("train", draw.random_scene, singles, cache_folder), _drawn("pairs", draw.random_pair, pairs, cache_folder)]
    return Drawn(np.concatenate([part.pixels for part in parts]), [scene for part in parts for scene in part.scenes])


def test_scenes(count: int, choose: Callable[[random.Random], draw.Scene] = draw.random_scene) -> list[tuple[Image.Image, draw.Scene]]:
    """`count` scenes with captions that differ and their images, from seeds that training does not use."""
    found, seen, number = [], set(), 0
    while len(found) < count:
        dice = random.Random(f"test {number}")
        scene, number = choose(dice), number + 1
        if scene.caption() not in seen:
            seen.add(scene.caption())
            found.append((draw.draw(scene, *DRAWN_SIZES[0], dice), scene))
    return found


def caption_corpus(dice: random.Random) -> list[str]:
    """Captions of many scenes, and every word that a caption could use, for the tokenizer to learn from."""
    lines = []
    for number in range(6000):
        choose = draw.random_pair if number % 3 == 0 else draw.random_scene
        lines += [caption.text for caption in DrawnScene(choose(random.Random(f"words {number}"))).captions(dice)]
    words = [*COLOURS, *(phrase for phrases in places.PHRASES.values() for phrase in phrases), *chinese.NAMES.values(),
             *chinese.COLOURS.values(), *chinese.PLACES.values(), *chinese.MEASURES]
    return lines + [word.replace("|", " ") for word in words if word] * 20


def _drawn(kind: str, choose: Callable[[random.Random], draw.Scene], count: int, cache_folder: Path) -> Drawn:
    """`count` scenes with the seeds "kind 0", "kind 1", ...; kept in the cache when drawn once."""
    dice = [random.Random(f"{kind} {number}") for number in range(count)]
    chosen = [choose(each) for each in dice]
    store = cache_folder / f"scenes-{kind}-{count}.npz"
    if not store.exists():
        drawn = [squash(draw.draw(scene, *each.choice(DRAWN_SIZES), each)) for scene, each in zip(chosen, dice)]
        np.savez(store, pixels=np.stack(drawn))
    with np.load(store) as kept:
        return Drawn(kept["pixels"], [DrawnScene(scene) for scene in chosen])


@cache
def _shown(scene: draw.Scene) -> Shown:
    holds, unknown, total = {"m:drawing"} | _setting_facts(scene.setting), set(), Counter()
    for thing in scene.things:
        nouns = families(thing.noun)
        total.update({noun: scene.count for noun in nouns})
        holds |= {f"n:{noun}" for noun in nouns}
        if thing.named_colour:
            holds |= coloured(nouns, [thing.named_colour])
        else:
            unknown |= coloured(nouns, COLOURS)
    holds |= {f"k:{count} {noun}" for noun, count in total.items()}
    behind = {noun for thing in scene.things for noun in _also(thing.noun, scene.setting)}
    unknown |= {f"n:{noun}" for noun in behind} | coloured(behind, COLOURS) | counted(behind, NUMBERS)
    return Shown(frozenset(holds), frozenset(unknown))


def _setting_facts(setting: str) -> frozenset[str]:
    """`sea at sunset` is at sunset and on the sea."""
    return frozenset(f"in:{part}" for part in setting.split(" at ") if part)


def _also(noun: str, setting: str) -> set[str]:
    """Nouns that the background shows, or might, and such as would not be wrong for the subject."""
    behind = {
        "forest": ["tree", "pine tree"], "snow": ["tree", "pine tree"], "autumn": ["tree"], "hills": ["mountain", "cloud"],
        "lake": ["mountain", "tree", "pine tree"], "night": ["star"], "space": ["star"], "sea at night": ["star"],
        "sunset": ["sun", "cloud"], "sea at sunset": ["sun"], "city": ["building", "house", "cloud"], "sky": ["cloud"], "meadow": ["cloud", "flower"],
        "sea": ["cloud"], "beach": ["cloud"], "rain": ["cloud"], "table": ["table"],
    }
    return set(behind.get(setting, [])) | set(subjects.ALSO.get(noun, []))
