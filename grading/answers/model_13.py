"""Answers of lesson 13."""

# %% checkpoint="m.graph.speedup_guess"
predict("m.graph.speedup_guess", 2)

# %% checkpoint="m.graph.fewer"
fewer = {levels[i]: nodes[levels[i - 1]] - nodes[levels[i]] for i in (1, 2, 3)}
answer("m.graph.fewer", {"fewer": fewer, "nodes": nodes})

# %% checkpoint="m.graph.gone"
gone = {op: next((level for level in levels if not counts[level][op]), "never") for op in watched}
answer("m.graph.gone", {"gone": gone, "counts": counts})

# %% checkpoint="m.graph.traffic"
moved_bytes = 96 * 112 * 112 * 4 * 2
answer("m.graph.traffic", moved_bytes)

# %% checkpoint="m.graph.twins"
ratio = comparison.ratio("onnx-basic", "onnx-disabled")
low, high = ratio.interval.low, ratio.interval.high
claim = "basic is faster" if high < 1 else "disabled is faster" if low > 1 else "cannot tell"
twins = {"low": low, "high": high, "smallest": ratio.minimum_detectable_effect, "claim": claim}
answer("m.graph.twins", twins)

# %% checkpoint="m.graph.steps"
extended = comparison.ratio("onnx-extended", "onnx-basic").interval
everything = comparison.ratio("onnx-all", "onnx-extended").interval
larger = "all" if everything.high < extended.low else "extended" if extended.high < everything.low else "cannot tell"
steps = {"extended": extended.value, "all": everything.value, "larger": larger}
answer("m.graph.steps", steps)
