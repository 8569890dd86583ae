"""Configurations of one Triton model as candidates of a search: each is loaded when its turn comes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from labs.load.search import Candidate
from labs.load.served import triton_target
from labs.load.target import Target
from labs.load.triton import Inputs
from labs.serve.triton.catalogue import ModelFolder
from labs.serve.triton.control import Triton
from labs.serve.triton.settings import DynamicBatching, ModelSettings


@dataclass(frozen=True)
class Knobs:
    """The four settings that decide most."""

    #: Copies of the model; on GPUs, copies on each.
    copies: int = 1
    #: Threads within one copy.
    threads: int = 1
    #: Most pictures that are put together; 1 runs each by itself.
    max_batch: int = 1
    #: Microseconds that a picture waits for company.
    delay_us: int = 0

    @property
    def name(self) -> str:
        """Copies × threads, and the batching where there is any: '2x1-batch8-2000us'."""
        batching = f"-batch{self.max_batch}" if self.max_batch > 1 else ""
        return f"{self.copies}x{self.threads}{batching}" + (f"-{self.delay_us}us" if batching and self.delay_us else "")

    def turned(self, settings: ModelSettings) -> ModelSettings:
        """Return a model's settings with these knobs; the devices that its copies run on stay as they are."""
        return settings.but(
            instances=tuple(group.but(count=self.copies) for group in settings.instances),
            intra_op_threads=self.threads,
            max_batch_size=self.max_batch,
            dynamic_batching=DynamicBatching(max_queue_delay_us=self.delay_us) if self.max_batch > 1 else None,
        )


def candidates(
    triton: Triton, folder: ModelFolder, requests: Sequence[Inputs], choices: Iterable[Knobs], *, prefix: str
) -> list[Candidate]:
    """Return a candidate for each set of knobs; serving one reloads the model with it.

    Args:
        triton: A running server with the model loaded.
        folder: The model.
        requests: Inputs of the requests that are sent in turn.
        choices: The knobs.
        prefix: Begins the names under which records are kept, as in 'best-2x1'.
    """

    def candidate(knobs: Knobs) -> Candidate:
        def serve() -> Target:
            settings = knobs.turned(folder.settings)
            triton.change(settings)
            return triton_target(triton, replace(folder, settings=settings), requests)

        return Candidate(f"{prefix}-{knobs.name}", serve)

    return [candidate(knobs) for knobs in choices]
