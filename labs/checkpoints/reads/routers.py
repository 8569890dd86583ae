"""Facts about a router in the open Ray cluster: where its requests go, and whether they are answered well."""

from __future__ import annotations

from collections import Counter
from pathlib import Path


def router(path: Path) -> dict:
    """Return of 60 requests how many were answered, how many by which version, and whether their classes are right.

    Args:
        path: The router's program, deployed in the open cluster.

    Raises:
        LookupError: It is not what runs there.
    """
    import httpx
    import numpy as np
    import onnxruntime as ort

    from labs.data.preprocess import load_image, to_input
    from labs.serve.models import fp32_model
    from labs.serve.photos import photo
    from labs.serve.ray.cluster import OPEN

    path, images = Path(path), [photo(number) for number in range(4)]
    address = OPEN[-1].address_of(path.stem) if OPEN else None
    if address is None:
        raise LookupError(f"{path.name} is not what runs in an open cluster: deploy it, then check")
    with httpx.Client(timeout=60) as client:
        answers = [client.post(f"{address}/predict/raw", content=images[place % 4]) for place in range(60)]
    told = [one.json() if one.status_code == 200 else {} for one in answers]
    versions = Counter(str(one.get("version")) for one in told)
    session = ort.InferenceSession(fp32_model(), providers=["CPUExecutionProvider"])
    inputs = np.stack([to_input(load_image(image)) for image in images])
    return {
        "answered": sum(one.status_code == 200 for one in answers),
        "named": versions["stable"] + versions["canary"],
        "canary": versions["canary"],
        "right": [one.get("class") for one in told[:4]] == session.run(None, {"input": inputs})[0].argmax(1).tolist(),
    }
