"""A ``config.pbtxt`` read with Triton's own grammar: the ``ModelConfig`` that its client carries."""

from __future__ import annotations


class ConfigError(ValueError):
    """A text is not a model configuration; the message says where."""


def parse(text: str):
    """Return a configuration's text as Triton's ``ModelConfig`` message.

    Raises:
        ConfigError: Unknown field, wrong value or broken brackets, with line and column.
    """
    from google.protobuf import text_format
    from tritonclient.grpc.model_config_pb2 import ModelConfig

    try:
        return text_format.Parse(text, ModelConfig())
    except text_format.ParseError as error:
        raise ConfigError(
            f"config.pbtxt, line:column {error}. Field names are those of Triton's ModelConfig; look for a "
            "misspelt one, a missing bracket or a number in quotes."
        ) from error
