"""A prediction is made in the browser, with the keyboard alone, and the measuring cell waits for it."""

from __future__ import annotations

import json

from tests.labs.checkpoints.toys import QUESTIONS

#: A cell that puts the toy lesson's questions in place of the course's.
USE = f"""
from pathlib import Path
from labs.checkpoints import predict, predicted, question
question.QUESTIONS_PATH = Path("toys.json")
question.QUESTIONS_PATH.write_text({json.dumps(QUESTIONS)!r})
"""
ASK = f'{USE}predict("toy.guess", p50=..., p95=...)'
CHOOSE = 'predict("toy.side", winner=...)'
GUARD = 'print("going on with", predicted("toy.guess"))'


def test_the_measuring_cell_waits_until_a_prediction_is_locked_in(open_cells, workspace):
    """One sentence before, without a traceback; the numbers after. Every control has a name."""
    notebook = open_cells(ASK, CHOOSE, GUARD)
    notebook.run_cell(0)
    notebook.run_cell(1)
    notebook.run_cell(2)
    assert "Predict first" in notebook.output_text(2)
    assert "Traceback" not in notebook.output_text(2)
    page = notebook.page
    median, tail = page.get_by_label("median in ms"), page.get_by_label("tail in ms")
    tail.fill("1,000")
    median.fill("9,5")
    median.press("Enter")
    page.wait_for_selector("text=write 9.5 with a point")
    median.fill("9.5 ms")
    median.press("Enter")
    page.wait_for_selector("text=Noted.")
    tail.fill("12")
    tail.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelectorAll('[role=status]').length == 2")
    page.get_by_label("b", exact=True).check()
    page.get_by_role("button", name="Lock in my prediction").last.click()
    page.wait_for_function("document.body.innerText.split('Noted.').length == 3")
    kept = [json.loads(line) for line in (workspace / "ledger.jsonl").read_text().splitlines()]
    assert {one["type"] for one in kept} == {"prediction"}
    assert [one["value"] for one in kept] == [{"p50": 9.5, "p95": 1000}, {"p50": 9.5, "p95": 12}, {"winner": "b"}]
    notebook.run_cell(2)
    assert "going on with {'p50': 9.5, 'p95': 12" in notebook.output_text(2)
