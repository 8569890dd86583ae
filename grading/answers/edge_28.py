"""Answers of lesson 28."""

# %% checkpoint="e.choose.flips_guess"
predict("e.choose.flips_guess", 0)

# %% checkpoint="e.choose.file"
fitting = [one for one in full if one.option in files and one.size_bytes.value <= MOST_BYTES]
choice = max(fitting, key=lambda one: (one.accuracy.value, -one.size_bytes.value)).option
answer("e.choose.file", choice)


# %% checkpoint="e.choose.budget"
def budget(size_bytes, float_right, choice_right, most_bytes, most_points):
    left = most_bytes - size_bytes
    lost = 100 * (sum(float_right) - sum(choice_right)) / len(float_right)
    return {"bytes_left": left, "points_lost": lost, "kept": left >= 0 and lost <= most_points + 1e-9}


# %% checkpoint="e.choose.fair"
fair = {"accuracy": True, "latency": False, "size": True, "ratio": True}
answer("e.choose.fair", fair)

# %% checkpoint="e.choose.recommendation"
from labs.display.format import milliseconds

timed = ledger().latest(kind="latency", option=choice, batch_size=1)
weighed = ledger().latest(kind="size", option=choice).samples[0]
rehearsed = timed.machine.testbed.get("site") == "rehearsal" or timed.machine.architecture not in ("aarch64", "arm64")
where = "rehearsal" if rehearsed else "device"
ids = [record.record_id for record in on_device if record.option == choice]
floats = ledger().latest(kind="accuracy", option="edge-fp32").value.value
mine = ledger().latest(kind="accuracy", option=choice).value.value
ms = milliseconds(timed.value.value)
place = "a measurement on the device" if where == "device" else "a rehearsal"
recommendation = {
    "choice": choice,
    "evidence": ids,
    "p50_s": timed.value.value,
    "where": where,
    "points_lost": 100 * (floats - mine),
    "to_the_manager": f"I recommend {choice}: one file of {megabytes(weighed)}, the same bytes as on the server. In "
    f"{place} it answered a single photo in {ms} and lost {100 * (floats - mine):.1f} points against float32 on the "
    "same pictures. A rehearsal proves the way and not the figure: for the Pi there is an estimate with error bars, "
    "and it lies below the 15 ms. Before we buy boxes, the same cells run on one.",
    "what_it_costs": f"{100 * (floats - mine):.1f} points of accuracy, and a calibration after each training.",
    "what_would_change_my_mind": "A real Pi in its cupboard that is held back after five minutes and then takes longer "
    "than 15 ms: then I would take fewer pixels, or a fan.",
}
answer("e.choose.recommendation", recommendation)
