"""Every subject that can be drawn: its painter, where it belongs, its colours and its place in the image."""

import random
from collections.abc import Callable
from dataclasses import dataclass

import animals
import plants
import things
from canvas import Brush, Colour

COLOURS: dict[str, Colour] = {
    "red": (214, 52, 50), "orange": (242, 138, 40), "yellow": (250, 204, 60), "green": (86, 166, 76), "blue": (52, 112, 206),
    "purple": (136, 78, 176), "pink": (240, 132, 172), "white": (246, 244, 240), "brown": (150, 98, 60), "black": (54, 54, 64),
    "grey": (142, 148, 158), "teal": (44, 156, 156),
}

LAND = "meadow hills snow night sunset autumn rain forest"
WILD = "meadow hills snow night sunset autumn forest"
STREET = "city meadow hills snow night sunset desert autumn rain"
TABLE = "table table plain meadow"
AIR = "sky sky hills meadow sunset beach snow night city"
BRIGHT = "red orange yellow green blue purple pink white teal"
FRUIT = "red green yellow"


@dataclass(frozen=True)
class Subject:
    """How one noun is drawn. `settings` and `colours` are names separated by blanks; without colours the first of
    `natural` decides. `place` is "ground", "air", "water", "swim" or "still"; `size` a share of the smaller side."""

    paint: Callable[[Brush, Colour, random.Random], None]
    settings: str
    colours: str = ""
    place: str = "ground"
    size: float = 0.56
    natural: Colour = (250, 204, 60)
    most: int = 4


