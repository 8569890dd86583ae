"""How much of anything a submission may hold. Honest ones stay far below: the course's largest
model has 9 MB.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class IntakeLimits:
    """Caps of the intake; sizes in bytes."""

    #: Files that are looked at, in a folder or a zip; the rest is counted and left.
    files: int = 400
    #: Size of a zip's list of members, which is read at once: 8 MB become some 80 MB in memory.
    directory_bytes: int = 8 << 20
    #: Models that are kept, the first ones by name.
    models: int = 24
    #: Programs that are kept, the first ones by name.
    programs: int = 80
    program_bytes: int = 128 << 10
    #: The ledger; three recorded passes through all parts have 8 MB. Of a larger one, the beginning
    #: is read.
    ledger_bytes: int = 64 << 20
    #: Most memory for a ledger's entries, estimated from its commas and brackets: 64 MB of samples.
    ledger_memory_bytes: int = 384 << 20
    model_bytes: int = 24 << 20
    total_bytes: int = 160 << 20
    line_bytes: int = 4 << 20


#: The caps that are used unless a test or a course says otherwise.
DEFAULT_LIMITS = IntakeLimits()
