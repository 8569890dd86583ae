"""The three customers of the story."""

from labs.records.customers import CUSTOMERS, customer


def test_each_customer_has_a_whole_day():
    """Photos in each of 24 hours, of which a share is asked for."""
    assert [customer(one.name) for one in CUSTOMERS] == list(CUSTOMERS)
    assert all(len(one.photos_per_h) == 24 and 0 < one.asked_share <= 1 for one in CUSTOMERS)
