"""The three customers of the story."""

from __future__ import annotations

import pytest

from labs.records.customers import CUSTOMERS, customer, customer_table


def test_the_story_is_a_table_with_units():
    """Each customer a column, each figure with its unit; a slip in a name lists those that there are."""
    table = customer_table()
    assert list(table.columns) == [one.title for one in CUSTOMERS]
    assert list(table.loc["may wait"]) == ["36 h", "2 s", "1 s"]
    assert all(len(one.photos_per_h) == 24 and 0 < one.asked_share <= 1 for one in CUSTOMERS)
    with pytest.raises(KeyError, match="publisher, guide, canteens"):
        customer("till")