SUBJECTS: dict[str, Subject] = {
    "house": Subject(things.house, LAND + " beach", "red yellow blue white green pink orange", most=3),
    "castle": Subject(things.castle, "hills meadow snow night sunset forest", "", natural=(190, 184, 178), most=1, size=0.62),
    "lighthouse": Subject(things.lighthouse, "beach hills night sunset snow rain", "red blue black green", most=1, size=0.7),
    "windmill": Subject(things.windmill, "meadow hills sunset snow night", "white red brown grey", most=3, size=0.66),
    "tent": Subject(things.tent, WILD + " desert beach", "orange blue green red yellow", most=3, size=0.5),
    "car": Subject(things.car, STREET + " beach", "red blue yellow green white black orange pink", most=3, size=0.62),
    "bus": Subject(things.bus, STREET, "red yellow blue green orange", most=2, size=0.7),
    "truck": Subject(things.truck, STREET, "red blue green yellow orange", most=2, size=0.68),
    "bicycle": Subject(things.bicycle, STREET + " beach forest", "red blue yellow green pink black orange", most=2, size=0.58),
    "train": Subject(things.train, "hills meadow snow night sunset desert autumn city", "red blue green black", most=1, size=0.74),
    "hot air balloon": Subject(things.hot_air_balloon, AIR + " desert", BRIGHT, "air", 0.56, most=4),
    "rocket": Subject(things.rocket, "space space night sky sunset", "red blue orange purple green", "air", 0.62, most=3),
    "airplane": Subject(things.airplane, "sky sky sunset night city hills", "red blue orange green purple yellow", "air", 0.6, most=3),
    "helicopter": Subject(things.helicopter, "sky city hills sunset night", "red yellow blue green orange", "air", 0.58, most=2),
    "sailboat": Subject(things.sailboat, "sea sea lake lake sea_at_sunset sea_at_sunset sea_at_night", "red white blue yellow orange green pink", "water", 0.6, most=3),
    "kite": Subject(things.kite, "sky meadow beach hills sunset", BRIGHT, "air", 0.48, most=3),
    "umbrella": Subject(things.umbrella, "rain rain beach city plain meadow", "red yellow blue green pink purple orange black", "still", 0.56, most=3),
    "guitar": Subject(things.guitar, "plain table beach meadow", "brown red blue orange black", size=0.74, most=2),
    "clock": Subject(things.clock, "plain table", "red blue green yellow brown black teal", "still", 0.54, most=3),
    "cup": Subject(things.cup, TABLE, "red blue white yellow green pink teal orange", size=0.5),
    "teapot": Subject(things.teapot, TABLE, "blue white red green yellow pink", size=0.52, most=2),
    "heart": Subject(things.heart, "plain plain sky sunset", "red pink purple blue yellow green", "still", 0.5),
    "ball": Subject(things.ball, "beach meadow plain table snow", "red blue green orange purple", size=0.36),
    "cake": Subject(things.cake, "table plain", "pink brown red yellow blue", size=0.56, most=2),
    "ice cream": Subject(things.ice_cream, "plain beach plain city", "pink brown green yellow", "still", 0.6, most=3),
    "lamp": Subject(things.lamp, "table plain", "red green yellow blue orange white", size=0.62, most=2),
    "book": Subject(things.book, TABLE, "red blue green brown purple", size=0.56, most=2),
    "gift": Subject(things.gift, "table plain snow", "red blue green purple pink white", size=0.48, most=3),
    "balloon": Subject(things.balloon, "sky plain meadow city beach", BRIGHT, "air", 0.5),
    "chair": Subject(things.chair, "plain meadow beach", "brown red blue green yellow white", size=0.62, most=2),
    "cat": Subject(animals.cat, LAND + " city plain table", "orange black grey white brown", size=0.54),
    "dog": Subject(animals.dog, LAND + " city beach plain", "brown black white grey orange", size=0.54),
    "rabbit": Subject(animals.rabbit, WILD + " plain", "white brown grey", size=0.5),
    "sheep": Subject(animals.sheep, "meadow hills snow autumn", "", natural=(248, 246, 240), size=0.48),
    "elephant": Subject(animals.elephant, "desert meadow hills sunset", "grey pink blue", size=0.6, natural=(142, 148, 158), most=3),
    "penguin": Subject(animals.penguin, "snow snow snow beach", "", natural=(44, 48, 66), size=0.52),
    "duck": Subject(animals.duck, "lake lake lake sea", "yellow white brown", "water", 0.42),
    "bird": Subject(animals.bird, "sky hills meadow forest autumn snow sunset beach", "red blue yellow green orange pink", "air", 0.44),
    "butterfly": Subject(animals.butterfly, "meadow meadow forest sky plain autumn", "orange blue yellow pink purple red", "air", 0.46),
    "fish": Subject(animals.fish, "underwater", "orange red yellow blue purple pink", "swim", 0.44),
    "whale": Subject(animals.whale, "underwater underwater sea", "blue grey", "swim", 0.6, most=2),
    "turtle": Subject(animals.turtle, "underwater underwater beach", "green brown", "swim", 0.48, most=3),
    "octopus": Subject(animals.octopus, "underwater", "purple red orange pink", "swim", 0.52, most=2),
    "snail": Subject(animals.snail, "meadow forest plain rain autumn", "brown orange pink blue purple", size=0.44, most=3),
    "ladybird": Subject(animals.ladybird, "meadow plain forest", "red orange yellow", size=0.42, most=3),
    "snowman": Subject(animals.snowman, "snow snow snow night", "red blue green orange", size=0.6, most=3),
    "tree": Subject(plants.tree, "meadow hills night sunset rain autumn snow", "green orange red yellow", size=0.66, most=3),
    "pine tree": Subject(plants.pine_tree, "snow snow hills night meadow sunset", "green", size=0.64, most=4),
    "palm tree": Subject(plants.palm_tree, "beach beach desert sunset", "green", size=0.7, most=3),
    "cactus": Subject(plants.cactus, "desert desert desert sunset plain night", "green", size=0.6),
    "sunflower": Subject(plants.sunflower, "meadow meadow hills plain sunset sky", "yellow", size=0.66),
    "tulip": Subject(plants.tulip, "meadow meadow hills plain table", "red yellow pink purple orange white", size=0.56),
    "daisy": Subject(plants.daisy, "meadow meadow hills plain", "white", size=0.56),
    "mushroom": Subject(plants.mushroom, "forest forest meadow autumn plain", "red brown orange", size=0.48),
    "apple": Subject(plants.apple, TABLE, FRUIT, size=0.46), "pear": Subject(plants.pear, TABLE, "green yellow", size=0.5),
    "orange": Subject(plants.citrus, TABLE, "", natural=(246, 148, 38), size=0.44),
    "lemon": Subject(plants.lemon, TABLE, "yellow", size=0.46),
    "banana": Subject(plants.banana, TABLE, "yellow", size=0.54),
    "strawberry": Subject(plants.strawberry, TABLE, "red", size=0.46),
    "cherry": Subject(plants.cherry, TABLE, "red", size=0.48, most=3),
    "watermelon": Subject(plants.watermelon, TABLE + " beach", "", natural=(236, 70, 76), size=0.54, most=2),
    "pineapple": Subject(plants.pineapple, TABLE + " beach", "", natural=(236, 178, 66), size=0.62, most=2),
    "carrot": Subject(plants.carrot, TABLE, "orange", size=0.56),
    "pumpkin": Subject(plants.pumpkin, "autumn table plain night meadow", "orange", size=0.5, most=3),
    "moon": Subject(plants.moon, "night night sea_at_night space", "", "air", 0.42, (252, 238, 190), 1),
    "full moon": Subject(plants.full_moon, "night night sea_at_night space", "", "air", 0.42, (248, 238, 206), 1),
    "sun": Subject(plants.sun, "sky meadow hills beach sea desert", "", "air", 0.46, (254, 200, 56), 1),
    "star": Subject(plants.star, "night space plain night", "yellow", "air", 0.4),
    "rainbow": Subject(plants.rainbow, "sky hills meadow rain sea", "", "still", 0.8, most=1),
    "mountain": Subject(plants.mountain, "hills lake snow sunset night", "", "back", 0.6, (112, 126, 160), 1),
    "cloud": Subject(plants.cloud, "sky meadow sea hills", "", "air", 0.5, (252, 252, 255), 3),
}

ALSO = {"moon": ["star"], "full moon": ["moon", "star"], "pine tree": ["tree"], "palm tree": ["tree"]}
"""Nouns that are there as well, or would not be wrong."""

ACCENTED = {"snowman"}
"""Subjects whose colour is only that of a scarf or the like, so that captions do not name it."""
