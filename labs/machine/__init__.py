"""What machine this is, and what it can and cannot do for each lesson."""

from labs.machine.fingerprint import Fingerprint, Gpu, fingerprint

__all__ = ["Fingerprint", "Gpu", "fingerprint"]
