"""Run answer cells and call their functions: the program inside the sandbox, in one process and in the cells' order.

It reads ``cells.json`` in its folder and writes a line of ``results.jsonl`` after each cell; a cell without a line
ended the run. IPython runs the cells, so what works in a notebook works here. What they print and display goes nowhere,
and there is no question and no answer to read. ``grading.checkpoints`` is a stand-in whose verbs do nothing.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
from pathlib import Path
from types import ModuleType

#: What is to be run: each lesson's cells, the cases of each question, the functions' names and seconds for one cell.
CELLS = "cells.json"

#: What the functions did, a line a cell, behind a first line without a question: from there on, cells can run.
RESULTS = "results.jsonl"

_VERBS = ("answer", "check", "guesses", "predict", "predicted", "reconcile", "scoreboard")


def main(folder: Path) -> None:
    """Run the cells that lie ready in a folder."""
    given = json.loads((folder / CELLS).read_text(encoding="utf-8"))
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    from IPython.core.interactiveshell import InteractiveShell

    from grading.calls import call, names

    shell = InteractiveShell.instance()
    verbs = ModuleType("grading.checkpoints")
    vars(verbs).update(dict.fromkeys(_VERBS, _do_nothing))
    sys.modules["grading.checkpoints"] = verbs
    this, out = os.getpid(), folder / RESULTS

    def write(**line: object) -> None:
        if os.getpid() != this:  # a cell forked, and its child came here
            os._exit(0)
        with out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    write(question="")
    for part in given["parts"]:
        # What any lesson has imported, and no function of another lesson.
        for name in given["functions"].values():
            shell.user_ns.pop(name, None)
        shell.user_ns.update(names(), **dict.fromkeys(_VERBS, _do_nothing))
        for question, source in part.items():
            # A thread of C's ends the process: a cell that swallows interrupts would go on for ever.
            faulthandler.dump_traceback_later(given["cell_s"], exit=True)
            ran = shell.run_cell(source, silent=True)
            error, outputs = ran.error_before_exec or ran.error_in_exec, None
            function = shell.user_ns.get(given["functions"].get(question))
            # A line below the function that needs what only the lesson has may raise: the function is there.
            if callable(function):
                try:
                    done = call(function, given["cases"][question])
                    outputs = [{name: value for name, value in one.items() if name != "said"} for one in done]
                except BaseException as ended:  # an exit is a function's result too
                    error = ended
            write(question=question, outputs=outputs, raised=type(error).__name__ if error else "")
    os._exit(0)  # whatever threads a cell began


def _do_nothing(*_: object, **__: object) -> None:
    """Do nothing: what a student says is judged where it was said."""


if __name__ == "__main__":
    main(Path.cwd())
