"""Facts about configurations of models for Triton, by Triton's own grammar."""

from pathlib import Path

from labs.checkpoints.reads.texts import written
from labs.serve.triton.catalogue import ConfigError, parse

#: What is said of preferred sizes, which are right all the same. Source: Triton's docs/user_guide/batcher.md.
_SIZES = (
    "Leave out `preferred_batch_size`, though: Triton's own documentation says that most models should not use it. "
    "Without it a batch takes all that wait, up to `max_batch_size`."
)


def config(path: Path) -> dict:
    """Return what a ``config.pbtxt`` says; ``fault`` if Triton's grammar does not know it."""
    made, fault = parsed(path)
    batching, types = made.dynamic_batching, made.DESCRIPTOR.fields_by_name["input"].message_type
    names = types.fields_by_name["data_type"].enum_type.values_by_number

    def tensors(given) -> list[str]:
        return sorted(f"{one.name} {names[one.data_type].name} {list(one.dims)}" for one in given)

    return {
        "fault": fault,
        "name": made.name,
        "backend": made.backend or made.platform.removesuffix("_onnx"),
        "max_batch_size": made.max_batch_size,
        "inputs": tensors(made.input),
        "outputs": tensors(made.output),
        "instances": sum(one.count for one in made.instance_group),
        "batching": made.HasField("dynamic_batching"),
        "advice": _SIZES if batching.preferred_batch_size else "",
        "delay_us": batching.max_queue_delay_microseconds,
    }


def parsed(path: Path) -> tuple:
    """Return what a ``config.pbtxt`` says as Triton's message, an empty one if it cannot be read, and why not."""
    text = written(path)
    try:
        return parse(text), ""
    except ConfigError as error:
        return parse(""), str(error)
