"""Answers of lesson 15."""

# %% checkpoint="m.provider.openvino_guess"
predict("m.provider.openvino_guess", 1.5)

# %% checkpoint="m.provider.really_ran"
really_ran = {option: max(nodes, key=nodes.get) for option, nodes in used.items()}
answer("m.provider.really_ran", {"ran": really_ran, "used": used, "requested": requested})

# %% checkpoint="m.provider.witness"
witness = {"an error when loading": False, "the classes that it names": False, "the profile of a run": True}
answer("m.provider.witness", witness)

# %% checkpoint="m.provider.precision"
rounding = {"fp32": 2**-24, "bf16": 2**-8}
in_fp32 = [option for option, value in apart.items() if value < 1e-5 and option != "onnx-all"]
answer("m.provider.precision", {"rounding": rounding, "in_fp32": in_fp32, "apart": apart})

# %% checkpoint="m.provider.fair"
if comparison and "openvino" in backends:
    interval = comparison.ratio("openvino", "onnx-all").interval
    claim = "OpenVINO is faster" if interval.high < 1 else "OpenVINO is slower" if interval.low > 1 else "cannot tell"
    fair = {"option": "openvino", "baseline": "onnx-all", "low": interval.low, "high": interval.high, "claim": claim}
    answer("m.provider.fair", fair)

# %% checkpoint="m.provider.bf16"
if comparison and "openvino-bf16" in backends:
    records = [ledger().latest(kind="accuracy", option=option) for option in ("openvino", "openvino-bf16")]
    changed = sum(a != b for a, b in zip(*(record.details["predicted"] for record in records), strict=True))
    bf16 = {"ratio": comparison.ratio("openvino-bf16", "openvino").interval.value, "changed": changed}
    answer("m.provider.bf16", bf16)
