"""Answers of lesson 14."""

# %% checkpoint="m.quantize.dynamic_guess"
predict("m.quantize.dynamic_guess", 0.5)


# %% checkpoint="m.quantize.affine"
def scale_and_zero_point(xmin, xmax, qmin, qmax):
    """Return (scale, zero_point) that let the integers qmin to qmax cover the reals xmin to xmax."""
    xmin, xmax = min(xmin, 0.0), max(xmax, 0.0)
    scale = (xmax - xmin) / (qmax - qmin) if xmax > xmin else 1.0
    return scale, int(np.clip(round(qmin - xmin / scale), qmin, qmax))


# %% checkpoint="m.quantize.roundtrip"
def quantize(x, scale, zero_point, qmin, qmax):
    """Return the integers, from qmin to qmax, that stand for the reals in the array x: the nearest mark of each."""
    return np.clip(np.rint(x / scale) + zero_point, qmin, qmax)


# %% checkpoint="m.quantize.channels"
def channel_spread(weights):
    """Return the reach of the widest output channel over the median reach of all channels in use."""
    reach = np.abs(weights).reshape(len(weights), -1).max(axis=1)
    return reach.max() / np.median(reach[reach >= 1e-4 * reach.max()])


# %% checkpoint="m.quantize.reader"
class ImageReader(CalibrationDataReader):
    """Hands the quantizer one image after another, as {"input": array of shape (1, 3, 224, 224)}, and then None."""

    def __init__(self, images):
        self.feeds = iter([{"input": images[i : i + 1]} for i in range(len(images))])

    def get_next(self):
        return next(self.feeds, None)


# %% checkpoint="m.quantize.static"
static_path = models_dir() / "int8-static-qdq.onnx"
quantize_static(
    prepared,
    static_path,
    ImageReader(training_images),
    quant_format=QuantFormat.QDQ,
    activation_type=QuantType.QUInt8,
    weight_type=QuantType.QInt8,
    per_channel=True,
)
