"""The judge of this lesson's program, whose process may say anything."""

from pathlib import Path

import pytest

from labs.deeper.fire.judge import service
from tests.taken_over import UP, assert_gains_nothing, line, saying


def test_a_process_that_was_taken_over_gets_facts_and_keeps_the_judge_going(
    tmp_path: Path,
):
    """It answers the right requests, with any value; in some rounds with values of the right
    form.
    """
    assert_gains_nothing(service, ["run"], tmp_path / "serve.py")


@pytest.mark.parametrize("body", ["{}", '{"prediction": "Soup", "probability": 0.5}'])
def test_replies_of_the_right_form_earn_nothing_without_the_model(body: str):
    """The right class and probability are known outside alone."""
    fields = {"ready": True, "log": "", "status": 200, "body": body}
    fields |= {"length": len(body), "taken": 1}

    def answer(message: dict) -> bytes:
        return line(reply=message["ask"], **fields)

    facts = service({"serve.py": "pass"}, saying(UP, answer))
    assert not facts["right"]
