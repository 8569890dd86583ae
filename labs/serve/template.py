"""A deployment from a model and an objective: copies and queue chosen, and written as a folder that is ready to serve.

What a team says is what it wants (so many requests a second, so fast, for so many of them). What it need not know is
how that becomes settings. The template does it by queueing theory from one measured number, and says its reasons.
"""

from __future__ import annotations

import itertools
import math
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from labs.machine.fingerprint import usable_cpu_count
from labs.queueing import Queue
from labs.records.format import milliseconds, percent
from labs.serve.instance import Instance
from labs.serve.photos import photo
from labs.serve.settings import Settings
from labs.serve.triton import catalogue
from labs.serve.triton.repository import ModelRepository

#: No copy is planned to be busy for more than this share of the time: bursts need room.
MOST_UTILIZATION = 0.7

#: Service times vary a little; 0 would be constant, 1 exponential.
_VARIABILITY = 0.2


class CannotBeMetError(ValueError):
    """No number of copies on this machine meets the objective; the message says by how much it is missed."""


class Objective(BaseModel):
    """What a team wants of its deployment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: Requests a second that must be carried, on average.
    rate_rps: Annotated[float, Field(gt=0)]
    #: Seconds within which an answer is wanted.
    latency_s: Annotated[float, Field(gt=0)]
    #: For so many of a hundred requests.
    q: Annotated[float, Field(ge=50, lt=100)] = 95.0


class Plan(BaseModel):
    """The settings that should meet an objective."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: Name of the deployment, as Triton takes it.
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    #: The ``.onnx`` file.
    model: Path
    #: What is wanted.
    objective: Objective
    #: Measured seconds that one copy needs for a picture.
    service_s: Annotated[float, Field(gt=0)]
    #: Copies of the model.
    instances: Annotated[int, Field(ge=1)]

    @model_validator(mode="after")
    def _is_an_onnx_file(self) -> Plan:
        if self.model.suffix != ".onnx":
            raise ValueError(f"{self.model.name} is no .onnx file: export the model first (lesson 12)")
        return self

    @property
    def queue(self) -> Queue:
        """The deployment as queueing theory sees it."""
        return Queue(self.objective.rate_rps, self.service_s, self.instances, _VARIABILITY)

    @property
    def queue_limit(self) -> int:
        """Requests that may wait: as many as can be worked off in the time that the objective leaves for waiting.

        Whoever would wait behind more of them would get an answer too late; a refusal is worth more.
        """
        return max(1, int(self.instances * (self.objective.latency_s - self.service_s) / self.service_s))

    @property
    def settings(self) -> Settings:
        """The plan as settings of the course's service: a picture at a time, since that is what was reckoned with."""
        return Settings(model=self.model, instances=self.instances, queue_limit=self.queue_limit, max_batch_size=1)

    @property
    def reasons(self) -> str:
        """Why these settings, line by line."""
        wanted, queue = self.objective, self.queue
        expected_s = queue.wait_s(wanted.q) + self.service_s
        return "\n".join(
            (
                f"One copy needs {milliseconds(self.service_s)} for a picture: {1 / self.service_s:.0f} a second.",
                f"{self.instances} of them are busy for {percent(queue.utilization)} of the time at "
                f"{wanted.rate_rps:g} requests/s ({percent(MOST_UTILIZATION)} is the most that is planned for).",
                f"{wanted.q:g} of 100 requests should then be answered within {milliseconds(expected_s)}; "
                f"{milliseconds(wanted.latency_s)} are wanted.",
                f"{self.queue_limit} requests may wait; behind more of them an answer would come too late.",
            )
        )

    def write(self, folder: Path) -> Path:
        """Write the deployment, ready to serve, and return its folder.

        ``triton/`` is a model repository, ``service.env`` the same for the course's service, ``README.md`` the reasons.

        Args:
            folder: Where deployments are kept.
        """
        place = folder / self.name
        batching = {"max_queue_size": self.queue_limit}
        copies = catalogue.copies(self.instances)
        model = catalogue.food_classifier_onnx(self.model, name=self.name, instances=copies, dynamic_batching=batching)
        ModelRepository(place / "triton").write([model])
        lines = [f"{name}={value}" for name, value in self.settings.to_environment().items()]
        (place / "service.env").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (place / "plan.json").write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")
        (place / "README.md").write_text(f"# {self.name}\n\n{self.reasons}\n", encoding="utf-8")
        return place


@dataclass(frozen=True)
class Probe:
    """What one copy takes for a picture, measured alone."""

    #: Wall seconds of each picture, decoding included.
    samples_s: tuple[float, ...]

    @property
    def service_s(self) -> float:
        """Their median."""
        return statistics.median(self.samples_s)


def probe(model: Path, *, pictures: int = 40) -> Probe:
    """Return what one copy with one thread takes on this machine, in this process, after a warm-up.

    Args:
        model: The ``.onnx`` file.
        pictures: How many are timed.
    """
    copy = Instance(Settings(model=model, instances=1))
    copy.load()
    content, took_s = photo(0), []
    for _ in range(pictures + 5):
        begin_s = time.perf_counter()
        copy.serve([content])
        took_s.append(time.perf_counter() - begin_s)
    copy.close()
    return Probe(tuple(took_s[5:]))


def plan(name: str, model: Path, objective: Objective, service_s: float, *, cpus: int | None = None) -> Plan:
    """Return the plan with the fewest copies that meets an objective.

    Args:
        name: Name of the deployment.
        model: The ``.onnx`` file.
        objective: What is wanted.
        service_s: Seconds that one copy needs for a picture; ``probe`` measures it.
        cpus: Processors that it may use, each for one copy; all of this machine when None.

    Raises:
        CannotBeMetError: The processors do not suffice, or one picture alone takes longer than is wanted.
    """
    cpus = cpus or usable_cpu_count()
    if service_s >= objective.latency_s:
        raise CannotBeMetError(
            f"one picture takes {milliseconds(service_s)} with nobody else there, and "
            f"{milliseconds(objective.latency_s)} are wanted: quantize the model, or take a faster machine; more "
            "copies do not help"
        )
    # Below this many copies they would be too busy; a hair less, since 0.7 is not 7 / 10 to a computer.
    fewest = max(1, math.ceil(objective.rate_rps * service_s / MOST_UTILIZATION - 1e-9))
    for instances in itertools.count(fewest):
        made = Plan(name=name, model=model, objective=objective, service_s=service_s, instances=instances)
        if made.queue.wait_s(objective.q) + service_s <= objective.latency_s:
            break
    if made.instances > cpus:
        raise CannotBeMetError(
            f"{objective.rate_rps:g} requests/s, {objective.q:g} of 100 within {milliseconds(objective.latency_s)}, "
            f"take {made.instances} copies with a processor each, and here are {cpus}: ask for less, or take more "
            "machines"
        )
    return made
