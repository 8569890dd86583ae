"""The class list is Food-11's."""

import pytest

from labs.labels import CLASS_NAMES, NUM_CLASSES, class_folder


def test_the_eleven_classes_stand_in_food11s_order() -> None:
    """Index 0 is Bread and index 10 is Vegetable/Fruit, as in the published folders."""
    assert NUM_CLASSES == len(CLASS_NAMES) == len(set(CLASS_NAMES)) == 11
    assert (CLASS_NAMES[0], CLASS_NAMES[6], CLASS_NAMES[10]) == ("Bread", "Noodles/Pasta", "Vegetable/Fruit")


def test_a_folder_name_has_two_digits() -> None:
    """Folder names sort in class order."""
    names = [class_folder(label) for label in range(NUM_CLASSES)]
    assert names == sorted(names)
    assert names[3] == "class_03"


@pytest.mark.parametrize("label", [-1, 11])
def test_counting_from_one_is_named_as_the_mistake(label: int) -> None:
    """An index outside the classes is refused with the likely reason."""
    with pytest.raises(ValueError, match="from 0"):
        class_folder(label)
