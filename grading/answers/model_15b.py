"""Answers of lesson 15b."""

# %% checkpoint="m.lease.cpu_guess"
predict("m.lease.cpu_guess", 8.0)

# %% checkpoint="m.lease.cuda_guess"
predict("m.lease.cuda_guess", 8.0)

# %% checkpoint="m.lease.fp16_guess"
predict("m.lease.fp16_guess", 3.0)

# %% checkpoint="m.choose.finalists"
least = found["onnx-all"].summary.accuracy.value - 0.01 - 1e-9
kept = [one for one in found.values() if one.summary.accuracy.value >= least and one.option != "onnx-all"]
finalists = [one.option for one in sorted(kept, key=lambda one: one.summary.p50_s.value)[:3]]
smallest = min(kept, key=lambda one: one.summary.size_bytes.value).option
finalists += [] if smallest in finalists else [smallest]
answer("m.choose.finalists", finalists)


# %% checkpoint="m.lease.expected"
def expected_s(here_s, float32_here_s, float32_there_s):
    return here_s / float32_here_s * float32_there_s


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


# %% checkpoint="m.lease.energy"
def joules_per_image(t_s, power_w, images):
    steps = zip(t_s[1:], t_s, power_w[1:], power_w, strict=False)
    return sum((later - sooner) * (after + before) / 2 for later, sooner, after, before in steps) / images


# %% checkpoint="m.lease.surprise"
option, *_, factor = max(rows, key=lambda row: row[-1])
reason = "This is the machine of a rehearsal, and the expectation is about a server with other cores and instructions."
answer("m.lease.surprise", {"option": option, "factor": factor, "reason": reason})
