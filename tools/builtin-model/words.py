"""The words of the built-in model: synonyms and families of labels.

A noun is identified by its canonical English form ("sailboat"); SYNONYMS map other words to it.
"""

FAMILIES = {
    "animal":
        "ant, bass, beaver, butterfly, cougar, cougar face, crab, crayfish, crocodile, crocodile head, "
        "dalmatian, dolphin, dragonfly, elephant, emu, flamingo, flamingo head, gerenuk, hawksbill, hedgehog,"
        " ibis, kangaroo, leopard, llama, lobster, mayfly, octopus, okapi, panda, pigeon, platypus, rhino, "
        "rooster, scorpion, sea horse, starfish, tick, wild cat, cat, dog, fish, bird, snail, turtle, whale, "
        "ladybird, penguin, duck, rabbit",
    "bird": "emu, flamingo, flamingo head, ibis, pigeon, rooster, bird, penguin, duck",
    "insect": "ant, butterfly, dragonfly, mayfly, tick, ladybird",
    "fish": "bass, sea horse, fish",
    "cat": "cougar, cougar face, leopard, wild cat, cat",
    "dog": "dalmatian, dog",
    "dinosaur": "brontosaurus, stegosaurus",
    "boat": "ferry, ketch, schooner, sailboat, boat",
    "sailboat": "ketch, schooner, sailboat",
    "vehicle":
        "airplane, car, ferry, helicopter, ketch, motorbike, schooner, bicycle, train, bus, sailboat, rocket,"
        " truck, tractor, hot air balloon",
    "musical instrument": "accordion, electric guitar, euphonium, grand piano, mandolin, saxophone, guitar, violin, drum",
    "guitar": "electric guitar, guitar",
    "flower": "lotus, sunflower, water lily, tulip, rose, daisy",
    "tree": "bonsai, joshua tree, tree, palm tree, pine tree",
    "furniture": "chair, windsor chair, lamp, chandelier",
    "chair": "chair, windsor chair, wheelchair",
    "building": "minaret, pagoda, pyramid, house, lighthouse, castle, windmill, church",
    "clothing": "dress, hat, jacket, long sleeve shirt, pants, shirt, shoes, shorts, skirt, t-shirt",
    "weapon": "cannon, revolver",
    "tool": "scissors, stapler, wrench",
    "clock": "watch, clock",
    "cartoon": "garfield, snoopy",
    "vegetable":
        "asparagus, aubergine, cabbage, carrots, cucumber, garlic, ginger, leek, red beet, yellow onion, "
        "zucchini, green bell pepper, orange bell pepper, red bell pepper, yellow bell pepper, brown cap "
        "mushroom, floury potato, solid potato, sweet potato, beef tomato, regular tomato, vine tomato, "
        "carrot, tomato, mushroom, pumpkin",
    "fruit":
        "anjou pear, avocado, banana, cantaloupe melon, conference pear, galia melon, golden delicious apple,"
        " granny smith apple, honeydew melon, kaiser pear, kiwi, lemon, lime, mango, nectarine, orange, "
        "papaya, passion fruit, peach, pineapple, pink lady apple, plum, pomegranate, red delicious apple, "
        "red grapefruit, royal gala apple, satsumas, strawberry, watermelon, apple, pear, cherry, grapes",
    "mushroom": "brown cap mushroom, mushroom",
    "bell pepper": "green bell pepper, orange bell pepper, red bell pepper, yellow bell pepper",
    "citrus fruit": "lemon, lime, orange, red grapefruit, satsumas",
    "carton":
        "alpro fresh soy milk, alpro shelf soy milk, arla ecological medium fat milk, arla lactose medium fat"
        " milk, arla medium fat milk, arla sour milk, arla standard milk, bravo apple juice, bravo orange "
        "juice, garant ecological medium fat milk, garant ecological standard milk, god morgon apple juice, "
        "god morgon orange juice, god morgon orange red grapefruit juice, god morgon red grapefruit juice, "
        "oatly oat milk, tropicana apple juice, tropicana golden grapefruit juice, tropicana juice smooth, "
        "tropicana mandarin morning juice",
    "apple juice": "bravo apple juice, god morgon apple juice, tropicana apple juice",
    "orange juice": "bravo orange juice, god morgon orange juice",
    "person": "face, person",
    "melon": "watermelon",
}
"""Family to its members, separated by commas."""

