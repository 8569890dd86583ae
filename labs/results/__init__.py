"""Records of measurements: raw samples with their machine, kept in one append-only ledger."""

from labs.results.ledger import Ledger, LedgerError
from labs.results.observation import Observation
from labs.results.record import (
    DifferentMachinesError,
    Measurement,
    ModelFile,
    Prediction,
    Threads,
    require_same_machine,
)
from labs.results.written import Answer

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
