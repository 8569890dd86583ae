"""A prediction is made in the browser, with the keyboard alone, and the measuring cell waits for it."""

from __future__ import annotations

import json

ASK = 'from grading.checkpoints import predict, predicted\npredict("start.size_guess", ...)'
CHOOSE = 'predict("start.submit_guess", ...)'
GUARD = 'print("going on with", predicted("start.size_guess"))'


def test_the_measuring_cell_waits_until_a_prediction_is_locked_in(open_cells, workspace):
    """One sentence before, without a traceback; the number after. Every control has a name."""
    notebook = open_cells(ASK, CHOOSE, GUARD)
    notebook.run_cell(0)
    notebook.run_cell(1)
    notebook.run_cell(2)
    assert "Predict first" in notebook.output_text(2)
    assert "Traceback" not in notebook.output_text(2)
    page = notebook.page
    field = page.get_by_label("My prediction in MB")
    field.fill("9,5")
    field.press("Enter")
    page.wait_for_selector("text=write 9.5 with a point")
    field.fill("1,000")
    field.press("Enter")
    page.wait_for_selector("text=Noted: 1000 MB")
    field.fill("9.5")
    field.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Noted: 9.5 MB")
    page.get_by_label("returns", exact=True).check()
    page.get_by_role("button", name="Lock in my prediction").last.click()
    page.wait_for_selector("text=Noted: returns")
    kept = [json.loads(line) for line in (workspace / "ledger.jsonl").read_text().splitlines()]
    assert {one["type"] for one in kept} == {"prediction"}
    assert [one["value"] for one in kept] == [1000, 9.5, "returns"]
    notebook.run_cell(2)
    assert "going on with 9.5" in notebook.output_text(2)
