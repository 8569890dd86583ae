"""Answers of lesson 16."""

# %% checkpoint="m.choose.start_guess"
predict("m.choose.start_guess", 0.8)

# %% checkpoint="m.choose.beaten"
from labs.records.frontier import dominators

beaten, winners = next((name, by) for name, by in dominators(summarize(ledger().measurements(**here))).items() if by)
answer("m.choose.beaten", {"beaten": beaten, "by": winners[0]})

# %% checkpoint="m.choose.finalists"
rows = {one.option: one for one in summarize(ledger().measurements(**here))}
floor = rows["onnx-all"].accuracy.value - 0.01 - 1e-9
cheap = [name for name in specs if name != "onnx-all" and rows[name].accuracy.value >= floor]
kinds = {
    (record.backend, record.model.sha256): record.option for record in records if record and record.option in cheap
}
finalists = sorted(kinds.values(), key=lambda name: rows[name].p50_s.value)[:3]
answer("m.choose.finalists", finalists)

# %% checkpoint="m.choose.ratios"
option = min(chosen, key=lambda name: one.ratio(name, "onnx-all").interval.value)
time, batch = (run.ratio(option, "onnx-all").interval for run in (one, many))
latency = {"low": time.low, "high": time.high}
throughput = {"low": 1 / batch.high, "high": 1 / batch.low}
answer("m.choose.ratios", {"option": option, "latency": latency, "throughput": throughput})

# %% checkpoint="m.choose.targets"
from labs.records.standing import standings

words = {True: "met here", False: "missed here"}
standing = {
    one.target.name: words[one.met] if one.option else "not measured"
    for one in standings(summarize(ledger().measurements(**here)))
}
answer("m.choose.targets", standing)

# %% checkpoint="m.choose.constraints"
floor = summaries["onnx-all"].accuracy.value - 0.01 - 1e-9
full = [one for one in summaries.values() if one.accuracy and one.p50_s and one.batch_fps and one.size_bytes]
cheap = [one for one in full if one.accuracy.value >= floor]
plain = [one for one in cheap if one.option.startswith(("onnx", "int8"))]
picks = {
    "app": min(cheap, key=lambda one: one.size_bytes.value).option,
    "archive": max(cheap, key=lambda one: one.batch_fps.value).option,
    "kiosk": min(plain, key=lambda one: one.p50_s.value).option,
}
answer("m.choose.constraints", picks)

# %% checkpoint="m.choose.recommendation"
choice = option
faster = one.ratio("onnx-all", choice).interval.value
before, after = summaries["onnx-all"], summaries[choice]
lost = 100 * (before.accuracy.value - after.accuracy.value)
evidence = [record.record_id for record in ledger().measurements(**here) if record.option in (choice, "onnx-all")]
recommendation = {
    "choice": choice,
    "evidence": evidence,
    "times_as_fast": faster,
    "points_lost": lost,
    "to_the_manager": f"I recommend {choice}. In one run, taking turns with the float32 model on the same threads, it "
    f"answered a single photo {faster:.2f} times as fast, and its file has "
    f"{after.size_bytes.value / before.size_bytes.value:.0%} of the size. Shown the same evaluation pictures, it got "
    f"{abs(lost):.1f} points {'fewer' if lost > 0 else 'more'} of them right, which is within the budget of one point. "
    "None of this was measured on the server that you have in mind; the ratios should hold on a processor with the "
    "same INT8 instructions.",
    "what_it_costs": f"{lost:.1f} points of accuracy on these pictures, and a calibration after each training.",
    "what_would_change_my_mind": "The same race on the EPYC server. It has no VNNI, and in the published figures INT8 "
    "gains it little for one photo and loses throughput: should the race say the same, I would serve float32.",
}
answer("m.choose.recommendation", recommendation)
