"""Programs, judged from outside the sandbox that they run in: truth and model stay with the grader
(``labs.judge``).
"""

import contextlib
import importlib
import subprocess
from collections.abc import Iterator, Mapping

from grading.grade.artefacts.measured import MEMORY_BYTES
from grading.grade.sandbox import Sandbox, SandboxLimits
from labs.course.question import Question
from labs.judge.program import command

#: Beyond what a judge waits for, of which each wait has its own limit.
_LIMITS = SandboxLimits(wall_s=300, cpu_s=60, memory_bytes=MEMORY_BYTES)


def asked(question: Question, texts: Mapping[str, str]) -> dict:
    """Return the facts about a program: of several texts by name, the one by the name that the
    question gives it.

    Raises:
        NotReadyError: This machine cannot ask it, before any line of it has run.
    """
    module, _, function = question.reads.partition(":")
    try:
        return getattr(importlib.import_module(module), function)(texts, in_sandbox)
    except NotImplementedError:
        return {"lost": "The line that is to be replaced is still in it."}


@contextlib.contextmanager
def in_sandbox(kind: str, content: bytes) -> Iterator[subprocess.Popen[bytes]]:
    """Start an asker on a stranger's program."""
    with Sandbox() as sandbox:
        path = sandbox.folder / "program.py"
        path.write_bytes(content)
        with sandbox.conversation(command(kind, path), limits=_LIMITS) as process:
            yield process
