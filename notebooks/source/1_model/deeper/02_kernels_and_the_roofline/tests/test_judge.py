"""The judge of this lesson's program, whose process may say anything."""

from pathlib import Path

from labs.deeper.kernels.judge import shared_kernel
from tests.taken_over import assert_gains_nothing


def test_a_process_that_was_taken_over_gets_facts_and_keeps_the_judge_going(
    tmp_path: Path,
):
    """It answers the right requests, with any value; in some rounds with values of the right
    form.
    """
    assert_gains_nothing(shared_kernel, ["read", "write"], tmp_path / "file.py")
