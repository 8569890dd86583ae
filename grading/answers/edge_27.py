"""Answers of lesson 27."""

# %% checkpoint="e.smaller.loss_guess"
predict("e.smaller.loss_guess", 4)

# %% checkpoint="e.smaller.pixels"
before, after = (path.stat().st_size for path in (files["edge-int8-s8s8"], small["edge-int8-160px"]))
answer("e.smaller.pixels", {"macs_share": works[160].macs / works[224].macs, "file_factor": after / before})

# %% checkpoint="e.smaller.picks"
fair = [name for name in contest if name != "edge-fp32" and accuracy["edge-fp32"] - accuracy[name] <= 0.01 + 1e-9]
least = min(fair, key=lambda name: contest[name].stat().st_size)
picks = {"download": least, "queue": min(fair, key=p50.get)}
answer("e.smaller.picks", picks)

# %% checkpoint="e.smaller.bargain"
points = 100 * (accuracy["edge-int8-s8s8"] - accuracy["edge-int8-128px"])
answer("e.smaller.bargain", {"points": points, "times_as_fast": p50["edge-int8-s8s8"] / p50["edge-int8-128px"]})
