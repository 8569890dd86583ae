"""All rules over one ledger, and the entries that survive them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from grading.grade.contradictions import clocks, files
from grading.grade.contradictions.finding import Finding

#: A rule yields findings from measurements, oldest first.
Rule = Callable[[list[dict]], Iterator[Finding]]

#: Every rule over measurements, in the order in which findings are told.
RULES: tuple[Rule, ...] = (
    clocks.run_has_a_length,
    clocks.samples_fit_the_run,
    clocks.samples_vary,
    clocks.samples_are_taken_once,
    clocks.load_fits_its_senders,
    files.size_is_the_files,
    files.hash_means_one_file,
    files.accuracy_adds_up,
    files.labels_are_the_splits,
    files.one_machine_a_run,
)


@dataclass(frozen=True)
class Examined:
    """A ledger after the examination."""

    #: Entries that contradict nothing; answers and predictions all stay.
    kept: list[dict]
    #: What cannot be true.
    findings: tuple[Finding, ...]


def examine(entries: list[dict]) -> Examined:
    """Return the entries that can be true, and what was found.

    Args:
        entries: Ledger entries that fit the schema, in the ledger's order.
    """
    records = [entry for entry in entries if entry.get("type") == "measurement"]
    found = [finding for rule in RULES for finding in rule(records)]
    found += files.files_were_measured(entries)
    aside = {record for one in found for record in one.records}
    return Examined([entry for entry in entries if entry.get("record_id") not in aside], tuple(found))
