"""Answers of lesson 25."""

# %% checkpoint="e.smaller.loss_guess"
predict("e.smaller.loss_guess", 4)

# %% checkpoint="e.smaller.file"
model = onnx.load(files["edge-int8-s8s8"])
for one in model.graph.input[0].type.tensor_type.shape.dim[2:]:
    one.dim_value = 160
model.graph.ClearField("value_info")
onnx.save(model, small["edge-int8-160px"])

# %% checkpoint="e.smaller.picks"
fair = [name for name in contest if name != "edge-fp32" and accuracy["edge-fp32"] - accuracy[name] <= 0.01 + 1e-9]
least = min(fair, key=lambda name: contest[name].stat().st_size)
picks = {"download": least, "queue": min(fair, key=p50.get)}
answer("e.smaller.picks", picks)


# %% checkpoint="e.smaller.bargain"
def bargain(before_right, after_right, before_s, after_s):
    points = 100 * (sum(before_right) - sum(after_right)) / len(before_right)
    return points, float(np.median(before_s) / np.median(after_s))
