"""Checking an ONNX file from somewhere else before a runtime opens it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from labs.assets.errors import IntegrityError, UnsafeFileError

if TYPE_CHECKING:
    from google.protobuf.message import Message

#: Largest model with its external data; the course's model has 9 MB in float32.
MAX_MODEL_BYTES = 128 << 20


def check_onnx(path: str | Path, max_bytes: int = MAX_MODEL_BYTES) -> None:
    """Check that a file is a valid ONNX model which needs no files but its own.

    Args:
        path: The `.onnx` file.
        max_bytes: Most bytes that the model and its external data may have together.

    Raises:
        UnsafeFileError: The model is too large, or names external data outside its folder.
        IntegrityError: It is not a valid ONNX model, or its external data is missing; often only the `.onnx` half
            of a model in two files was copied.
    """
    import onnx
    from google.protobuf.message import DecodeError

    path = Path(path)
    if path.stat().st_size > max_bytes:
        raise UnsafeFileError(f"{path.name} is larger than {max_bytes >> 20} MiB, which this model never is")
    try:
        model = onnx.load(path, load_external_data=False)
    except (DecodeError, ValueError) as error:
        raise IntegrityError(f"{path.name} is not an ONNX model: {error}") from error
    size_bytes = path.stat().st_size + sum(_external_sizes(model, path.parent).values())
    if size_bytes > max_bytes:
        raise UnsafeFileError(f"{path.name} with its external data has {size_bytes} bytes; {max_bytes} are allowed")
    try:
        onnx.checker.check_model(str(path))
    except (onnx.checker.ValidationError, ValueError) as error:
        raise IntegrityError(f"{path.name} is not a valid ONNX model: {error}") from error


def _external_sizes(model: Message, folder: Path) -> dict[Path, int]:
    """Return the external files that a model names, with their sizes in bytes."""
    sizes: dict[Path, int] = {}
    for location in _external_locations(model):
        path = PurePosixPath(location)
        inside = folder / path
        if path.is_absolute() or ".." in path.parts or "\\" in location or not location or inside.is_symlink():
            raise UnsafeFileError(f"the model names external data at {location!r}, outside its own folder")
        if not inside.resolve().is_relative_to(folder.resolve()):
            raise UnsafeFileError(f"the model's external data at {location!r} leads outside its own folder")
        if not inside.is_file():
            raise IntegrityError(f"the model keeps weights in {location!r}, which is missing beside it")
        sizes[inside] = inside.stat().st_size
    return sizes


def _external_locations(message: Message) -> Iterator[str]:
    """Yield every place where a model says that tensors lie outside of it, however deep in subgraphs.

    The message is walked by its own description, so that no field which may hold a tensor is forgotten.
    """
    import onnx

    queue = [message]
    while queue:
        part = queue.pop()
        if isinstance(part, onnx.TensorProto):
            if part.data_location == onnx.TensorProto.EXTERNAL or part.external_data:
                yield next((entry.value for entry in part.external_data if entry.key == "location"), "")
            continue
        for field, value in part.ListFields():
            if field.message_type is not None:
                # A repeated field has a length, a single message has none.
                queue.extend(value if hasattr(value, "__len__") else [value])
