"""Ways to run the model, all behind one small protocol: ``load``, ``predict``, ``describe``, ``close``."""

from labs.backends.base import Backend, BackendInfo, BackendUnavailableError
from labs.backends.spec import BackendSpec

__all__ = ["Backend", "BackendInfo", "BackendSpec", "BackendUnavailableError"]
