"""ONNX Runtime's execution providers, and a language model's engine: each wheel in an environment of its own."""

from labs.runtimes.providers.environments import (
    Environment,
    EnvironmentUnavailableError,
    environment,
    environments,
    install,
)

__all__ = ["Environment", "EnvironmentUnavailableError", "environment", "environments", "install"]
