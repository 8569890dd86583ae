"""``food_palette``: the picture's three main colours, which the page paints while the photo itself still loads.

A different model beside the classifier, with work of its own: k-means over the picture's pixels.
"""

import numpy as np
import triton_python_backend_utils as pb_utils
from intake import PhotoError, from_base64, open_photo

#: Colours that are returned; pixels of one side of the picture that is looked at; rounds of k-means.
COLOURS, SIDE_PX, ROUNDS = 3, 64, 8


class TritonPythonModel:
    """Finds colours; no weights are learnt beforehand."""

    def execute(self, requests):
        """Return the colours of each request's images."""
        return [
            answer(pb_utils.get_input_tensor_by_name(one, "INPUT_IMAGE").as_numpy().ravel())
            for one in requests
        ]


def answer(texts):
    """Return the response to one request."""
    try:
        found = [palette(open_photo(from_base64(text))) for text in texts]
    except PhotoError as error:
        refusal = pb_utils.TritonError(f"INPUT_IMAGE: {error}", pb_utils.TritonError.INVALID_ARG)
        return pb_utils.InferenceResponse(error=refusal)
    names = np.array([[name.encode() for name in colours] for colours, _ in found], dtype=object)
    shares = np.array([share for _, share in found], np.float32)
    return pb_utils.InferenceResponse(
        [pb_utils.Tensor("COLOURS", names), pb_utils.Tensor("SHARES", shares)]
    )


def palette(image):
    """Return main colours as '#rrggbb', the most frequent first, and the share of pixels next to each."""
    pixels = np.asarray(image.resize((SIDE_PX, SIDE_PX)), np.float32).reshape(-1, 3)
    # Spread over brightness to begin with, so that the same picture always gives the same colours.
    order = np.argsort(pixels.sum(axis=1), kind="stable")
    centres = pixels[order[np.linspace(0, len(order) - 1, 2 * COLOURS + 1).astype(int)[1::2]]]
    for _ in range(ROUNDS):
        nearest = ((pixels[:, None, :] - centres[None]) ** 2).sum(axis=2).argmin(axis=1)
        centres = np.stack(
            [
                pixels[nearest == k].mean(axis=0) if (nearest == k).any() else centres[k]
                for k in range(COLOURS)
            ]
        )
    share = np.bincount(nearest, minlength=COLOURS) / len(pixels)
    rank = np.argsort(-share, kind="stable")
    return [
        "#" + "".join(f"{round(float(level)):02x}" for level in centres[k]) for k in rank
    ], share[rank]
