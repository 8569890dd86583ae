"""Requests to a running Triton: its readiness, loading and unloading, its counters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labs.machine.busy import slowdown
from labs.records.load import ServerSide
from labs.serve.triton.catalogue import ModelRepository

if TYPE_CHECKING:
    import numpy as np

#: Seconds in which a model has to load; torch on a busy laptop takes its time.
LOAD_WITHIN_S = 180.0

#: Triton's APIs that change the server, write files, or name regions of memory. They ask for a key.
RESTRICTED = "model-repository,trace,logging,shared-memory"
#: The header that holds the key; over gRPC it is called ``triton-grpc-protocol-`` and this.
KEY_HEADER = "labs-key"


class TritonError(RuntimeError):
    """Triton refused, or does not answer; the message gives the reason and the fix."""


class Triton:
    """A running server and its repository: from the wheel, or in NVIDIA's container."""

    def __init__(
        self, http: str, grpc: str, repository: ModelRepository, *, key: str | None = None
    ) -> None:
        """Name a server by its addresses, 'host:port'; nothing is asked yet.

        ``key`` opens its restricted APIs.
        """
        self.http, self.grpc, self.repository = http, grpc, repository
        #: What a client of one's own sends to load and unload:
        #: ``client.load_model(name, headers=triton.headers)``.
        self.headers = {KEY_HEADER: key} if key else {}

    @property
    def url(self) -> str:
        """Address of the HTTP service, with its scheme."""
        return f"http://{self.http}"

    def live(self) -> bool:
        """Return whether the server answers, whatever its models do."""
        try:
            return self._ask("is_server_live", within_s=2.0)
        except TritonError:
            return False

    def loaded(self) -> dict[str, str]:
        """Return each model's state: 'READY', 'UNAVAILABLE', or '' for one never loaded."""
        index = self._ask("get_model_repository_index")
        return {entry["name"]: entry.get("state", "") for entry in index}

    def load(self, name: str) -> None:
        """Load a model, or load it again from its files on disk.

        Raises:
            TritonError: The configuration or a file is wrong. A model that was loaded stays as it
                was.
        """
        try:
            self._ask("load_model", name, within_s=LOAD_WITHIN_S)
        except TritonError as error:
            raise TritonError(f"{name} was not loaded: {error}") from error

    def unload(self, name: str) -> None:
        """Unload a model."""
        self._ask("unload_model", name)

    def infer(
        self, name: str, inputs: Mapping[str, np.ndarray], *, within_s: float = LOAD_WITHIN_S
    ) -> dict[str, np.ndarray]:
        """Return a model's outputs by name for inputs by name.

        Arrays have the batch axis; texts are arrays of objects.

        Raises:
            TritonError: It gives no answer.
        """
        from tritonclient.http import InferInput
        from tritonclient.utils import np_to_triton_dtype

        tensors = []
        for input_name, values in inputs.items():
            tensor = InferInput(input_name, values.shape, np_to_triton_dtype(values.dtype))
            tensor.set_data_from_numpy(values)
            tensors.append(tensor)
        reply = self._ask("infer", name, tensors, within_s=within_s)
        output_names = [output["name"] for output in reply.get_response()["outputs"]]
        return {output_name: reply.as_numpy(output_name) for output_name in output_names}

    def revive(self, name: str, inputs: Mapping[str, np.ndarray]) -> bool:
        """Return whether a model answers a real request; if not, load it again and ask once more.

        Triton does not start a Python instance again whose process died, and releases before
        December 2025 go on to call the model ready. Loading alone has no effect if all files are
        unchanged. (Of several instances, one request shows one.) Source:
        https://github.com/triton-inference-server/server/issues/7230

        Args:
            name: A model; with an ensemble, its steps are unloaded and loaded too.
            inputs: A request, as for ``infer``.

        Raises:
            TritonError: It still does not answer: the request or the model is wrong.
        """
        try:
            return bool(self.infer(name, inputs))
        except TritonError:
            steps = self.config(name).get("ensemble_scheduling", {}).get("step", [])
            names = [*(step["model_name"] for step in steps), name]
            for model in reversed(names):
                self.unload(model)
            for model in names:
                self.load(model)
            self.infer(name, inputs)
            return False

    def statistics(self, name: str) -> Counters:
        """Return what a model has done since it was loaded.

        Raises:
            TritonError: It is not loaded.
        """
        entries = self._ask("get_inference_statistics", name)["model_stats"]
        return Counters.of(entries[-1])

    def version(self) -> str:
        """Return the server's version: release 24.10 is 2.51.0."""
        return self._ask("get_server_metadata")["version"]

    def config(self, name: str) -> dict:
        """Return the configuration that is being served, as Triton completed it."""
        return self._ask("get_model_config", name)

    def stop(self) -> int | None:
        """End a server that this notebook started, and return its status; others' servers go on."""

    def _ask(self, call: str, *arguments: object, within_s: float = 10.0):
        """Return what one of the client's methods returns.

        Each call has a new client, since threads cannot share one.

        Args:
            within_s: Seconds of an idle machine (``slowdown``).
        """
        from tritonclient.http import InferenceServerClient
        from tritonclient.utils import InferenceServerException

        try:
            with InferenceServerClient(self.http, network_timeout=within_s * slowdown()) as client:
                method = getattr(client, call)
                return method(*arguments, headers={**self.headers})  # infer adds to it
        except InferenceServerException as error:
            raise TritonError(error.message()) from error
        except OSError as error:
            raise TritonError(
                f"Triton does not answer at {self.url} ({error}): start it again, or read its log"
            ) from error


@dataclass(frozen=True)
class Counters(ServerSide):
    """The same as totals, since a model was loaded: seconds are summed over requests.

    Source: Triton's statistics extension, ``GET /v2/models/<model>/stats``: counts, and nanoseconds
    summed over requests; a batch's time counts for each of its requests.
    """

    @classmethod
    def of(cls, entry: dict) -> Counters:
        """Return one entry of Triton's ``model_stats``; counters that are zero may be missing in
        it.
        """
        durations = entry.get("inference_stats", {})
        stages = {
            "queue": "queue",
            "input": "compute_input",
            "infer": "compute_infer",
            "output": "compute_output",
        }
        sums_s = {}
        for name, stage in stages.items():
            sum_ns = int(durations.get(stage, {}).get("ns", 0))
            sums_s[f"{name}_s"] = sum_ns * 1e-9
        batches = {}
        for batch in sorted(entry.get("batch_stats", ()), key=_batch_size):
            batches[str(_batch_size(batch))] = int(batch["compute_infer"].get("count", 0))
        requests = int(durations.get("success", {}).get("count", 0))
        executions = int(entry.get("execution_count", 0))
        return cls(requests, executions, **sums_s, batches=batches)

    def since(self, before: Counters) -> Counters:
        """Return what was added since an earlier reading, or everything after a reload."""
        if self.requests < before.requests or self.executions < before.executions:
            return self
        totals = [name for name in vars(self) if name != "batches"]
        added = {name: getattr(self, name) - getattr(before, name) for name in totals}
        batches = {}
        for size, count in self.batches.items():
            if new := count - before.batches.get(size, 0):
                batches[size] = new
        return Counters(**added, batches=batches)


def _batch_size(batch: dict) -> int:
    return int(batch["batch_size"])
