"""Answers of lesson 14."""

# %% checkpoint="m.quantize.dynamic_guess"
predict("m.quantize.dynamic_guess", 0.5)

# %% checkpoint="m.quantize.affine"
scale = (max(values) - min(values)) / 255
zero_point = round(-min(values) / scale)
answer("m.quantize.affine", {"scale": scale, "zero_point": zero_point})

# %% checkpoint="m.quantize.roundtrip"
integer = round(0.33 / scale) + zero_point
back = scale * (integer - zero_point)
outlier_back = scale * (255 - zero_point)
answer("m.quantize.roundtrip", {"integer": integer, "back": back, "outlier_back": outlier_back})

# %% checkpoint="m.quantize.channels"
settings = {"signed": True, "symmetric": True}
per_tensor_db = rounding_error(weights, choose_affine(weights, axis=None, **settings)).snr_db
per_channel_db = rounding_error(weights, choose_affine(weights, axis=0, **settings)).snr_db
answer("m.quantize.channels", {"per_tensor_db": per_tensor_db, "per_channel_db": per_channel_db})

# %% checkpoint="m.quantize.searches"
searches = dynamic_ops["DynamicQuantizeLinear"]
answer("m.quantize.searches", {"searches": searches, "op_counts": dynamic_ops})
