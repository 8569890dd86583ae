"""Lessons that may be done at home or on the leased node, on the node: under exactly its pins."""

from __future__ import annotations

from pathlib import Path

import pytest

from labs.course import lessons
from tests.notebooks.machines.conftest import environment_of, kernel_of, run_here, unpack_course

pytestmark = [pytest.mark.machine, pytest.mark.timeout(2400)]

#: Node of a part, and how briefly its kernels measure.
NODES = {"a100": (1, ("brisk_startup.py", "fewer_images_startup.py")), "p100": (3, ("hasty_startup.py",))}


@pytest.mark.parametrize("machine", NODES)
def test_lessons_for_laptop_and_node_run_under_the_nodes_pins_too(
    machine: str, tmp_path: Path, kernels_run, monkeypatch: pytest.MonkeyPatch
):
    """(A3, A4) Each that names both in its front matter, solved, in order, in one workspace: no cell fails."""
    number, startup = NODES[machine]
    both = [one for one in lessons(part=number) if {"laptop", "node"} <= set(one.where)]
    assert both
    kernels_run(*startup)
    home = tmp_path / "home"
    course = unpack_course(tmp_path, home / "serving-labs")
    kernel_of(environment_of(home, machine), tmp_path / "jupyter", monkeypatch)
    for wanted in both:
        run_here(tmp_path / "solved", wanted, course / "workspace", course=course)
