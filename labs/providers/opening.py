"""The one call that a lesson makes: a backend for a provider, wherever that provider's wheel lives."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from labs.backends import Backend, BackendSpec
from labs.backends.onnxruntime_backend import OnnxRuntimeBackend
from labs.machine.fingerprint import usable_cpu_count
from labs.progress import OnProgress, silent
from labs.providers.client import ProviderBackend
from labs.providers.environments import ensure_provider
from labs.providers.precision import stated_options, stated_variables
from labs.providers.wheels import CPU_PROVIDER


def open_backend(
    model_path: str | Path,
    *,
    provider: str = CPU_PROVIDER,
    precision: str = "fp32",
    provider_options: dict | None = None,
    graph_level: str = "all",
    intra_op_threads: int | None = None,
    in_worker: bool = False,
    on_progress: OnProgress = silent,
) -> Backend:
    """Return a backend, not loaded yet, that runs an ONNX model on an execution provider.

    The CPU provider runs in this process. Every other one runs in a worker process in its own environment, which is
    installed the first time. Use it in a ``with`` block, and ask ``provider_report(backend)`` what really runs.

    Args:
        model_path: The ``.onnx`` file.
        provider: ONNX Runtime's name of the provider.
        precision: Precision for the layers that are not quantized; see ``labs.providers.precision.PRECISIONS``.
        provider_options: Further options of the provider; they win over the ones that state precision and threads.
        graph_level: 'disabled', 'basic', 'extended' or 'all'.
        intra_op_threads: Threads for one operator; all usable processors when None.
        in_worker: Run the CPU provider in a worker too, with this interpreter: what does the worker cost?
        on_progress: Told how far a first installation is.

    Raises:
        BackendUnavailableError: This machine cannot have that provider's environment; the message says why.
        ValueError: No such provider, or it does not compute in that precision.
    """
    intra_op_threads = intra_op_threads or usable_cpu_count()
    options = stated_options(provider, precision, intra_op_threads) | dict(provider_options or {})
    settings = {
        "provider": provider,
        "provider_options": options,
        "graph_level": graph_level,
        "intra_op_threads": intra_op_threads,
    }
    if provider == CPU_PROVIDER and not in_worker:
        return OnnxRuntimeBackend(model_path, **settings)
    spec = BackendSpec("onnxruntime", str(Path(model_path).resolve()), settings)
    if provider == CPU_PROVIDER:
        return ProviderBackend(spec, sys.executable)
    environment = ensure_provider(provider, on_progress)
    variables = stated_variables(provider, precision)
    if environment.library_paths:
        inherited = os.environ.get("LD_LIBRARY_PATH", "")
        folders = [*map(str, environment.library_paths), *filter(None, [inherited])]
        variables["LD_LIBRARY_PATH"] = os.pathsep.join(folders)
    return ProviderBackend(spec, environment.python, precision=precision, check_precision=True, variables=variables)
