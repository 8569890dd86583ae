"""Server and device side by side: one frontier a machine, since milliseconds of two machines make no single one."""

from __future__ import annotations

from collections.abc import Iterable

from labs.records import Measurement
from labs.records.options import summarize
from labs.widgets.frontier import frontier
from labs.widgets.shown import Shown


def frontiers(records: Iterable[object]) -> Shown:
    """Return one card a machine, in order of first appearance, each with the frontier of what it has measured in full.

    Args:
        records: Measurements of any number of machines; a whole ledger will do.

    Raises:
        ValueError: No machine has an option with all four measures.
    """
    kept = [record for record in records if isinstance(record, Measurement)]
    shown = []
    for machine in dict.fromkeys(record.machine.machine_id for record in kept):
        ours = [record for record in kept if record.machine.machine_id == machine]
        full = {
            one.option
            for one in summarize(ours)
            if None not in (one.accuracy, one.p50_s, one.batch_fps, one.size_bytes)
        }
        if full:
            of_full = [record for record in ours if record.option in full]
            shown.append(frontier(of_full, title=f"On {ours[0].machine.label}"))
    if not shown:
        raise ValueError("no option has accuracy, latency, throughput and size on any machine: measure one in full")
    # Beside each other where the window is wide enough for two, else one below the other.
    cards = "".join(f'<div style="flex:1 1 720px;min-width:0">{one.html}</div>' for one in shown)
    html = f'<div style="display:flex;flex-wrap:wrap;gap:0 12px">{cards}</div>'
    text = "\n\n".join(one.text for one in shown)
    return Shown(html, text, plain=f"{len(shown)} frontiers" if len(shown) > 1 else "1 frontier")
