"""What a picture is known to show, and captions whose truth about any picture can be decided.

A fact is a short string: "n:cat" (noun), "c:red" (colour), "k:2" (count), "in:snow" (setting), "m:drawing" (medium).
A picture has facts that hold and facts that are unknown; a caption requires facts. The caption is right for the
picture if all that it requires holds, unknown if what does not hold is unknown, and wrong otherwise.
"""

import random
from dataclasses import dataclass
from functools import cache

import torch

from words import CHINESE, COLOURS, CONCEPT_COLOURS, FAMILIES, NUMBERS, SYNONYMS

PHOTO_TEMPLATES = [
    "{}", "{}", "{}", "a {}", "the {}", "a photo of a {}", "a photo of {}", "a picture of a {}", "photo of the {}",
    "a photo of the {}", "an image of a {}", "a close-up photo of a {}", "this is a {}", "show me a {}", "picture of {}",
    "a small photo of a {}", "a good photo of a {}", "find {}", "one {}", "a snapshot of a {}",
]
DRAWING_TEMPLATES = ["{}", "{}", "{}", "a drawing of {}", "a picture of {}", "an illustration of {}", "an image of {}"]


@dataclass(frozen=True)
class Shown:
    """What one picture shows: facts that hold, and facts of which nothing is known."""

    holds: frozenset[str]
    unknown: frozenset[str]


@dataclass(frozen=True)
class Caption:
    """A text and the facts that it requires."""

    text: str
    requires: frozenset[str]


@cache
def families(noun: str) -> frozenset[str]:
    """The noun and every family that it belongs to."""
    found = {noun} | {name for name, names in FAMILIES.items() if noun in names.split(", ")}
    return frozenset(found | {outer for inner in found - {noun} for outer in families(inner)})


@cache
def photo_shows(concept: str, group: str) -> Shown:
    """Facts of a labelled photo; its count, setting and, mostly, its colour are unknown."""
    nouns = families(concept) | families(group)
    colour = CONCEPT_COLOURS.get(concept)
    unknown = {f"k:{n}" for n in NUMBERS} | {f"in:{place}" for place in settings()}
    if colour is None:
        unknown |= {f"c:{name}" for name in COLOURS}
    holds = {f"n:{noun}" for noun in nouns} | {"m:photo"} | ({f"c:{colour}"} if colour else set())
    return Shown(frozenset(holds), frozenset(unknown))


def settings() -> list[str]:
    """Every place or time of day in which a scene can be drawn."""
    return ["snow", "night", "sunset", "beach", "meadow", "city", "underwater", "desert", "rain", "forest", "table", "sky",
            "space", "plain", "sea", "autumn", "hills", "lake", "dawn", "fog", "garden", "room", "road", "wall"]


def photo_caption(noun: str, dice: random.Random) -> Caption:
    """A caption that names `noun` by one of its words, now and then in Chinese or as a photo or collection."""
    if noun in CHINESE and dice.random() < 0.05:
        return Caption(dice.choice(["{}", "一张{}的照片", "{}的图片"]).format(CHINESE[noun]), frozenset({f"n:{noun}"}))
    word = word_for(noun, dice)
    template = dice.choice(PHOTO_TEMPLATES)
    requires = {f"n:{noun}"} | ({"m:photo"} if "photo" in template or "snapshot" in template else set())
    text = repair_articles(template.format(word))
    colour = CONCEPT_COLOURS.get(noun)
    if colour and dice.random() < 0.2:
        general = noun.replace(f"{colour} ", "").split(" ")[-1]
        return Caption(repair_articles(template.format(f"{colour} {general}")), frozenset(requires - {f"n:{noun}"} | {f"n:{general}", f"c:{colour}"}))
    return Caption(text, frozenset(requires))


def word_for(noun: str, dice: random.Random) -> str:
    """The noun itself about two times in three, else another word for it."""
    others = SYNONYMS.get(noun)
    return dice.choice(others.split("|")) if others and dice.random() < 0.35 else noun


def plural(noun: str) -> str:
    """The English plural of a noun that this project names."""
    irregular = {"fish": "fish", "sheep": "sheep", "person": "people", "leaf": "leaves", "strawberry": "strawberries", "ladybird": "ladybirds",
                 "cherry": "cherries", "butterfly": "butterflies", "cactus": "cacti", "bus": "buses", "snowman": "snowmen"}
    if noun in irregular:
        return irregular[noun]
    if noun.endswith(("s", "x", "ch", "sh", "tomato", "potato")):
        return noun if noun.endswith("s") else noun + "es"
    return noun + "s"


def repair_articles(text: str) -> str:
    """`a` before a vowel becomes `an`; an article before another article or before a plural word goes."""
    words = text.split(" ")
    kept = []
    for word, after in zip(words, [*words[1:], ""]):
        if word == "a" and (after in {"a", "an", "the", "one", "two", "three", "four", "several"} or _is_plural(after, words)):
            continue
        vowel = after[:1] in "aeiou" and not after.startswith(("eu", "uni", "one"))
        kept.append("an" if word == "a" and vowel and after else word)
    return " ".join(kept)


def _is_plural(word: str, words: list[str]) -> bool:
    plurals = {"pants", "shoes", "shorts", "trousers", "scissors", "clothes", "carrots", "satsumas", "people", "headphones", "binoculars",
               "sneakers", "footwear", "mountains", "clothing", "money", "sunshine"}
    return word in plurals and words[-1] == word


def truths(shown: list[Shown], captions: list[Caption]) -> tuple[torch.Tensor, torch.Tensor]:
    """`right` and `unknown`, bool [pictures, captions]; what is neither is wrong."""
    facts = {fact: i for i, fact in enumerate(sorted(set().union(*(c.requires for c in captions))))}
    required = _table([c.requires for c in captions], facts)
    held = _table([s.holds for s in shown], facts)
    possible = torch.maximum(held, _table([s.unknown for s in shown], facts))
    count = required.sum(1)
    right = held @ required.T >= count
    return right, (possible @ required.T >= count) & ~right


def _table(sets: list[frozenset[str]], facts: dict[str, int]) -> torch.Tensor:
    table = torch.zeros(len(sets), len(facts))
    for row, held in enumerate(sets):
        columns = [facts[fact] for fact in held if fact in facts]
        table[row, columns] = 1.0
    return table
