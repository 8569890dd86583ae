"""``food_palette``: the picture's three main colours.

The page paints them while the photo itself still loads.

A second model next to the classifier, with different work: k-means over the picture's pixels.
"""

import numpy as np
import triton_python_backend_utils as pb_utils
from intake import PhotoError, from_base64, open_photo

#: Colours that are returned.
COLOURS = 3
#: Pixels of one side of the picture that is looked at.
SIDE_PX = 64
#: Rounds of k-means.
ROUNDS = 8


class TritonPythonModel:
    """Finds colours; no weights are learnt beforehand."""

    def execute(self, requests):
        """Return the colours of each request's images."""
        images = [pb_utils.get_input_tensor_by_name(request, "INPUT_IMAGE") for request in requests]
        return [answer(image.as_numpy().ravel()) for image in images]


def answer(texts):
    """Return the response to one request."""
    try:
        palettes = [palette(open_photo(from_base64(text))) for text in texts]
    except PhotoError as error:
        refusal = pb_utils.TritonError(f"INPUT_IMAGE: {error}", pb_utils.TritonError.INVALID_ARG)
        return pb_utils.InferenceResponse(error=refusal)
    names = [[name.encode() for name in names] for names, _ in palettes]
    shares = [shares for _, shares in palettes]
    colours = pb_utils.Tensor("COLOURS", np.array(names, dtype=object))
    parts = pb_utils.Tensor("SHARES", np.array(shares, np.float32))
    return pb_utils.InferenceResponse([colours, parts])


def palette(image):
    """Return main colours as '#rrggbb', most frequent first, and each one's share of pixels."""
    small = image.resize((SIDE_PX, SIDE_PX))
    pixels = np.asarray(small, np.float32).reshape(-1, 3)
    # Spread over brightness to begin with, so that the same picture always gives the same colours.
    order = np.argsort(pixels.sum(axis=1), kind="stable")
    edges = np.linspace(0, len(order) - 1, 2 * COLOURS + 1)
    middles = edges.astype(int)[1::2]
    centres = pixels[order[middles]]
    for _ in range(ROUNDS):
        distances = ((pixels[:, None, :] - centres[None]) ** 2).sum(axis=2)
        nearest = distances.argmin(axis=1)
        centres = moved(centres, pixels, nearest)
    share = np.bincount(nearest, minlength=COLOURS) / len(pixels)
    rank = np.argsort(-share, kind="stable")
    return [in_hex(centre) for centre in centres[rank]], share[rank]


def moved(centres, pixels, nearest):
    """Return each centre at the mean of its pixels, or where it was if it has none."""
    means = []
    for index, centre in enumerate(centres):
        own = pixels[nearest == index]
        means.append(own.mean(axis=0) if len(own) else centre)
    return np.stack(means)


def in_hex(colour):
    """Return a colour's three levels as '#rrggbb'."""
    levels = [round(float(level)) for level in colour]
    return "#" + "".join(f"{level:02x}" for level in levels)
