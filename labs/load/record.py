"""Turning a sender's result into a record, with everything known about where it came from."""

from __future__ import annotations

from labs.load.target import Target
from labs.machine import fingerprint
from labs.records import Measurement
from labs.records.load import Failure, Load, ServerSide, Usage
from labs.version import code_version, library_versions

#: What takes part on the sender's side, by transport.
_LIBRARIES = {"http": ("aiohttp", "uvloop"), "grpc": ("grpcio", "uvloop")}


class NothingAnsweredError(RuntimeError):
    """Not one request got a good answer; the message shows the first bad one."""


def load_record(
    option: str,
    target: Target,
    result: dict,
    *,
    mode: str,
    duration_s: float,
    started_at: str,
    start_s: float,
    concurrency: int = 1,
    offered_rps: float | None = None,
    server: ServerSide | None = None,
    usage: Usage | None = None,
    details: dict | None = None,
) -> Measurement:
    """Return the record of one run.

    Args:
        option: Name under which it is kept.
        target: What was sent, and what served it.
        result: The sender's 'result' event.
        mode: 'closed' or 'open'.
        duration_s: Seconds in which requests were begun.
        started_at: UTC, ISO 8601.
        start_s: Monotonic clock in seconds at the start.
        concurrency: Requests in flight at once; in an open loop, the most that there were.
        offered_rps: Requests a second that were due; None in a closed loop.
        server: What the server counted.
        usage: How busy the machine was.
        details: Anything else, as plain JSON.

    Raises:
        NothingAnsweredError: No request succeeded.
    """
    good = [row for row in result["rows"] if row[3] == 200]
    if not good:
        raise NothingAnsweredError(
            f"{target.name}: none of {len(result['rows'])} requests was answered well. Is the server up, and is this "
            f"what it expects? The first answer was: {result['first'][:300] or 'nothing at all'}"
        )
    served = target.served
    return Measurement(
        kind="load",
        option=option,
        samples=tuple(row[1] for row in good),
        batch_size=target.batch_size,
        concurrency=concurrency,
        model=served.model,
        backend=served.backend,
        provider_requested=served.provider,
        providers_used={},
        precision=served.precision,
        threads=served.threads,
        warmup_count=result["warmup"],
        warmup_settled=True,
        started_at=started_at,
        monotonic_start_s=start_s,
        monotonic_end_s=start_s + result["took_s"],
        machine=fingerprint(),
        libraries={**served.libraries, **library_versions(*_LIBRARIES[target.transport])},
        code_version=code_version(),
        details={
            "settings": served.settings,
            "body_bytes": round(sum(map(len, target.bodies)) / len(target.bodies)),
            "sender_cpu_s": round(result["cpu_s"], 6),
            "first_answer": result["first"],
            **(details or {}),
        },
        load=Load(
            mode=mode,
            target=target.name,
            duration_s=duration_s,
            offsets_s=tuple(row[0] for row in good),
            offered_rps=offered_rps,
            sent_offsets_s=tuple(row[2] for row in good) if mode == "open" else (),
            failures=tuple(Failure(row[0], row[1], row[3]) for row in result["rows"] if row[3] != 200),
            server=server,
            usage=usage or Usage(),
        ),
    )
