"""Answers of lesson 14d."""

# %% checkpoint="m.train.bits_guess"
predict("m.train.bits_guess", 75)

# %% checkpoint="m.train.zeros_guess"
predict("m.train.zeros_guess", 0.7)


# %% checkpoint="m.train.fake"
def fake_quantize(x, scale, zero_point, qmin, qmax):
    """Return the real numbers that are left of the array x."""
    marks = np.clip(np.rint(x / scale) + zero_point, qmin, qmax)
    return (marks - zero_point) * scale


# %% checkpoint="m.train.straight"
def straight_through(x, upstream, scale, zero_point, qmin, qmax):
    """Return the gradient for the array x."""
    marks = np.rint(x / scale) + zero_point
    return upstream * ((marks >= qmin) & (marks <= qmax))


# %% checkpoint="m.train.seeds"
def gain_over_seeds(with_it, without):
    """Return [mean, low, high]: the gain in points with its 95 % interval."""
    from scipy.stats import t

    apart = 100 * (np.array(with_it) - np.array(without))
    mean, error = apart.mean(), apart.std(ddof=1) / np.sqrt(len(apart))
    reach = t.ppf(0.975, len(apart) - 1) * error
    return [mean, mean - reach, mean + reach]


# %% checkpoint="m.train.bits_file"
four_path = models_dir() / "int4-trained.onnx"
four_bits = {name: [{"quant_type": QuantType.QInt4}] for name in tail_weights}
quantize_static(
    four_prepared,
    four_path,
    ImageReader(training_images[::8]),
    extra_options={"TensorQuantOverrides": four_bits},
    **quantization_format().settings(),
)


# %% checkpoint="m.train.distil"
def distillation_loss(student, teacher, temperature):
    """Return how far the student's answers are from the teacher's, averaged over the images."""

    def log_softmax(logits):
        scaled = logits / temperature
        scaled = scaled - scaled.max(axis=1, keepdims=True)
        return scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))

    p, q = log_softmax(teacher), log_softmax(student)
    return temperature**2 * np.mean(np.sum(np.exp(p) * (p - q), axis=1))


# %% checkpoint="m.train.narrow_file"
narrow_path = export_onnx(nn.Sequential(trunk, taught[0]).eval(), models_dir() / "narrow.onnx")
