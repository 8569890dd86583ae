"""Settings of the service and of its page, typed, checked, and read from variables that begin with ``LABS_``."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from labs.machine.fingerprint import usable_cpu_count
from labs.runtimes.opening import open_model

#: How far a probability may move when a JPEG is decoded in a reduced size. Found on 165 evaluation images at 512 and
#: at 1024 pixels: 0.055 at most, 0.01 on average, and another class for one image in a hundred.
FAST_DECODE_TOLERANCE = 0.08

#: More instances than this bring nothing on a CPU: its memory bandwidth is shared.
_MOST_INSTANCES = 16

#: A session's threads stop to wait busily when a prediction is over: the next image's decoder needs the processor.
_SPINNING = {"session.force_spinning_stop": "1"}


class FromEnvironment(BaseModel):
    """Settings that one process hands to another as environment variables."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: What ``python -m labs.serve`` serves.
    APP: ClassVar[str]
    #: What the variables' names begin with: ``LABS_QUEUE_LIMIT`` sets ``queue_limit`` of the service, and so on.
    PREFIX: ClassVar[str]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Return the settings that the environment's variables give; other variables are left alone.

        Raises:
            pydantic.ValidationError: A value cannot be meant; the message names the setting.
        """
        found = os.environ if environment is None else environment
        return cls(**{name: found[key] for name in cls.model_fields if (key := cls.PREFIX + name.upper()) in found})

    def to_environment(self) -> dict[str, str]:
        """Return the variables that ``from_environment`` reads these settings from, in another process."""
        given = self.model_dump(exclude_unset=True, exclude_none=True)
        return {self.PREFIX + name.upper(): str(value) for name, value in given.items()}


class Settings(FromEnvironment):
    """Everything that one service can be told."""

    APP = "labs.serve.app:create_app"
    PREFIX = "LABS_"

    #: File of the model; the shipped weights when None.
    model: Path | None = None
    #: What runs it; from the file's ending when None: ``.onnx`` is for ONNX Runtime, ``.safetensors`` for torch.
    backend: Literal["torch", "onnxruntime", "openvino"] | None = None
    #: 'cpu' or 'cuda'.
    device: Literal["cpu", "cuda"] = "cpu"
    #: Instances of the model, each a thread that decodes and predicts; by processors, or one on a GPU, when None.
    instances: Annotated[int, Field(ge=1)] | None = None
    #: Threads of one instance's session. One image is small: two instances of one thread beat one of two.
    intra_op_threads: Annotated[int, Field(ge=1)] = 1
    #: Threads of the session that an image gets which is the only one; all processors when None, where that helps.
    alone_threads: Annotated[int, Field(ge=1)] | None = None
    #: Most images that one instance takes at once, of those that wait already.
    max_batch_size: Annotated[int, Field(ge=1, le=256)] = 4
    #: Seconds that a batch which is not full waits for more images.
    max_batch_delay_s: Annotated[float, Field(ge=0, le=1)] = 0.0
    #: Decode and predict on the event loop itself, one image after the other, to see what that costs.
    on_event_loop: bool = False
    #: Decode large JPEGs in a reduced size. Probabilities then differ by up to ``FAST_DECODE_TOLERANCE``.
    fast_decode: bool = False
    #: Requests that may wait; beyond it the service answers 503 at once, so that nobody waits for nothing.
    queue_limit: Annotated[int, Field(ge=0)] = 64
    #: Most bytes of a request's body.
    max_body_bytes: Annotated[int, Field(ge=1)] = 10_000_000
    #: Most pixels of an image; a phone's photo has 12 to 24 million.
    max_pixels: Annotated[int, Field(ge=1)] = 25_000_000
    #: Seconds within which a whole body has to arrive.
    body_timeout_s: Annotated[float, Field(gt=0)] = 10.0
    #: Take no connection before the model is loaded: whoever comes early waits at the door instead of being told 503.
    wait_for_model: bool = False

    @model_validator(mode="after")
    def _fits_together(self) -> Settings:
        if self.backend == "openvino" and self.device != "cpu":
            raise ValueError("OpenVINO serves on the CPU here: take device='cpu', or ONNX Runtime for 'cuda'")
        if self.model is None and self.kind != "torch":
            raise ValueError(
                f"{self.backend} needs an .onnx file: name it with LABS_MODEL ('Compile the graph' exports one)"
            )
        if self.model is not None and (self.model.suffix == ".onnx") == (self.kind == "torch"):
            raise ValueError(f"{self.model.name} is not for {self.kind}: torch takes .safetensors, the others .onnx")
        return self

    @property
    def kind(self) -> str:
        """What runs the model."""
        return self.backend or ("torch" if self.model is None or self.model.suffix != ".onnx" else "onnxruntime")

    @property
    def instance_count(self) -> int:
        """Instances of the model that work side by side."""
        if self.on_event_loop or self.device == "cuda":
            return 1 if self.on_event_loop else self.instances or 1
        return self.instances or min(_MOST_INSTANCES, usable_cpu_count())

    @property
    def threads_when_alone(self) -> int:
        """Threads for an image that is the only one.

        On a GPU there is nothing to win, and torch knows one number of threads for a whole process.
        """
        if self.device != "cpu" or self.kind == "torch":
            return self.intra_op_threads
        return self.alone_threads or max(usable_cpu_count(), self.intra_op_threads)

    @property
    def model_path(self) -> Path:
        """The file that is served."""
        return self.model or _shipped_weights()

    @property
    def provider(self) -> str:
        """Execution provider, or the device where there are none."""
        if self.kind != "onnxruntime":
            return self.device if self.kind == "torch" else "CPU"
        return "CUDAExecutionProvider" if self.device == "cuda" else "CPUExecutionProvider"

    def open_model(self, threads: int) -> object:
        """Return the native object that predicts: a session, a compiled model, or a torch module.

        Args:
            threads: That it may use.

        Raises:
            RuntimeUnavailableError: This environment or machine cannot run it.
        """
        settings = {
            "torch": {"device": self.device, "num_threads": threads},
            "onnxruntime": {"providers": [self.provider], "intra_op_num_threads": threads, "session_config": _SPINNING},
            "openvino": {
                "PERFORMANCE_HINT": "LATENCY",
                # Said explicitly: left alone, OpenVINO takes bf16 on processors that have it.
                "INFERENCE_PRECISION_HINT": "f32",
                "INFERENCE_NUM_THREADS": threads,
                # Left alone, it ties its threads to the first processors: two instances of one thread each would
                # share one of them while the others idle.
                "ENABLE_CPU_PINNING": threads >= usable_cpu_count(),
            },
        }[self.kind]
        return open_model(self.model_path, self.kind, settings)


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


def _shipped_weights() -> Path:
    from labs import assets

    return assets.model()
