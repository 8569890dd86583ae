"""ONNX Runtime's execution providers, each wheel in an environment of its own, in which the student's scripts run."""

from labs.providers.environments import (
    Environment,
    EnvironmentUnavailableError,
    environment,
    environments,
    install,
    remove,
)

__all__ = ["Environment", "EnvironmentUnavailableError", "environment", "environments", "install", "remove"]
