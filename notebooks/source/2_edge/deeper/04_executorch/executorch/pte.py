"""The content of an ExecuTorch file and its classes, found by loading and running it.

``python pte.py FILE.pte FACTS.json`` runs in the environment 'executorch'
(:mod:`labs.runtimes.providers`), where both torch and the runtime are.
"""

import json
import sys
import tempfile
from pathlib import Path

#: The text after the first four bytes of each ``.pte``.
IDENTIFIER = b"ET12"

#: Validation images that the file is asked about.
IMAGES = 44


def pte_facts(path: str | Path) -> dict:
    """Return facts about a ``.pte`` file, from this process or any other: it is loaded in
    ExecuTorch's environment.

    Returns:
        ``delegates``: calls by backend; ``operators``: names of the operators that no delegate
            runs; ``images``; ``agree``: the number of images with the class of the float32 model in
            torch; ``max_abs_diff`` between both logits; ``size_bytes``.

    Raises:
        ValueError: It is no ExecuTorch file.
        EnvironmentUnavailableError: ExecuTorch cannot be had on this machine.
        subprocess.CalledProcessError: ExecuTorch refuses the file.
    """
    from labs.runtimes import providers

    if Path(path).read_bytes()[4:8] != IDENTIFIER:
        raise ValueError(f"{Path(path).name} is no ExecuTorch program")
    with tempfile.TemporaryDirectory() as folder:
        facts_path = Path(folder) / "facts.json"
        environment = providers.install("executorch")
        quiet = {"PYTHONWARNINGS": "ignore"}
        environment.run(__file__, Path(path).resolve(), facts_path, variables=quiet)
        facts = json.loads(facts_path.read_text(encoding="utf-8"))
    return facts | {"size_bytes": Path(path).stat().st_size}


def _look(path: Path) -> dict:
    import numpy as np
    import torch

    from executorch.exir._serialize._program import deserialize_pte_binary
    from executorch.runtime import Runtime
    from labs import assets
    from labs.data.dataset import load_split
    from labs.data.models import load_mobilenet_v2

    plan = deserialize_pte_binary(path.read_bytes()).program.execution_plan[0]
    delegates = [delegate.id for delegate in plan.delegates]
    operators = [f"{each.name}.{each.overload}".rstrip(".") for each in plan.operators]
    images, _ = load_split(assets.dataset("food11-mini"), "validation", limit=IMAGES)
    method = Runtime.get().load_program(path).load_method("forward")
    rows = []
    for image in images:
        (row,) = method.execute([torch.from_numpy(image[np.newaxis])])
        rows.append(row.numpy())
    logits = np.concatenate(rows)
    net = load_mobilenet_v2(assets.model())
    with torch.inference_mode():
        expected = net(torch.from_numpy(images)).numpy()
    same_class = logits.argmax(1) == expected.argmax(1)
    counts = {name: delegates.count(name) for name in sorted(set(delegates))}
    return {
        "delegates": counts,
        "operators": sorted(operators),
        "images": len(images),
        "agree": int(same_class.sum()),
        "max_abs_diff": float(np.abs(logits - expected).max()),
    }


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(_look(Path(sys.argv[1]))), encoding="utf-8")
