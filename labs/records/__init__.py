"""Records of measurements: raw samples with their machine, kept in one append-only ledger."""

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
    "DifferentMachinesError",
    "Ledger",
    "LedgerError",
    "Measurement",
    "ModelFile",
    "Observation",
    "Prediction",
    "Threads",
    "require_same_machine",
]
