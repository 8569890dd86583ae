"""Answers of lesson 12."""

# %% checkpoint="m.export.runtime_guess"
predict("m.export.runtime_guess", 2)

# %% checkpoint="m.export.file"
onnx_path = models_dir() / "food11.onnx"
program = torch.onnx.export(
    net,
    (example,),
    onnx_path,
    dynamo=True,
    verbose=False,
    dynamic_shapes=({0: torch.export.Dim("batch")},),
    input_names=["input"],
    output_names=["output"],
    external_data=False,
    opset_version=18,
)

# %% checkpoint="m.export.properties"
texts = {"mean": json.dumps(IMAGENET_MEAN), "std": json.dumps(IMAGENET_STD), "classes": json.dumps(CLASS_NAMES)}
onnx.helper.set_model_props(model, texts)


# %% checkpoint="m.export.fold"
def fold(w, b, gamma, beta, mean, var, eps):
    scale = gamma / np.sqrt(var + eps)
    return w * scale[:, None, None, None], (b - mean) * scale + beta


# %% checkpoint="m.export.agrees"
def agrees(torch_logits, onnx_logits):
    return bool(np.max(np.abs(torch_logits - onnx_logits)) < 1e-3)


# %% checkpoint="m.export.lost_gained"
def lost_gained(before, after, labels):
    lost = (before == labels) & (after != labels)
    gained = (before != labels) & (after == labels)
    return int(lost.sum()), int(gained.sum())