SYNONYMS = {
    "airplane": "aeroplane|plane|aircraft|jet", "motorbike": "motorcycle", "cellphone": "mobile phone|cell phone|phone",
    "face": "human face|person's face|portrait", "person": "people|human", "car": "automobile", "bicycle": "bike",
    "sailboat": "sailing boat|sailing ship|yacht", "boat": "ship", "aubergine": "eggplant", "zucchini": "courgette",
    "pants": "trousers", "t-shirt": "tee shirt|tshirt", "shoes": "shoe|sneakers|footwear", "watch": "wristwatch",
    "headphone": "headphones", "binocular": "binoculars", "soccer ball": "football", "laptop": "notebook computer|computer",
    "rhino": "rhinoceros", "panda": "panda bear", "hawksbill": "sea turtle|turtle", "satsumas": "mandarin|tangerine|clementine",
    "carrots": "carrot", "red beet": "beetroot|beet", "bass": "bass fish", "cougar": "mountain lion|puma", "cup": "mug",
    "dollar bill": "banknote|money", "chandelier": "ceiling lamp", "inline skate": "roller skate", "ewer": "jug|pitcher",
    "grand piano": "piano", "stop sign": "road sign", "hedgehog": "porcupine", "yin yang": "yin yang symbol",
    "yoghurt": "yogurt", "ferry": "passenger ferry", "revolver": "pistol|handgun|gun", "joshua tree": "yucca tree",
    "clothing": "clothes|a piece of clothing", "sea horse": "seahorse", "ladybird": "ladybug", "hot air balloon": "hot-air balloon",
    "rooster": "cockerel|chicken", "euphonium": "tuba|brass horn", "lotus": "lotus flower", "starfish": "sea star",
    "crayfish": "crawfish", "electric guitar": "rock guitar", "wrench": "spanner", "jacket": "coat", "hat": "cap",
    "skirt": "short skirt", "long sleeve shirt": "long sleeved shirt|longsleeve", "minaret": "mosque tower", "pagoda": "temple",
    "mountain": "mountains|peak", "tree": "leafy tree", "house": "cottage|home", "sun": "sunshine", "moon": "crescent moon",
    "cactus": "cacti", "rocket": "spaceship|rocket ship", "train": "locomotive|steam train", "clock": "wall clock",
    "watermelon": "water melon", "brown cap mushroom": "chestnut mushroom", "satsuma": "satsumas", "leopard": "jaguar",
}
"""Canonical noun to other English words for it, separated by bars."""

COLOURS = ["red", "orange", "yellow", "green", "blue", "purple", "pink", "white", "brown", "black", "grey", "teal"]

CONCEPT_COLOURS = {
    "red delicious apple": "red", "royal gala apple": "red", "pink lady apple": "red", "granny smith apple": "green",
    "golden delicious apple": "yellow", "red bell pepper": "red", "green bell pepper": "green", "lime": "green",
    "yellow bell pepper": "yellow", "orange bell pepper": "orange", "lemon": "yellow", "banana": "yellow",
    "orange": "orange", "satsumas": "orange", "carrots": "orange", "strawberry": "red", "regular tomato": "red",
    "vine tomato": "red", "beef tomato": "red", "cucumber": "green", "sunflower": "yellow", "aubergine": "purple",
    "flamingo": "pink", "lobster": "red", "avocado": "green", "zucchini": "green", "stop sign": "red",
}
"""The colour of photos of a concept, where nearly all have it."""

NUMBERS = {1: ["a", "one"], 2: ["two", "a pair of"], 3: ["three"], 4: ["four", "several"]}
