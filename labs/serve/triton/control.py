"""Talking to a running Triton over HTTP: is it ready, load or unload a model, read its statistics."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable

from labs.serve.triton.repository import ModelRepository
from labs.serve.triton.statistics import ModelStatistics, parse_statistics

#: Seconds in which a model has to load; torch on a busy laptop takes its time.
LOAD_WITHIN_S = 180.0

#: Triton's APIs that change the server, or write files. They ask for a key.
RESTRICTED = "model-repository,trace,logging"
#: The header that holds the key; over gRPC it is called ``triton-grpc-protocol-`` and this.
KEY_HEADER = "labs-key"


class TritonError(RuntimeError):
    """Triton refused, or does not answer; the message holds its reason and what to do."""


class Triton:
    """A running server and its repository, wherever it runs: from the wheel, or in NVIDIA's container."""

    def __init__(self, http: str, grpc: str, repository: ModelRepository, *, key: str | None = None) -> None:
        """Name a server; nothing is asked yet.

        Args:
            http: Address of its HTTP service, 'host:port'.
            grpc: Address of its gRPC service, 'host:port'.
            repository: The repository that it reads, in explicit model control.
            key: Of its restricted APIs; None where it has none.
        """
        self.http, self.grpc, self.repository = http, grpc, repository
        #: What a client of one's own sends to load and unload: ``client.load_model(name, headers=triton.headers)``.
        self.headers = {KEY_HEADER: key} if key else {}

    @property
    def url(self) -> str:
        """Address of the HTTP service, with its scheme."""
        return f"http://{self.http}"

    def ready(self) -> bool:
        """Return whether the server and every model takes requests; not while one is being loaded or unloaded."""
        return self._is("ready")

    def live(self) -> bool:
        """Return whether the server answers, whatever its models do."""
        return self._is("live")

    def _is(self, state: str) -> bool:
        try:
            self._ask(f"/v2/health/{state}", timeout_s=2.0)
        except TritonError:
            return False
        return True

    def loaded(self) -> dict[str, str]:
        """Return the repository's models with their state: 'READY', 'UNAVAILABLE', or '' for one never loaded."""
        return {one["name"]: one.get("state", "") for one in self._ask("/v2/repository/index", {})}

    def load(self, name: str) -> float:
        """Load a model, or load it anew from what is on disk; return the seconds that took.

        Raises:
            TritonError: The configuration or a file is wrong. A model that was loaded stays as it was.
        """
        begin_s = time.monotonic()
        mark = self._log_mark()
        try:
            self._ask(f"/v2/repository/models/{name}/load", {}, timeout_s=LOAD_WITHIN_S)
        except TritonError as error:
            raise TritonError(self._explained(name, str(error), mark)) from error
        return time.monotonic() - begin_s

    def unload(self, name: str, *, within_s: float = 30.0, sleep: Callable[[float], None] = time.sleep) -> None:
        """Unload a model, and return when its processes are gone."""
        self._ask(f"/v2/repository/models/{name}/unload", {"parameters": {"unload_dependents": False}})
        for _ in range(int(within_s / 0.05)):
            if self.loaded().get(name) != "READY":
                return
            sleep(0.05)
        raise TritonError(f"{name} is still loaded after {within_s:g} s; is a request of its own keeping it busy?")

    def statistics(self, name: str) -> ModelStatistics:
        """Return a model's statistics since it was loaded.

        Raises:
            TritonError: It is not loaded.
        """
        return parse_statistics(self._ask(f"/v2/models/{name}/stats")["model_stats"][-1])

    def config(self, name: str) -> dict:
        """Return the configuration that is being served, as Triton completed it."""
        return self._ask(f"/v2/models/{name}/config")

    def infer(self, name: str, body: dict) -> dict:
        """Return the answer to one inference request in JSON; for a look, not for load.

        Source: KServe's open inference protocol, version 2.
        """
        return self._ask(f"/v2/models/{name}/infer", body, timeout_s=60.0)

    def log(self, characters: int = 3000) -> str:
        """Return the end of the server's log; empty where it is not at hand."""
        return ""

    def memory_bytes(self) -> int:
        """Return the memory that the server and its models hold; 0 where they are out of reach, in a container."""
        return 0

    def stop(self) -> None:
        """End a server that this notebook started; one that others started goes on."""

    def _log_mark(self) -> int:
        return 0

    def _explained(self, name: str, reason: str, mark: int) -> str:
        return f"{name} was not loaded: {reason}"

    def _ask(self, path: str, body: dict | None = None, timeout_s: float = 10.0):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json", **self.headers})
        try:
            with urllib.request.urlopen(request, timeout=timeout_s) as answer:
                content = answer.read()
        except urllib.error.HTTPError as error:
            with error:
                content = error.read()
            raise TritonError(_reason(content) or f"HTTP {error.code} for {path}") from error
        except OSError as error:
            raise TritonError(
                f"Triton does not answer at {self.url} ({error}): start it again, or read its log"
            ) from error
        return json.loads(content) if content else None


def _reason(content: bytes) -> str:
    try:
        return str(json.loads(content)["error"])
    except (ValueError, KeyError, TypeError):
        return content.decode(errors="replace")[:500]
