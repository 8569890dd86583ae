"""Talking to a running Triton through its own client: is it ready, load or unload a model, what has it counted."""

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
    """Triton refused, or does not answer; the message holds its reason and what to do."""


class Triton:
    """A running server and its repository, wherever it runs: from the wheel, or in NVIDIA's container."""

    def __init__(
        self, http: str, grpc: str, repository: ModelRepository, *, key: str | None = None
    ) -> None:
        """Name a server by its addresses, 'host:port'; nothing is asked yet. ``key`` opens its restricted APIs."""
        self.http, self.grpc, self.repository = http, grpc, repository
        #: What a client of one's own sends to load and unload: ``client.load_model(name, headers=triton.headers)``.
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
        """Return the repository's models with their state: 'READY', 'UNAVAILABLE', or '' for one never loaded."""
        return {
            one["name"]: one.get("state", "") for one in self._ask("get_model_repository_index")
        }

    def load(self, name: str) -> None:
        """Load a model, or load it anew from what is on disk.

        Raises:
            TritonError: The configuration or a file is wrong. A model that was loaded stays as it was.
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
        """Return a model's outputs by name for inputs by name, with the batch axis; texts are arrays of objects.

        Raises:
            TritonError: It gives no answer.
        """
        from tritonclient.http import InferInput
        from tritonclient.utils import np_to_triton_dtype

        asked = [
            InferInput(key, values.shape, np_to_triton_dtype(values.dtype))
            for key, values in inputs.items()
        ]
        for one, values in zip(asked, inputs.values(), strict=True):
            one.set_data_from_numpy(values)
        reply = self._ask("infer", name, asked, within_s=within_s)
        return {one["name"]: reply.as_numpy(one["name"]) for one in reply.get_response()["outputs"]}

    def revive(self, name: str, inputs: Mapping[str, np.ndarray]) -> bool:
        """Return whether a model answers a real request; if it does not, unload it, load it, and ask again.

        Triton does not start a Python instance again whose process died, and releases before December 2025 go on to
        call the model ready. Loading alone does nothing if no file has changed. (Of several instances, one request
        shows one.)
        Source: https://github.com/triton-inference-server/server/issues/7230

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
            for one in reversed(names):
                self.unload(one)
            for one in names:
                self.load(one)
            self.infer(name, inputs)
            return False

    def statistics(self, name: str) -> Counters:
        """Return what a model has done since it was loaded.

        Raises:
            TritonError: It is not loaded.
        """
        return Counters.of(self._ask("get_inference_statistics", name)["model_stats"][-1])

    def config(self, name: str) -> dict:
        """Return the configuration that is being served, as Triton completed it."""
        return self._ask("get_model_config", name)

    def stop(self) -> int | None:
        """End a server that this notebook started, and return its status; one that others started goes on."""

    def _ask(self, call: str, *arguments: object, within_s: float = 10.0):
        """Return what one of the client's methods returns; a client of its own, since threads cannot share one.

        Args:
            within_s: Seconds of an idle machine (``slowdown``).
        """
        from tritonclient.http import InferenceServerClient
        from tritonclient.utils import InferenceServerException

        try:
            with InferenceServerClient(self.http, network_timeout=within_s * slowdown()) as client:
                return getattr(client, call)(
                    *arguments, headers={**self.headers}
                )  # infer adds to it
        except InferenceServerException as error:
            raise TritonError(error.message()) from error
        except OSError as error:
            raise TritonError(
                f"Triton does not answer at {self.url} ({error}): start it again, or read its log"
            ) from error


@dataclass(frozen=True)
class Counters(ServerSide):
    """The same as totals, since a model was loaded: seconds are summed over requests.

    Source: Triton's statistics extension, ``GET /v2/models/<model>/stats``: counts, and nanoseconds summed over
    requests; a batch's time counts for each of its requests.
    """

    @classmethod
    def of(cls, entry: dict) -> Counters:
        """Return one entry of Triton's ``model_stats``; what is zero may be missing in it."""
        told = entry.get("inference_stats", {})
        stages = {
            "queue": "queue",
            "input": "compute_input",
            "infer": "compute_infer",
            "output": "compute_output",
        }
        sums_s = {
            f"{name}_s": int(told.get(stage, {}).get("ns", 0)) * 1e-9
            for name, stage in stages.items()
        }
        runs = sorted(entry.get("batch_stats", ()), key=lambda one: int(one["batch_size"]))
        batches = {
            str(one["batch_size"]): int(one["compute_infer"].get("count", 0)) for one in runs
        }
        requests, executions = (
            told.get("success", {}).get("count", 0),
            entry.get("execution_count", 0),
        )
        return cls(int(requests), int(executions), **sums_s, batches=batches)

    def since(self, before: Counters) -> Counters:
        """Return what was added since an earlier reading; everything, where the model was loaded anew in between."""
        if self.requests < before.requests or self.executions < before.executions:
            return self
        added = {
            one: getattr(self, one) - getattr(before, one) for one in vars(self) if one != "batches"
        }
        batches = {
            size: count - before.batches.get(size, 0) for size, count in self.batches.items()
        }
        return Counters(**added, batches={size: count for size, count in batches.items() if count})
