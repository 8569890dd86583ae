"""The inputs for a program: photos and a network that are drawn at random each time, so that no
program knows them.
"""

import base64
import io
import json
from collections.abc import Sequence

import numpy as np
from PIL import Image

from labs.data.intake import open_photo, to_input
from labs.data.labels import CLASS_NAMES
from labs.judge.inside.runtime import features
from labs.judge.program import Lost, Program

#: Numbers that the network takes of an image: three colours of each of its 64 squares.
_FEATURES = 192


def dice() -> np.random.Generator:
    """Return an unpredictable random generator: a right program is right with every seed."""
    return np.random.default_rng()


def photos(count: int) -> list[bytes]:
    """Return JPEGs of 320 × 320 pixels, of colours that run into each other and some grain."""
    random, drawn = dice(), []
    for _ in range(count):
        colours = Image.fromarray(random.integers(0, 256, (5, 5, 3), np.uint8))
        smooth = np.asarray(colours.resize((320, 320), Image.Resampling.BICUBIC), np.int16)
        grain = np.clip(smooth + random.integers(-20, 21, smooth.shape), 0, 255).astype(np.uint8)
        content = io.BytesIO()
        Image.fromarray(grain).save(content, "JPEG", quality=85)
        drawn.append(content.getvalue())
    return drawn


def as_text(content: bytes) -> str:
    """Return bytes as base64 text."""
    return base64.b64encode(content).decode()


def post(program: Program, path: str, **body: object) -> int:
    """Begin a request with a body of JSON, and return its number."""
    return program.begin(method="POST", path=path, body=as_text(json.dumps(body).encode()))


class Network:
    """A classifier of the course's classes; a program sees only its answers."""

    def __init__(self) -> None:
        """Draw the weights."""
        self._weights = dice().normal(0, 0.2, (_FEATURES, len(CLASS_NAMES)))

    def logits(self, rows: Sequence[Sequence[float]] | np.ndarray) -> np.ndarray:
        """Return scores (n, 11) of features (n, 192), a list of lists or an array.

        Raises:
            Lost: The rows have another length, because the arguments are not images of the course's
            size.
        """
        if not len(rows) or any(len(row) != _FEATURES for row in rows):
            raise Lost(
                "It calls the model with something else than images of 3 × 224 × 224 numbers."
            )
        return np.clip(np.array(rows, np.float64), -1e6, 1e6) @ self._weights

    def probabilities(self, rows: Sequence[Sequence[float]] | np.ndarray) -> np.ndarray:
        """Return probabilities (n, 11) of features (n, 192)."""
        scores = self.logits(rows)
        odds = np.exp(scores - scores.max(axis=1, keepdims=True))
        return odds / odds.sum(axis=1, keepdims=True)

    def truth(self, contents: Sequence[bytes]) -> list[tuple[str, float]]:
        """Return class and probability of each of some square photos (``photos``)."""
        shares = self.probabilities(
            features(np.stack([to_input(open_photo(content)) for content in contents]))
        )
        return [(CLASS_NAMES[row.argmax()], float(row.max())) for row in shares]
