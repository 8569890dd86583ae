"""Which drawing stands for which class of Food-11: about a hundred glyph names, one table."""

from __future__ import annotations

import re

from labs.labels import CLASS_NAMES

#: Glyph names of each class, as most packs spell them. The assignment follows Food-11's own examples: burgers
#: and pizza count as bread, ice cream as dessert, whole fish and shellfish as seafood. Two rules leave names out, in
#: all packs alike: a drawing must show the food itself (no empty bowl, no baby bottle), and its class must not be a
#: coin toss (no taco, bento box, dumpling or honey pot).
FOODS: dict[str, str] = {
    "Bread": "bread baguette-bread croissant bagel flatbread pretzel sandwich hamburger pizza pancakes hot-dog "
    "stuffed-flatbread waffle",
    "Dairy product": "cheese-wedge butter glass-of-milk fondue",
    "Dessert": "birthday-cake shortcake cupcake pie doughnut cookie custard ice-cream shaved-ice soft-ice-cream "
    "chocolate-bar candy lollipop moon-cake dango fortune-cookie",
    "Egg": "egg cooking nest-with-eggs",
    "Fried food": "french-fries fried-shrimp falafel",
    "Meat": "meat-on-bone poultry-leg cut-of-meat bacon",
    "Noodles/Pasta": "spaghetti steaming-bowl",
    "Rice": "cooked-rice rice-ball curry-rice rice-cracker",
    "Seafood": "sushi fish-cake-with-swirl shrimp crab lobster oyster squid octopus fish tropical-fish blowfish",
    "Soup": "pot-of-food",
    "Vegetable/Fruit": "avocado banana beans bell-pepper blueberries broccoli carrot cherries chestnut coconut "
    "cucumber ear-of-corn eggplant garlic ginger-root grapes green-apple green-salad hot-pepper kiwi-fruit "
    "leafy-green lemon lime mango melon mushroom brown-mushroom olive onion pea-pod peach peanuts pear pineapple "
    "potato red-apple roasted-sweet-potato strawberry tangerine tomato watermelon",
}

#: Names that a pack spells in its own way.
SPELLINGS: dict[str, str] = {
    "aubergine": "eggplant",
    "birthdaycake": "birthday-cake",
    "chilipepper": "hot-pepper",
    "chocolatebar": "chocolate-bar",
    "cookedrice": "cooked-rice",
    "curryandrice": "curry-rice",
    "earofmaize": "ear-of-corn",
    "fishcakeswirl": "fish-cake-with-swirl",
    "frenchfries": "french-fries",
    "friedshrimp": "fried-shrimp",
    "greenapple": "green-apple",
    "icecream": "ice-cream",
    "meatonbone": "meat-on-bone",
    "potoffood": "pot-of-food",
    "poultryleg": "poultry-leg",
    "redapple": "red-apple",
    "riceball": "rice-ball",
    "ricecracker": "rice-cracker",
    "roastedsweetpotato": "roasted-sweet-potato",
    "shavedice": "shaved-ice",
    "sliceofpizza": "pizza",
    "softicecream": "soft-ice-cream",
    "steamingbowl": "steaming-bowl",
    "tropicalfish": "tropical-fish",
}

_LABEL_OF: dict[str, int] = {
    name: CLASS_NAMES.index(class_name) for class_name, names in FOODS.items() for name in names.split()
}


def food_of(glyph: str) -> str:
    """Return the common name of a glyph: `sliceofpizza` and `pizza-2` are both `pizza`.

    Args:
        glyph: A pack's own name.

    Returns:
        The name as the table above spells it, whether or not it is in the table.
    """
    # One pack draws some foods twice or three times and numbers them.
    return SPELLINGS.get(glyph, re.sub(r"-\d$", "", glyph))


def label_of_glyph(glyph: str) -> int | None:
    """Return the class index of a glyph, or None when it is not one of the foods.

    Args:
        glyph: A pack's own name.

    Returns:
        An index from 0 to 10, or None.
    """
    return _LABEL_OF.get(food_of(glyph))
