"""A function from its own cell, as the grader has it: the student's check refuses a cell that the
grader could not run.
"""

import sys
from types import ModuleType

import pytest
from IPython.core.interactiveshell import InteractiveShell

from labs.checkpoints import check
from labs.course.cells import MOST_CHARACTERS, alone
from labs.course.question import question
from labs.judge.calls import call
from labs.records.ledger import ledger

MIDDLE = "def middle(low, high):\n    return (low + high) / 2"


def function_of(*cells: str, name: str = "middle"):
    """Return the function that a notebook's cells define."""
    shell = InteractiveShell()
    for cell in cells:
        shell.run_cell(cell).raise_error()
    return shell.user_ns[name]


@pytest.mark.parametrize(
    "cells",
    [
        (MIDDLE,),
        (
            "import numpy\nfrom statistics import "
            f"mean\n{MIDDLE.replace('(low + high) / 2', 'mean([low, high])')}",
        ),
        (
            "def middle(low, high):\n    return half(low + high)\nhalf = lambda x: "
            "np.float64(x) / math.sqrt(4)",
        ),
        (f"%time pass\n{MIDDLE}",),
        ("shown = 3", f"{MIDDLE}\nprint(shown)\nlater = shown + 1"),
        (f"from functools import lru_cache\n@lru_cache\n{MIDDLE}",),
        ("from scipy.stats import tmean\nmiddle = lambda low, high: tmean([low, high])",),
        (f"from labs import stats\n{MIDDLE}",),
        ("from labs import bench", f"{MIDDLE}\nbench.accuracy"),
        ("from labs import bench", f"bench = 2\n{MIDDLE.replace('/ 2', '/ bench')}"),
    ],
)
def test_what_the_check_keeps_is_what_the_grader_can_call(toys, cells: tuple[str, ...]):
    """Helpers and imports come with it, beside any other code in the cell."""
    assert ": right" in repr(check("toy.middle", function_of(*cells)))
    answer = ledger().answer("toy.middle")
    assert call(alone(answer["source"], "middle"), [[0, 4]]) == [{"value": 2.0}]


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        (
            (
                "def half(x):\n    return x / 2",
                "def middle(low, high):\n    return half(low + high)",
            ),
            "name 'half' is not",
        ),
        (
            ("scale = 2", f"by = 1 / scale\n{MIDDLE}"),
            "By itself, its cell stops with NameError: name 'scale' is not",
        ),
        (
            (
                "from statistics import mean",
                MIDDLE.replace("(low + high) / 2", "mean([low, high])"),
            ),
            "'mean' is not",
        ),
        (
            ("import torch", MIDDLE.replace("(low +", "torch.add(low +")),
            "uses `torch` of another cell",
        ),
        (
            ("import torch.nn as nn", MIDDLE.replace("(low +", "nn.Identity()(low +")),
            "uses `nn` of another cell",
        ),
        (("from labs.bench import latency", f"by = latency\n{MIDDLE}"), "uses `latency`"),
        (
            ("import torch", MIDDLE.replace("low, high", "low: torch, high", 1)),
            "uses `torch` of another cell",
        ),
        (
            (f"import torch.nn as nn\n{MIDDLE}",),
            "imports `torch.nn`, which the grader's machine does not have",
        ),
        ((MIDDLE.replace("\n", "\n    from onnx import load\n"),), "imports `onnx`"),
        ((f"from labs import bench\n{MIDDLE}",), "imports `labs.bench`"),
        ((f"%%time\n{MIDDLE}",), "begins with no `%%` line"),
        ((f"{MIDDLE}\ntext = '{'x' * MOST_CHARACTERS}'",), "20,000 are the most"),
        (
            (MIDDLE.replace("middle", "mine"), "middle = mine"),
            "there is no function `middle` in it",
        ),
        (("import builtins\nmiddle = builtins.max",), "cannot be read, and the grader needs it"),
    ],
)
def test_what_the_grader_would_miss_is_said_at_once(
    toys, monkeypatch, cells: tuple[str, ...], says: str
):
    """Otherwise, students would learn only from a grade that their function does not run in the
    grader. The grader gets no function that it could not call.
    """
    for name in ("torch", "torch.nn"):  # at home there is a torch; importing it takes seconds
        monkeypatch.setitem(sys.modules, name, sys.modules.get(name) or ModuleType(name))
    card = repr(check("toy.middle", function_of(*cells)))
    assert says in card
    # The message does not advise an import that the grader lacks, because a second message would
    # revoke it.
    assert not ("import or define" in card and "the grader's machine does not have" in card)
    assert not question("toy.middle").verdict(ledger().read()).ok
