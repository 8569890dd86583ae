"""Records of measurements: raw samples with their machine, kept in one append-only ledger."""

from labs.records.collection import Lookup, Records
from labs.records.ledger import Ledger, LedgerError, LedgerWriteError
from labs.records.record import (
    Answer,
    Comparison,
    DifferentMachinesError,
    Measurement,
    ModelFile,
    Observation,
    Prediction,
    Threads,
    require_same_machine,
)

__all__ = [
    "Answer",
    "Comparison",
    "DifferentMachinesError",
    "Ledger",
    "LedgerError",
    "LedgerWriteError",
    "Lookup",
    "Measurement",
    "ModelFile",
    "Observation",
    "Prediction",
    "Records",
    "Threads",
    "require_same_machine",
]
