"""Answers of lesson 16."""

# %% checkpoint="m.choose.start_guess"
predict("m.choose.start_guess", 0.8)


# %% checkpoint="m.choose.dominates"
def dominates(gains):
    if set(gains) != {"accuracy", "latency", "throughput", "size"}:
        return False
    return any(low > 0 for low, high in gains.values()) and not any(high < 0 for low, high in gains.values())


# %% checkpoint="m.choose.frontier"
beaten = {other for other in raced if any(name != other and dominates(gains(records, name, other)) for name in raced)}
answer("m.choose.frontier", [name for name in raced if name not in beaten])


# %% checkpoint="m.choose.pick"
def pick(options, target):
    kept = [
        one
        for one in options
        if one["on_gpu"] == target["on_gpu"]
        and one["p50_s"] < target["p50_s"]
        and (target["batch_fps"] is None or one["batch_fps"] >= target["batch_fps"])
        and (target["size_bytes"] is None or one["size_bytes"] < target["size_bytes"])
    ]
    return min(kept, key=lambda one: (-one["accuracy"], one["p50_s"]))["option"] if kept else None


# %% checkpoint="m.choose.targets"
wanted = {target.name: asdict(target) | {"on_gpu": False} for target in targets}
answer("m.choose.targets", {name: pick(options, wanted[name]) or "none" for name in ("server-cpu", "device")})

# %% checkpoint="m.choose.gpu_target"
if any(one["on_gpu"] for one in options):
    wanted = next(asdict(target) | {"on_gpu": True} for target in targets if target.name == "server-gpu")
    answer("m.choose.gpu_target", pick(options, wanted) or "none")

# %% checkpoint="m.choose.model"
finalists = ledger().read().answer("m.choose.finalists")
choice = next(name for name in raced if name in finalists and name not in beaten)
chosen_path = shutil.copy(models_dir() / found[choice].record.model.name, models_dir() / "chosen.onnx")

# %% checkpoint="m.choose.recommendation"
run = records.comparison(choice, "onnx-all") or records.comparison(choice, "cpu-provider")
float32 = "onnx-all" if "onnx-all" in run.options else "cpu-provider"
faster = run.ratio(float32, choice).interval.value
lost = 100 * records.paired_accuracy("onnx-all", choice).interval.value
size = found[choice].summary.size_bytes.value / found["onnx-all"].summary.size_bytes.value
recommendation = {
    "choice": choice,
    "times_as_fast": faster,
    "points_lost": lost,
    "to_the_manager": f"I recommend {choice}. In one run, taking turns with the float32 model on the same threads, it "
    f"answered a single photo {faster:.2f} times as fast, and its file has {size:.0%} of the size. Shown the same "
    f"evaluation images, it got {abs(lost):.1f} points {'fewer' if lost > 0 else 'more'} of them right, within the "
    "budget of one point. None of this was measured on the server that you have in mind; the ratios should hold on "
    "a processor with the same instructions.",
    "what_would_change_my_mind": "The same race on the EPYC server: it has no VNNI, and if INT8 gains nothing there, "
    "I would serve float32.",
}
answer("m.choose.recommendation", recommendation)
