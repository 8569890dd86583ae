"""Records of measurements: raw samples with their machine, kept in one append-only ledger."""

from labs.records.collection import Lookup, Records
from labs.records.comparison import Comparison
from labs.records.ledger import Ledger, LedgerError
from labs.records.observation import Observation
from labs.records.record import (
    DifferentMachinesError,
    Measurement,
    ModelFile,
    Prediction,
    Threads,
    require_same_machine,
)
from labs.records.written import Answer

__all__ = [
    "Answer",
    "Comparison",
    "DifferentMachinesError",
    "Ledger",
    "LedgerError",
    "Lookup",
    "Measurement",
    "ModelFile",
    "Observation",
    "Prediction",
    "Records",
    "Threads",
    "require_same_machine",
]
