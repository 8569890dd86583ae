"""The contract's cases against a server that is not ours."""

from labs.serve.contract.cases import Target, drain, restart
from labs.serve.contract.interface import photos


def test_an_address_of_somebody_else_is_neither_killed_nor_stopped():
    """The two cases that need its process are not tried."""
    target = Target("http://127.0.0.1:1", photos())
    assert [case(target).verdict for case in (restart, drain)] == ["not tried"] * 2
