"""Unmodified python-chi reserves, provisions and releases, with only the printed environment.

The flow asserts each step's result.
"""

import pytest

from tests.provisioning.rehearsed import BEGINS

# With all moments, some minutes of waiting for polls.
pytestmark = pytest.mark.timeout(700)


def test_a_node_from_choosing_the_site_to_releasing_it(rehearsal, chi_python) -> None:
    rehearsal.run("node", "mary.node", python=chi_python)
    asked = (rehearsal.home / "journal.txt").read_text().splitlines()
    assert "node: rehearsed, not run: sudo docker run hello-world" in asked


def test_a_container_from_the_device_to_its_deletion(rehearsal, chi_python) -> None:
    rehearsal.run("edge", "mary.edge", python=chi_python)


@pytest.mark.parametrize("rehearsal", BEGINS, ids=str, indirect=True)
def test_a_virtual_machine_from_the_calendar_to_its_release(rehearsal) -> None:
    """At any moment. With one python-chi: 1.2.6 cannot read a server that boots from a volume."""
    rehearsal.run("virtual", "mary.virtual")


def test_what_else_public_material_uses_works_or_says_in_one_sentence_that_it_is_not_rehearsed(
    rehearsal, chi_python
) -> None:
    rehearsal.run("families", f"mary.{chi_python.parts[-3][-12:]}", python=chi_python)
