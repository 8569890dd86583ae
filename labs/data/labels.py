"""The eleven classes of Food-11, in the data set's own order: index `i` is folder `class_0i`."""

#: Class names in index order. The order is Food-11's, so a folder or file number is an index into this tuple.
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
    """Return the folder name of a class, for example `class_03` for 3 (Egg).

    Args:
        label: Class index, 0 to 10.

    Returns:
        The folder name that Food-11 uses for this class.

    Raises:
        ValueError: The index is outside 0 to 10; a common cause is counting classes from 1.
    """
    if not 0 <= label < NUM_CLASSES:
        raise ValueError(f"class index {label} is outside 0..{NUM_CLASSES - 1}: Food-11 counts its classes from 0")
    return f"class_{label:02d}"
