"""Every execution provider from one notebook: each ONNX Runtime wheel in its own environment, driven as a worker."""

from labs.providers.client import ProviderBackend, WorkerDiedError, WorkerError, WorkerTimeoutError
from labs.providers.environments import Environment, ensure, ensure_provider, is_installed, remove
from labs.providers.install import EnvironmentBuildError
from labs.providers.opening import open_backend
from labs.providers.report import ProviderFellBackError, ProviderReport, provider_report, require_provider
from labs.providers.wheels import CPU_PROVIDER, EnvironmentSpec, environment_specs, known_providers, spec_for

__all__ = [
    "CPU_PROVIDER",
    "Environment",
    "EnvironmentBuildError",
    "EnvironmentSpec",
    "ProviderBackend",
    "ProviderFellBackError",
    "ProviderReport",
    "WorkerDiedError",
    "WorkerError",
    "WorkerTimeoutError",
    "ensure",
    "ensure_provider",
    "environment_specs",
    "is_installed",
    "known_providers",
    "open_backend",
    "provider_report",
    "remove",
    "require_provider",
    "spec_for",
]
