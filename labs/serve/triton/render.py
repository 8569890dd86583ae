"""From typed settings to a ``config.pbtxt``, and back through Triton's own grammar.

The text is written here, in the form in which Triton's documentation shows it, and then read by the real parser of
``ModelConfig``: what leaves this module is known to be a configuration, and to say what the settings say.

Source: https://docs.nvidia.com/deeplearning/triton-inference-server, 'Model Configuration', for Triton 2.51.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator

from labs.serve.triton.settings import DynamicBatching, EnsembleSettings, InstanceGroup, ModelSettings, Settings, Tensor

#: Parameter by which the ONNX Runtime backend and our Python models learn their number of threads.
THREADS = "intra_op_thread_count"


class ConfigError(ValueError):
    """A text is not a model configuration; the message says where."""


def render(settings: Settings) -> str:
    """Return the ``config.pbtxt`` of a model.

    Args:
        settings: The model or ensemble.

    Raises:
        ConfigError: The text does not parse as Triton's ModelConfig; that would be a mistake of this module.
    """
    lines = _ensemble(settings) if isinstance(settings, EnsembleSettings) else _model(settings)
    text = "\n".join(lines) + "\n"
    parse(text)
    return text


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


def config_diff(before: str, after: str, name: str = "config.pbtxt") -> str:
    """Return what changed between two configurations, as a unified diff; empty when nothing did.

    Args:
        before: The old text.
        after: The new text.
        name: What the file is called in the diff's head.
    """
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), f"{name} (served)", f"{name} (new)", lineterm="", n=2
    )
    return "\n".join(lines)


def _model(settings: ModelSettings) -> Iterator[str]:
    yield f'name: "{settings.name}"'
    yield f'backend: "{settings.backend}"'
    yield f"max_batch_size: {settings.max_batch_size}"
    yield from _tensors("input", settings.inputs)
    yield from _tensors("output", settings.outputs)
    yield "instance_group ["
    yield from _separated([_group(group) for group in settings.instances])
    yield "]"
    if settings.dynamic_batching is not None:
        yield from _batching(settings.dynamic_batching)
    for key, value in {THREADS: str(settings.intra_op_threads), **settings.parameters}.items():
        yield f"parameters {{ key: {_quoted(key)} value {{ string_value: {_quoted(value)} }} }}"


def _ensemble(settings: EnsembleSettings) -> Iterator[str]:
    yield f'name: "{settings.name}"'
    yield 'platform: "ensemble"'
    yield f"max_batch_size: {settings.max_batch_size}"
    yield from _tensors("input", settings.inputs)
    yield from _tensors("output", settings.outputs)
    yield "ensemble_scheduling {"
    for step in settings.steps:
        yield "  step {"
        yield f'    model_name: "{step.model}"'
        yield "    model_version: -1"
        for field, wires in (("input_map", step.inputs), ("output_map", step.outputs)):
            for key, value in wires.items():
                yield f"    {field} {{ key: {_quoted(key)} value: {_quoted(value)} }}"
        yield "  }"
    yield "}"


def _tensors(field: str, tensors: tuple[Tensor, ...]) -> Iterator[str]:
    yield f"{field} ["
    yield from _separated(
        [
            f"  {{ name: {_quoted(one.name)} data_type: {one.data_type} dims: [ {', '.join(map(str, one.dims))} ] }}"
            for one in tensors
        ]
    )
    yield "]"


def _group(group: InstanceGroup) -> str:
    gpus = f" gpus: [ {', '.join(map(str, group.gpus))} ]" if group.gpus else ""
    return f"  {{ count: {group.count} kind: {group.kind}{gpus} }}"


def _batching(batching: DynamicBatching) -> Iterator[str]:
    yield "dynamic_batching {"
    if batching.preferred_batch_sizes:
        yield f"  preferred_batch_size: [ {', '.join(map(str, batching.preferred_batch_sizes))} ]"
    yield f"  max_queue_delay_microseconds: {batching.max_queue_delay_us}"
    if batching.max_queue_size or batching.queue_timeout_us:
        yield "  default_queue_policy {"
        yield f"    max_queue_size: {batching.max_queue_size}"
        if batching.queue_timeout_us:
            yield "    timeout_action: REJECT"
            yield f"    default_timeout_microseconds: {batching.queue_timeout_us}"
        yield "  }"
    yield "}"


def _separated(items: list[str]) -> Iterator[str]:
    for index, item in enumerate(items):
        yield item + ("," if index + 1 < len(items) else "")


def _quoted(text: str) -> str:
    # The escapes of JSON that can occur here are those of protobuf's text format too.
    return json.dumps(text, ensure_ascii=False)
