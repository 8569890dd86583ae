"""Answers of lesson 23."""

# %% checkpoint="e.device.form_guess"
predict("e.device.form_guess", "edge-int8-s8s8")

# %% checkpoint="e.device.work"
dense = sum(layer.macs for layer in work.of_kind("dense"))
answer("e.device.work", {"million_macs": work.macs / 1e6, "dense_share": dense / work.macs})

# %% checkpoint="e.device.floor"
floor_s = work.macs / (PI_5.cores * PI_5.clock_hz * PI_5.int8_per_cycle)
answer("e.device.floor", floor_s)

# %% checkpoint="e.device.ratio"
interval = ratios["edge-int8-s8s8"]
claim = "INT8 is faster" if interval.high < 1 else "INT8 is slower" if interval.low > 1 else "cannot tell"
answer("e.device.ratio", {"low": interval.low, "high": interval.high, "claim": claim})

# %% checkpoint="e.device.tested"
inside = "within" if guesses["edge-fp32"].allows(found.value.value) else "outside"
answer("e.device.tested", inside if "Cortex-A76" in found.machine.cpu_model else "not tested")

# %% checkpoint="e.device.loss"
pictures = len(ledger().latest(kind="accuracy", option="edge-fp32").samples)
lost = {name: 100 * (correct["edge-fp32"] - correct[f"edge-int8-{name}"]) / pictures for name in ("dynamic", "s8s8")}
answer("e.device.loss", lost)

# %% checkpoint="e.device.older"
answer("e.device.older", {"on_intel": 90.59 - 89.87, "more_on_epyc": 89.87 - 87.12})
