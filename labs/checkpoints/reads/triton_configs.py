"""Facts about configurations of models for Triton, by Triton's own grammar."""

from pathlib import Path
from typing import Any

from labs.checkpoints.reads.texts import written
from labs.serve.triton.catalogue import ConfigError, parse
from labs.serve.triton.groups import in_words

#: What is said of preferred sizes, which are right all the same. Source: Triton's
#: docs/user_guide/batcher.md.
_SIZES = (
    "Leave out `preferred_batch_size`, though: Triton's own documentation says that most models "
    "should not use it. Without it a batch takes all that wait, up to `max_batch_size`."
)


def config(path: Path) -> dict:
    """Return what a ``config.pbtxt`` says; ``fault`` if Triton's grammar does not know it."""
    text = written(path)
    fault = ""
    try:
        message = parse(text)
    except ConfigError as error:
        message, fault = parse(""), str(error)
    batching = message.dynamic_batching
    input_type = message.DESCRIPTOR.fields_by_name["input"].message_type
    type_names = input_type.fields_by_name["data_type"].enum_type.values_by_number

    def described(tensors) -> list[str]:
        lines = []
        for tensor in tensors:
            type_name = type_names[tensor.data_type].name
            lines.append(f"{tensor.name} {type_name} {list(tensor.dims)}")
        return sorted(lines)

    backend = message.backend or message.platform.removesuffix("_onnx")
    instances = sum(group.count or 1 for group in message.instance_group)
    advice = _SIZES if batching.preferred_batch_size else ""
    return {
        "fault": fault,
        "name": message.name,
        "backend": backend,
        "max_batch_size": message.max_batch_size,
        "inputs": described(message.input),
        "outputs": described(message.output),
        "instances": instances,
        "placed": in_words(_groups(message)),
        "batching": message.HasField("dynamic_batching"),
        "advice": advice,
        "delay_us": batching.max_queue_delay_microseconds,
    }


def _groups(message: Any) -> list[dict]:
    """Return the instance groups of a configuration, as ``in_words`` reads them."""
    groups = []
    for group in message.instance_group:
        kind = group.DESCRIPTOR.fields_by_name["kind"].enum_type.values_by_number[group.kind]
        groups.append({"count": group.count or 1, "kind": kind.name, "gpus": list(group.gpus)})
    return groups
