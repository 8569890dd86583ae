"""The course's promises for its best options, and the comparison of a run with them, by its
estimate; the interval is printed beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from labs.machine.fingerprint import Fingerprint, fingerprint
from labs.stats import Interval


@dataclass(frozen=True)
class Result:
    """An estimate and its object; a size has no interval."""

    value: float
    who: str
    interval: Interval | None = None

    @classmethod
    def of(cls, interval: Interval, who: str) -> "Result":
        """Return the result whose estimate is the interval's own."""
        return cls(interval.value, who, interval)


@dataclass(frozen=True)
class Bar:
    """A bound that is judged, and an aim that is only named."""

    what: str
    unit: str
    bound: float
    aim: float | None = None
    at_most: bool = False

    def __post_init__(self) -> None:
        """Refuse an aim that a run could reach while it misses the bound."""
        if self.aim is not None and (self.aim < self.bound) != self.at_most:
            raise ValueError(f"the aim of {self.what!r} does not lie beyond its bound")

    def line(self, result: Result) -> str:
        """Return one line that begins with ``met:`` or ``missed:``."""
        met = result.value <= self.bound if self.at_most else result.value >= self.bound
        spread = (
            f" ({result.interval.low:.2f} to {result.interval.high:.2f})" if result.interval else ""
        )
        bounds = f"{'at most' if self.at_most else 'at least'} {self.bound:g}"
        aim = f", aim {self.aim:g}" if self.aim is not None else ""
        sentence = (
            f"{self.what}: {result.value:.2f}{spread} {self.unit}; {bounds}{aim}; {result.who}"
        )
        return f"{'met' if met else 'missed'}: {sentence}"


_FLOAT = "float32 in ONNX Runtime"


def model_bars(machine: Fingerprint | None = None) -> dict[str, Bar]:
    """Return the models' bars on a processor, in the order in which they are printed, by the names
    under which the models' benchmark returns its results.

    With AMX, ONNX Runtime's float32 is much faster itself, so less is left to gain.
    """
    machine = machine or fingerprint()
    fastest = "one photo, median, the fastest kept option"
    of_amx = fastest + " (float32 uses AMX)"
    if "amx_tile" in machine.cpu_flags:
        p50 = Bar(of_amx, f"× {_FLOAT}", 0.65, 0.40, at_most=True)
    else:
        p50 = Bar(fastest, f"× {_FLOAT}", 0.55, 0.40, at_most=True)
    batch = "32 photos at once, the most a second by a kept option"
    return {
        "p50": p50,
        "batch": Bar(batch, f"× {_FLOAT}", 2.6, 3.5),
        "size": Bar("the smallest kept file", "MB", 2.6, 1.7, at_most=True),
    }


@dataclass(frozen=True)
class Section:
    """One benchmark's measurements."""

    title: str
    table: pd.DataFrame
    #: One line for each bar.
    lines: list[str]


def bars_lines(bars: Mapping[str, Bar], results: Mapping[str, Result]) -> list[str]:
    """Return a line for each result, as its bar of the same name judges it."""
    return [bars[name].line(result) for name, result in results.items()]
