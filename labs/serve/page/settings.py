"""Settings of the page: which server answers behind it."""

from __future__ import annotations

import shlex
import sys
from typing import Annotated, Literal

from pydantic import Field

from labs.serve.settings import FromEnvironment


class PageSettings(FromEnvironment):
    """Everything that the page can be told; ``LABS_PAGE_URL`` sets ``url``, and so on."""

    APP = "labs.serve.page.app:create_page"
    PREFIX = "LABS_PAGE_"

    #: 'fastapi' is the course's service. The others are Triton models: 'triton-python' takes the picture as base64 and
    #: returns the class, 'triton-onnx' takes the model's input and returns logits.
    server: Literal["fastapi", "triton-python", "triton-onnx"] = "fastapi"
    #: Address of that server.
    url: Annotated[str, Field(pattern=r"^https?://[^\s/]+/?$")] = "http://127.0.0.1:8080"
    #: Name of the Triton model; ``food_classifier`` or ``food_classifier_onnx`` when empty.
    model: str = ""
    #: Seconds that the server gets to answer.
    timeout_s: Annotated[float, Field(gt=0)] = 10.0
    #: Most bytes of an upload.
    max_upload_bytes: Annotated[int, Field(ge=1)] = 10_000_000

    def terminal_line(self) -> str:
        """Return the line that serves the page with these settings, in a terminal that knows nothing of this Python."""
        given = [f"{name}={shlex.quote(value)}" for name, value in self.to_environment().items()]
        return " ".join((*given, shlex.quote(sys.executable), "-m", "labs.serve", "--app", self.APP))

    @property
    def triton_model(self) -> str:
        """The Triton model that is asked."""
        return self.model or ("food_classifier" if self.server == "triton-python" else "food_classifier_onnx")

    @property
    def answered_by(self) -> str:
        """What answers, in words."""
        return "FastAPI" if self.server == "fastapi" else f"Triton, {self.triton_model}"
