"""Answers of lesson 13."""

# %% checkpoint="m.graph.speedup_guess"
predict("m.graph.speedup_guess", 2)


# %% checkpoint="m.graph.changes"
def changes(before, after):
    found = {op: after.get(op, 0) - before.get(op, 0) for op in {*before, *after}}
    return {op: change for op, change in found.items() if change}


# %% checkpoint="m.graph.file"
# The last level that looks at the graph alone.
offline_path = models_dir() / "food11-offline.onnx"
optimize_graph(onnx_path, "ORT_ENABLE_EXTENDED", offline_path)


# %% checkpoint="m.graph.time_by_operator"
def time_by_operator(events):
    runs = sum(event["name"] == "model_run" for event in events)
    found = {}
    for event in events:
        if event["cat"] == "Node":
            name = event["args"]["op_name"]
            found[name] = found.get(name, 0) + event["dur"] * 1e-6 / runs
    return found


# %% checkpoint="m.graph.claim"
def claim(low, high):
    return "faster" if high < 1 else "slower" if low > 1 else "cannot tell"
