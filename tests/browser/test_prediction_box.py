"""A prediction is made in the browser, with the keyboard alone, and the measuring cell waits for it."""

import json

ASK = 'from labs.checkpoints import predict, predicted\npredict("quantize.faster", dynamic=..., static=...)'
GUARD = 'print("going on with", predicted("quantize.faster"))'


def test_the_measuring_cell_waits_until_a_prediction_is_locked_in(open_cells, workspace):
    """One sentence before, without a traceback; the numbers after. Every control has a name."""
    notebook = open_cells(ASK, GUARD)
    notebook.run_cell(0)
    notebook.run_cell(1)
    assert "Predict first" in notebook.output_text(1)
    assert "Traceback" not in notebook.output_text(1)
    page = notebook.page
    page.get_by_label("dynamic in ×").fill("0.5")
    field = page.get_by_label("static in ×")
    field.fill("9,5")
    field.press("Enter")
    page.wait_for_selector("text=write 9.5 with a point")
    field.fill("1,000")
    field.press("Enter")
    page.wait_for_selector("text=This number cannot be meant")
    field.fill("2.5")
    field.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Noted.")
    kept = [json.loads(line) for line in (workspace / "ledger.jsonl").read_text().splitlines()]
    assert [(one["type"], one["value"]) for one in kept] == [("prediction", {"dynamic": 0.5, "static": 2.5})]
    notebook.run_cell(1)
    assert "going on with {'dynamic': 0.5, 'static': 2.5}" in notebook.output_text(1)
