"""Serve the lessons' models with this machine's Triton, and measure one arrangement of instances
after another.

Networks run on GPU 0 unless a stanza names others; decoding stays on processors. Without a GPU the
processors play GPU 0.
"""

import shutil

import numpy as np
import tritonclient.http as httpclient

from labs.data.intake import open_photo, to_input
from labs.load import closed_loop, image_inputs, tensor_inputs
from labs.load.served import triton_target
from labs.load.target import LoadTarget
from labs.machine import fingerprint
from labs.records.ledger import ledger
from labs.serve.models import fp32_model
from labs.serve.photos import photo
from labs.serve.triton import opening
from labs.serve.triton.catalogue import parse
from labs.workspace import NotWrittenError

#: The two models whose network may run on a GPU: the student's Python model, and the ONNX file.
PYTHON, ONNX = "food_classifier", "food_classifier_onnx"

#: Seconds of a run: a leased node measures for longer than a computer that plays one.
LEASED_S, REHEARSED_S = 5.0, 2.0


class Models:
    """The student's model repository in this machine's Triton; in a ``with`` block, after which it
    is as it was.
    """

    def __init__(self) -> None:
        """Open it; nothing is loaded yet.

        Raises:
            TritonUnavailableError: Triton does not run here, or not yet; the message says what to
                do.
            NotWrittenError: The Python model, or a configuration, is not written yet.
        """
        repository = opening.lesson_repository()
        self._onnx_file = repository / ONNX / "1" / "model.onnx"
        self._onnx_file.parent.mkdir(parents=True, exist_ok=True)
        # A student's files were copied to the machine; models are in another folder there.
        shutil.copy(fp32_model(), self._onnx_file)
        self.written = {}
        for path in repository.glob("*/config.pbtxt"):
            self.written[path.parent.name] = path.read_text(encoding="utf-8")
        # An ensemble's version is an empty folder, and those do not travel.
        for name in self.written:
            (repository / name / "1").mkdir(exist_ok=True)
        self._triton = opening.open_repository(repository)
        self._client = httpclient.InferenceServerClient(self._triton.http, network_timeout=180)
        #: Options that processors played, by their configuration.
        self._played: dict[tuple[str, int, bool], str] = {}
        photos = [photo(number) for number in range(8)]
        pictures = [to_input(open_photo(encoded)) for encoded in photos]
        self._texts = image_inputs(photos)
        self._tensors = tensor_inputs(np.stack(pictures))

    def __enter__(self) -> "Models":
        return self

    def __exit__(self, *_: object) -> None:
        for folder in self._triton.repository.folder.iterdir():
            if folder.name in self.written:
                config = folder / "config.pbtxt"
                config.write_text(self.written[folder.name], encoding="utf-8")
        self._triton.stop()  # a node's container goes on

    def load(self, name: str, stanza: str = "") -> None:
        """Load a model by its configuration, with a stanza's settings instead of the original ones.

        Raises:
            NotWrittenError: The student has not written the model's configuration.
        """
        if name not in self.written:
            raise NotWrittenError(
                f"There is no `{name}/config.pbtxt` yet. Run the lesson that asks for it first."
            )
        text = arranged(self.written[name], stanza, len(fingerprint().cuda_gpus))
        config = self._triton.repository.folder / name / "config.pbtxt"
        config.write_text(text, encoding="utf-8")
        self._client.load_model(name, headers=self._triton.headers)

    def measure(self, option: str, name: str, clients: int) -> None:
        """Let clients ask a model that is loaded; the record is kept as 'gpus-OPTION', with where
        its instances are.
        """
        requests = self._tensors if name == ONNX else self._texts
        network = None if name == PYTHON else self._onnx_file  # an ensemble has none of its own
        groups = self._client.get_model_config(name).get("instance_group", [])
        if not self._triton.revive(name, requests[0]):
            print(
                f"{name} said that it was ready, and answered no photo: unloaded and loaded",
                flush=True,
            )
        target = triton_target(self._triton, name, requests, network=network)
        measure(option, clients, target, instance_group=groups)

    def arrange(self, option: str, name: str, clients: int, stanza: str) -> None:
        """Load a model with a stanza and measure it, if this machine has the GPUs that the stanza
        names.

        Processors play an arrangement once: 'one on each of two GPUs' is the same as 'one' there.
        """
        if reason := self._reason_to_leave_out(option, name, stanza):
            print(f"{option}: left out, for {reason}", flush=True)
            return
        self.load(name, stanza)
        self.measure(option, name, clients)

    def _reason_to_leave_out(self, option: str, name: str, stanza: str) -> str:
        """Return why an arrangement is not measured here; an empty text if it is."""
        settings = parse(stanza)
        gpu_count = len(fingerprint().cuda_gpus)
        if gpu_count:
            named_gpus = [gpu for group in settings.instance_group for gpu in group.gpus]
            if max(named_gpus, default=0) >= gpu_count:
                return f"this machine has {gpu_count} GPU"
            return ""
        instances = sum(group.count for group in settings.instance_group)
        on_processors = (name, instances, settings.HasField("dynamic_batching"))
        played_as = self._played.setdefault(on_processors, option)
        if played_as != option:
            return f"processors play it as {played_as}"
        return ""


def arranged(config: str, stanza: str, gpus: int) -> str:
    """Return a configuration for ``gpus`` GPUs in which a stanza's settings replace the original
    ones.
    """
    settings = parse(config)
    wanted = parse(stanza)
    if wanted.instance_group:
        settings.ClearField("instance_group")
    settings.MergeFrom(wanted)
    for group in settings.instance_group:
        if gpus == 0:
            group.kind = group.KIND_CPU
            group.ClearField("gpus")
        elif settings.name in (PYTHON, ONNX) and group.kind == group.KIND_CPU:
            group.kind = group.KIND_GPU
            group.gpus.append(0)
    return str(settings)


def measure(option: str, clients: int, target: LoadTarget, **details: object) -> None:
    """Let clients ask a target, keep the record as 'gpus-OPTION', and print its rate."""
    duration_s = LEASED_S if fingerprint().cuda_gpus else REHEARSED_S
    record = closed_loop(
        target,
        concurrency=clients,
        duration_s=duration_s,
        timeout_s=60,
        option=f"gpus-{option}",
        details=details,
    )
    ledger().append(record)
    answers_per_s = record.throughput_rps.value
    print(f"{option}: {answers_per_s:.0f} answers a second", flush=True)
