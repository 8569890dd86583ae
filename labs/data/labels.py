"""The eleven classes of Food-11, in the data set's own order: index `i` is folder `class_0i`."""

#: Class names in index order. The order is Food-11's, so a folder or file number is an index into
#: this tuple.
CLASS_NAMES: tuple[str, ...] = (
    "Bread",
    "Dairy product",
    "Dessert",
    "Egg",
    "Fried food",
    "Meat",
    "Noodles/Pasta",
    "Rice",
    "Seafood",
    "Soup",
    "Vegetable/Fruit",
)

#: Number of classes, which is also the width of the model's last layer.
NUM_CLASSES: int = len(CLASS_NAMES)


def class_folder(label: int) -> str:
    """Return the folder name of a class from 0 to 10, for example `class_03` for 3 (Egg)."""
    return f"class_{label:02d}"
