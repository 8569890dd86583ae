"""The sandbox in odd surroundings: a command that leaves its group, and a grader who keeps new files to itself."""

from __future__ import annotations

import os
import time

import pytest

from tests.grading.sandbox.test_sandbox import CAN, _command_lines, python, shell, walls

pytestmark = pytest.mark.skipif(not CAN.apart, reason="; ".join(CAN.missing()))


@walls
def test_a_command_that_leaves_its_group_is_ended_too(can):
    """Not a child of it, but the command itself: it is the first process of its namespace."""
    marker = f"6{os.getpid()}{time.monotonic_ns() % 1000}"
    found = shell(f"exec setsid sleep {marker}", can, wall_s=1)
    assert found.timed_out
    assert marker not in _command_lines()


def test_a_grader_who_keeps_new_files_to_itself_can_still_show_python():
    """Root's umask is 077 on many a machine."""
    kept = os.umask(0o77)
    try:
        assert python("print('there')").output == "there\n"
    finally:
        os.umask(kept)
