"""What a Triton model can be told, typed and checked before a server sees it.

A model's settings become its ``config.pbtxt`` (``render.py``). What Triton would refuse, or accept and do nothing with,
is refused here, in words that say what to change.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

#: What Triton accepts as a model's name: it is a folder's name too.
NAME = r"^[a-z][a-z0-9_]*$"

Count = Annotated[int, Field(ge=1)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def but(self, **changed: object):
        """Return the same settings with some changed, checked again."""
        given = {name: getattr(self, name) for name in type(self).model_fields}
        return type(self)(**{**given, **changed})


class Tensor(_Frozen):
    """One input or output of a model, without the batch axis."""

    #: Name by which clients send or ask for it.
    name: Annotated[str, Field(min_length=1)]
    #: Triton's name of the element type.
    data_type: Literal["TYPE_FP32", "TYPE_STRING", "TYPE_INT64", "TYPE_UINT8"]
    #: Shape of one element of the batch; -1 leaves an axis free.
    dims: tuple[int, ...]


class InstanceGroup(_Frozen):
    """Copies of a model on one kind of device."""

    #: How many; on GPUs, how many on each.
    count: Annotated[int, Field(ge=1, le=64)] = 1
    #: Where they run.
    kind: Literal["KIND_CPU", "KIND_GPU"] = "KIND_CPU"
    #: GPUs by number; each gets ``count`` copies. All GPUs when empty.
    gpus: tuple[Annotated[int, Field(ge=0)], ...] = ()

    @model_validator(mode="after")
    def _gpus_only_on_gpus(self) -> InstanceGroup:
        if self.gpus and self.kind != "KIND_GPU":
            raise ValueError(f"gpus {list(self.gpus)} are named, but kind is {self.kind}: say KIND_GPU, or name none")
        return self


class DynamicBatching(_Frozen):
    """Requests that wait together, so that one run of the model serves several of them."""

    #: Batch sizes at which the scheduler stops waiting; the largest possible batch when empty.
    preferred_batch_sizes: tuple[Count, ...] = ()
    #: Microseconds that a request may wait for company (Triton's own unit).
    max_queue_delay_us: Annotated[int, Field(ge=0, le=10_000_000)] = 0
    #: Requests that may wait before the next is refused; without a limit when 0.
    max_queue_size: Annotated[int, Field(ge=0)] = 0
    #: Microseconds after which a waiting request is refused; never when 0.
    queue_timeout_us: Annotated[int, Field(ge=0)] = 0


class ModelSettings(_Frozen):
    """A model of the repository that runs something itself."""

    #: The model's name, which is its folder's.
    name: Annotated[str, Field(pattern=NAME)]
    #: What runs it.
    backend: Literal["python", "onnxruntime"]
    #: Its inputs.
    inputs: Annotated[tuple[Tensor, ...], Field(min_length=1)]
    #: Its outputs.
    outputs: Annotated[tuple[Tensor, ...], Field(min_length=1)]
    #: Most pictures in one run; requests with more are refused.
    max_batch_size: Annotated[int, Field(ge=1, le=512)] = 16
    #: Its copies.
    instances: Annotated[tuple[InstanceGroup, ...], Field(min_length=1)] = (InstanceGroup(),)
    #: How requests are put together; None runs each by itself.
    dynamic_batching: DynamicBatching | None = None
    #: Threads within one copy.
    intra_op_threads: Annotated[int, Field(ge=1, le=256)] = 1
    #: Further parameters of the backend, as it reads them.
    parameters: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _fits_together(self) -> ModelSettings:
        names = [tensor.name for tensor in (*self.inputs, *self.outputs)]
        if len(set(names)) < len(names):
            raise ValueError(f"{self.name}: two tensors share a name ({', '.join(names)})")
        batching = self.dynamic_batching
        too_big = [size for size in batching.preferred_batch_sizes if size > self.max_batch_size] if batching else []
        if too_big:
            raise ValueError(
                f"{self.name}: preferred batch size {too_big[0]} is larger than max_batch_size {self.max_batch_size}, "
                "so it can never be reached: raise the one or lower the other"
            )
        if batching and self.max_batch_size == 1:
            raise ValueError(
                f"{self.name}: dynamic batching has nothing to do at max_batch_size 1: raise it, or drop it"
            )
        return self

    @property
    def copies(self) -> int:
        """Copies of the model that work side by side, where groups name their GPUs or none."""
        return sum(group.count * max(len(group.gpus), 1) for group in self.instances)


class Step(_Frozen):
    """One model within an ensemble."""

    #: The model that runs.
    model: Annotated[str, Field(pattern=NAME)]
    #: For each of its inputs, the ensemble's tensor that goes in.
    inputs: dict[str, str]
    #: For each of its outputs, the ensemble's tensor that it becomes.
    outputs: dict[str, str]


class EnsembleSettings(_Frozen):
    """Models that hand their results on, behind one name."""

    #: The ensemble's name.
    name: Annotated[str, Field(pattern=NAME)]
    #: What a client sends.
    inputs: Annotated[tuple[Tensor, ...], Field(min_length=1)]
    #: What it gets.
    outputs: Annotated[tuple[Tensor, ...], Field(min_length=1)]
    #: The steps; Triton orders them by their tensors.
    steps: Annotated[tuple[Step, ...], Field(min_length=1)]
    #: Most pictures in one request.
    max_batch_size: Annotated[int, Field(ge=1, le=512)] = 16

    @model_validator(mode="after")
    def _is_wired(self) -> EnsembleSettings:
        made = {tensor.name for tensor in self.inputs} | {name for step in self.steps for name in step.outputs.values()}
        wanted = {name for step in self.steps for name in step.inputs.values()} | {one.name for one in self.outputs}
        if wanted - made:
            raise ValueError(
                f"{self.name}: nothing makes {', '.join(sorted(wanted - made))}; the steps and inputs make "
                f"{', '.join(sorted(made))}. A misspelt tensor is the usual cause."
            )
        return self


Settings = ModelSettings | EnsembleSettings
