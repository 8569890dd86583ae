"""Until all import it from its home."""

from labs.records.collection import of_machine as of_machine
