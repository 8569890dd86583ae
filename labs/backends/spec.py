"""A backend described by plain data, so that another process can build the very same one."""

from __future__ import annotations

from dataclasses import dataclass, field

from labs.backends.base import Backend


@dataclass(frozen=True)
class BackendSpec:
    """Which backend, on which file, with which settings."""

    #: 'torch', 'onnxruntime' or 'openvino'.
    kind: str
    #: File that holds the model.
    model_path: str
    #: Keyword arguments of the backend's class, as plain JSON values.
    settings: dict = field(default_factory=dict)

    def build(self) -> Backend:
        """Return the backend, not loaded yet.

        Raises:
            ValueError: There is no backend of this kind.
        """
        # Imported one by one: a worker's environment holds one runtime and not the others.
        if self.kind == "torch":
            from labs.backends.torch_backend import TorchBackend as Chosen
        elif self.kind == "onnxruntime":
            from labs.backends.onnxruntime_backend import OnnxRuntimeBackend as Chosen
        elif self.kind == "openvino":
            from labs.backends.openvino_backend import OpenVinoBackend as Chosen
        else:
            raise ValueError(f"no backend {self.kind!r}; there are 'torch', 'onnxruntime' and 'openvino'")
        return Chosen(self.model_path, **self.settings)

    def to_json(self) -> dict:
        """Return plain JSON values."""
        return {"kind": self.kind, "model_path": str(self.model_path), "settings": dict(self.settings)}

    @classmethod
    def from_json(cls, values: dict) -> BackendSpec:
        """Return what ``to_json`` wrote."""
        return cls(values["kind"], values["model_path"], values.get("settings", {}))
