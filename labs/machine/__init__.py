"""What machine this is, and what it can and cannot do for each lesson."""

from labs.machine.capability import Capability, capabilities, capability_text
from labs.machine.fingerprint import Fingerprint, Gpu, fingerprint

__all__ = ["Capability", "Fingerprint", "Gpu", "capabilities", "capability_text", "fingerprint"]
