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


# %% checkpoint="m.provider.tensorrt_providers"
def tensorrt_providers(precision, cache_folder):
    options = {
        "trt_fp16_enable": "0" if precision == "fp32" else "1",
        "trt_int8_enable": "1" if precision == "int8" else "0",
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": cache_folder,
    }
    return [
        ("TensorrtExecutionProvider", options),
        ("CUDAExecutionProvider", {"use_tf32": "0"}),
        "CPUExecutionProvider",
    ]


# %% checkpoint="m.provider.gpu_precision"
if has_tensorrt:
    records = ledger().read()
    floor = records.latest(kind="accuracy", option="tensorrt").value.value - 0.01 - 1e-9
    kept = [name for name in options if records.latest(kind="accuracy", option=name).value.value >= floor]
    run = records.comparison(*options)
    answer("m.provider.gpu_precision", min(kept, key=lambda name: run.record(name).percentile(50)))
