"""Answers of lesson 10."""

# %% checkpoint="m.meet.accuracy_guess"
predict("m.meet.accuracy_guess", 85)


# %% checkpoint="m.meet.normalize"
def normalize(pixels):
    """Return the model's input, float (3, height, width), for bytes (height, width, 3) from 0 to 255."""
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    return ((pixels / 255 - mean) / std).transpose(2, 0, 1)


# %% checkpoint="m.meet.softmax"
def softmax(logits):
    """Return probabilities for logits of shape (N, classes): same shape, each row sums to 1."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


# %% checkpoint="m.meet.parameters"
def size_bytes(shapes, bits):
    """Return the bytes that tensors of these shapes take, with `bits` bits for each of their numbers."""
    return sum(math.prod(shape) for shape in shapes) * bits / 8


# %% checkpoint="m.meet.half"
half_path = models_dir() / "food11-half.safetensors"
halved = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in weights.items()}
save_file(halved, half_path)


# %% checkpoint="m.meet.hardest_class"
def hardest_class(labels, predicted):
    """Return the index of the class, 0 to 10, with the smallest share of right predictions.

    Both arguments are arrays of class indices, one an image: what it shows, and what the model takes it for.
    """
    right = labels == predicted
    return int(np.argmin([right[labels == label].mean() for label in range(11)]))


# %% checkpoint="m.meet.accuracy_interval"
def half_width_points(right, total):
    """Return half the width of the 95 % interval of an accuracy, in percentage points."""
    share = right / total
    return 100 * 1.96 * math.sqrt(share * (1 - share) / total)


# %% checkpoint="m.meet.in_flight"
def in_flight(latency_s, throughput_fps):
    """Return how many photos are under way at once, from the time that each takes and the rate."""
    return latency_s * throughput_fps
