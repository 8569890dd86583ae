"""Options that took turns in one run: the only records whose times have a ratio."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from labs import stats
from labs.records.record import Measurement


@dataclass(frozen=True)
class Comparison:
    """Records of one side-by-side run."""

    #: One record an option, in the order given; ``details`` names the run and the number of calls in a turn.
    records: tuple[Measurement, ...]

    def __iter__(self) -> Iterator[Measurement]:
        return iter(self.records)

    @property
    def options(self) -> tuple[str, ...]:
        """Names of the options, in the order given."""
        return tuple(one.option for one in self.records)

    @property
    def fastest(self) -> Measurement:
        """The record with the smallest median; whether the others are really slower, ``ratio`` says."""
        return min(self.records, key=lambda one: one.percentile(50))

    def record(self, option: str) -> Measurement:
        """Return an option's record.

        Raises:
            KeyError: It was not part of this run.
        """
        for one in self.records:
            if one.option == option:
                return one
        raise KeyError(f"{option!r} took no part in this run; {', '.join(self.options)} did")

    def ratio(self, option: str, baseline: str) -> stats.Ratio:
        """Return how many times as long ``option`` takes as ``baseline``, with interval and detectable difference.

        Raises:
            KeyError: One of the two was not part of this run.
        """
        return stats.ratio_of_medians(self.record(option).blocks, self.record(baseline).blocks)
