"""Answers of lesson 15."""

# %% checkpoint="m.provider.openvino_guess"
predict("m.provider.openvino_guess", 1.5)


# %% checkpoint="m.provider.providers_used"
def providers_used(events):
    nodes = {(event["args"]["provider"], event["args"]["node_index"]) for event in events if event["cat"] == "Node"}
    names = [provider for provider, _ in nodes]
    return {name: names.count(name) for name in sorted(set(names))}


# %% checkpoint="m.provider.computed_in_fp32"
def computed_in_fp32(logits, expected):
    return bool(np.abs(logits - expected).max() <= 5e-5 * np.abs(expected).max())


# %% checkpoint="m.provider.fair"
if beside:
    interval = beside.ratio("openvino", "cpu-provider").interval
    claim = "faster" if interval.high < 1 else "slower" if interval.low > 1 else "cannot tell"
    answer("m.provider.fair", {"option": "openvino", "baseline": "cpu-provider", "claim": claim})

# %% checkpoint="m.provider.bf16"
if len(native) > 1:
    interval = comparison.ratio("openvino-native-bf16", "openvino-native").interval
    claim = "faster" if interval.high < 1 else "slower" if interval.low > 1 else "cannot tell"
    named = [ledger().latest(kind="accuracy", option=option).details["predicted"] for option in native]
    answer("m.provider.bf16", {"claim": claim, "changed": sum(one != other for one, other in zip(*named, strict=True))})
