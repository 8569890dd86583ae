"""Answers of lesson 10b."""

# %% checkpoint="m.arch.half_guess"
predict("m.arch.half_guess", 50)

# %% checkpoint="m.arch.fastest_guess"
predict("m.arch.fastest_guess", "lcnet-100")


# %% checkpoint="m.arch.files"
def export(net, path):
    """Write a network to an ONNX file with a free batch axis."""
    torch.onnx.export(
        net,
        (torch.zeros(2, 3, 224, 224),),
        path,
        dynamo=True,
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        external_data=False,
        opset_version=18,
        verbose=False,
    )


# %% checkpoint="m.arch.work"
def work_of(layer):
    """Return (multiply_adds, bytes_moved) of one convolution, for one square image in float32."""
    weights = layer["out_channels"] * layer["in_channels"] // layer["groups"] * layer["kernel_px"] ** 2
    read, written = layer["in_channels"] * layer["in_px"] ** 2, layer["out_channels"] * layer["out_px"] ** 2
    return weights * layer["out_px"] ** 2, 4 * (read + weights + written)


# %% checkpoint="m.arch.differs"
def differs(right_a, right_b):
    """Return whether two networks differ in accuracy by the paired (McNemar) test at 0.05."""
    only_a = int(sum(a > b for a, b in zip(right_a, right_b, strict=True)))
    only_b = int(sum(a < b for a, b in zip(right_a, right_b, strict=True)))
    n, k = only_a + only_b, min(only_a, only_b)
    return 2 * sum(math.comb(n, i) for i in range(k + 1)) / 2**n < 0.05


# %% checkpoint="m.arch.choice"
reason = "The MobileNetV2 is as accurate as any by the paired test, and faster; for the device only the half fits."
answer("m.arch.choice", {"server": "mobilenetv2", "device": "mobilenetv2-050", "reason": reason})
