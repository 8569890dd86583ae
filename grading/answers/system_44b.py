"""Answers of lesson 44b. Which fault it is, is drawn: the solved lesson asks what each component would change."""

# %% checkpoint="s.incident.alarm_guess"
predict("s.incident.alarm_guess", "stays silent")

# %% checkpoint="s.incident.evidence"
queries = {
    "decoder": 'sum(rate(serving_stage_seconds_sum{stage="prepare"}[5s]))'
    ' / sum(rate(serving_stage_seconds_count{stage="prepare"}[5s]))',
    "model": "max(sum by (class_name) (rate(serving_predictions_total[5s])))"
    " / sum(rate(serving_predictions_total[5s]))",
    "process": "sum(up)",
    "cache": "max(process_resident_memory_bytes)",
    "admission": "max(serving_in_flight)",
}


def largest(expression, name, most=max):
    begin_s, end_s = seen["spans"][name]
    return most(value for at_s, value in series(expression)["all"] if begin_s + 5 <= at_s <= end_s)


changed = {name: largest(query, "r42") / largest(query, "r41") for name, query in queries.items()}
changed["process"] = 2 / largest(queries["process"], "r42", min)
changed["model"] = largest(queries["model"], "r42", min) / 0.5  # one class nearly always
changed["decoder"] = largest(queries["decoder"], "r42", min) / largest(queries["decoder"], "r41", min) / 2
guilty = max(changed, key=changed.get)
evidence = queries[guilty]

# %% checkpoint="s.incident.rollback"
release = "\n".join(f"{name} = {41 if name == guilty else 42}" for name in components)

# %% checkpoint="s.incident.postmortem"
cause = guilty
shown = [at_s for at_s, value in series(evidence)["all"] if at_s > released_s + 5]
detected_s = min(shown) - released_s
report = {
    "cause": cause,
    "detected_s": detected_s,
    "evidence": f"The query {evidence} changed with release 42, and the metrics of the other four did not.",
    "action": f"The component {cause} went back to 41 by the release's file; the other four stayed at 42.",
    "prevention": "An alert on this query, and a roll-out of one component at a time to one replica first.",
}
answer("s.incident.postmortem", report)
