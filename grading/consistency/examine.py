"""All rules over one ledger, and the entries that survive them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from grading.consistency import claims, files, loads, machines, samples, times
from grading.consistency.finding import Finding

#: A rule yields findings from measurements, oldest first.
Rule = Callable[[list[dict]], Iterator[Finding]]

#: Every rule, in the order in which findings are told.
RULES: tuple[Rule, ...] = (
    times.run_has_a_length,
    times.samples_fit_the_run,
    times.run_was_busy,
    times.runs_do_not_overlap,
    times.clocks_agree,
    samples.vary,
    samples.are_not_rounded,
    samples.are_enough,
    samples.are_nobody_elses,
    samples.are_no_formulas,
    files.size_is_the_files,
    files.hash_means_one_file,
    files.accuracy_adds_up,
    files.labels_are_the_splits,
    files.int8_is_not_far_above_float,
    machines.one_machine_a_run,
    machines.one_machine_a_part,
    machines.class_fits_the_part,
    machines.leased_node_is_whole,
    machines.times_are_the_classes,
    machines.classes_are_the_processors,
    machines.fingerprint_adds_up,
    loads.load_hangs_together,
    loads.server_agrees,
    claims.are_possible,
    claims.agree_with_each_other,
)


@dataclass(frozen=True)
class Examined:
    """A ledger after the examination."""

    #: Entries that contradict nothing; answers and predictions all stay.
    kept: list[dict]
    #: Records that cannot be true.
    contradictions: tuple[Finding, ...]
    #: What a person should look at.
    flags: tuple[Finding, ...]

    @property
    def all(self) -> tuple[Finding, ...]:
        """Contradictions first, then flags."""
        return (*self.contradictions, *self.flags)


def examine(entries: list[dict]) -> Examined:
    """Return the entries that can be true, and what was found.

    Args:
        entries: Ledger entries that fit the schema, in the ledger's order.
    """
    records = [entry for entry in entries if entry.get("type") == "measurement"]
    found: list[Finding] = []
    for rule in RULES:
        found += rule(records)
    found += files.files_were_measured(entries)
    found += times.predictions_keep_no_step(entries)
    contradictions = tuple(one for one in found if one.impossible)
    aside = {record for one in contradictions for record in one.records}
    kept = [entry for entry in entries if entry.get("record_id") not in aside]
    return Examined(kept, contradictions, tuple(one for one in found if not one.impossible))
