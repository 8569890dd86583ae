"""What can be fetched: data sets and models by name, each with what its publisher says of the file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Remote:
    """A data set or model that is fetched from a configured address."""

    #: Name under which it is asked for.
    name: str
    #: `dataset` or `model`.
    kind: str
    #: What it is called where it is published.
    published_name: str
    #: What it is, in a few words.
    summary: str
    #: File that is handed over, in the folder of what was made from the download; empty: the folder itself.
    result: str = ""
    #: Git blob id of the published file, when it is known.
    git_blob: str | None = None
    #: Largest download that is accepted, in bytes.
    max_bytes: int = 64 << 20
    #: Room that unpacking needs, as a multiple of the download's size.
    unpacked_ratio: float = 1.0


#: Everything that can be fetched.
REMOTE: dict[str, Remote] = {
    remote.name: remote
    for remote in (
        Remote(
            "food11",
            "dataset",
            "Food-11.archive",
            "the real Food-11: 16,643 photographs in a zip or tar",
            max_bytes=4 << 30,
            unpacked_ratio=1.1,
        ),
        Remote(
            "food11-mobilenetv2",
            "model",
            "food11.pth",
            "the course's published MobileNetV2, turned into safetensors",
            result="food11-mobilenetv2.safetensors",
            git_blob="b550214474f469ca65c2eb6c30f383ef4e7e8c7a",
        ),
        Remote(
            "food11-mobilenetv2-onnx",
            "model",
            "food11.onnx",
            "the course's published MobileNetV2 as ONNX",
            result="food11-mobilenetv2.onnx",
            git_blob="b3dba6529bf29980fa0903871d4de4a4a61bca97",
        ),
    )
}
