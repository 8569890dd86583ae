"""What questions' readers find in files: ``python -m grading.grade.artefacts.readings asked.json`` prints them.

It runs inside the sandbox, since a file may be anything.
"""

import importlib
import json
import sys
from pathlib import Path


def main(asked: str) -> None:
    """Print the facts of each question's file; of one that cannot be read, what kind of error it is."""
    for one in json.loads(Path(asked).read_text(encoding="utf-8")):
        module, _, reader = one["reads"].partition(":")
        try:
            told = {"facts": getattr(importlib.import_module(module), reader)(Path(one["path"]))}
        except (
            ModuleNotFoundError
        ) as error:  # the grader's, since no reader imports what was handed over
            told = {"fault": "ModuleNotFoundError", "name": error.name}
        except Exception as error:  # each library has its own way of refusing a file
            told = {"fault": type(error).__name__}
        print("\n" + json.dumps(told), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
