"""The facts and capabilities of this machine for each lesson."""

from labs.machine.capability import Capability, capabilities, capability_text
from labs.machine.fingerprint import Fingerprint, Gpu, fingerprint

__all__ = ["Capability", "Fingerprint", "Gpu", "capabilities", "capability_text", "fingerprint"]
