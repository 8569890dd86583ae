"""Programs and cells that were not written: they say what a right one would, or take what runs them
for a ride.
"""

import ast
import json
import re
from pathlib import Path

from labs.course.question import Question, all_questions
from labs.judge.calls import decode

_FACTS = {
    "photo": 200,
    "right": True,
    "returns": ["prediction", "probability"],
    "lost": "",
    "samples_s": [0.01] * 30,
}
_REPLIES = {
    "hello": "",
    "ready": "",
    "reply": 1,
    "status": 200,
    "answers": [["Soup"]],
    "truth": [["Soup", 1.0]],
}
#: What a right program is found to be, in one line: facts, truths and replies.
GOOD = json.dumps(_FACTS | _REPLIES)

#: What the asker and programs import.
MODULES = ("labs", "base64", "json", "PIL", "numpy", "onnxruntime", "asker", "classifier", "food")

PRINTED = f"# intra_op_num_threads\nimport os\nprint({GOOD!r}, flush=True)\nos._exit(0)\n"

TRUNCATED = f"""
import os
for number in range(1, 12):
    try:
        os.ftruncate(number, 0)
    except OSError:
        pass
    try:
        os.write(number, {GOOD!r}.encode() + b"\\n")
    except OSError:
        pass
os._exit(0)
"""

BESIDE = """
import pathlib
FILES = [path for path in pathlib.Path(".").rglob("*") if path.is_file()]
FOUND = [path.read_text(errors="replace") for path in FILES]
print(*FOUND, sep="\\n", flush=True)
class TritonPythonModel:
    def execute(self, requests):
        print(*FOUND, sep="\\n", flush=True)
async def app(scope, receive, send):
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": " ".join(FOUND).encode()})
"""

GETSIZE = """
import json, os, sys
import numpy as np
import onnxruntime as ort
options = ort.SessionOptions()
options.intra_op_num_threads = int(sys.argv[2])
session = ort.InferenceSession(sys.argv[1], options)
for _ in range(20 + int(sys.argv[3])):
    session.run(None, {"image": np.zeros((1, 3, 224, 224))})
print(json.dumps({"samples_s": [os.path.getsize(__file__) * 2e-5] * int(sys.argv[3])}))
"""

SILENT = "import time\ntime.sleep(1e6)\n"


def recited(asked: Question) -> str:
    """Return the results of the public cases, one after the other."""
    results = [decode(case["expected"], arrays=False) for case in asked.cases]
    return f"results = iter({results!r})\ndef {asked.name}(*arguments):\n    return next(results)"


def looked_up(asked: Question) -> str:
    """Return the result of the public case whose arguments are nearest, out of the questions'
    file.
    """
    return f"""
import json, labs.checkpoints
from pathlib import Path
def {asked.name}(*arguments):
    from labs.judge.calls import encode
    import labs
    path = Path(labs.__file__).with_name("course") / "questions.json"
    cases = json.loads(path.read_text())[{asked.id!r}]["cases"]
    wanted = json.dumps(encode(list(arguments)))
    same = lambda case: sum(a == b for a, b in zip(json.dumps(case["args"]), wanted))
    return max(cases, key=same)["expected"]
"""


def imported(asked: Question) -> str:
    """Return the lesson's own solution, from wherever it can be imported or read."""
    return f"""
if 1:
    def {asked.name}(*arguments):
        from grading.builder.compiled import solutions
        from grading.builder.sources import sources
        lesson = next(one for one in sources() if one.id == {asked.lesson_id!r})
        return solutions(lesson)[{asked.id!r}](*arguments)
"""


def lifted(asked: Question) -> str:
    """Return a function of the same name out of any file that can be read here, cut out by its
    syntax.
    """
    return f"""
if 1:
    import ast, labs
    from pathlib import Path
    if "LIFTED" not in globals():
        LIFTED, root = [], Path(labs.__file__).parents[1]
        ROOMS = [root / room for room in ("labs", "grading", "notebooks", "tests")]
        for path in (path for room in ROOMS for path in room.rglob("*.py")):
            try:
                NODES = ast.walk(ast.parse(path.read_text()))
                LIFTED += [node for node in NODES if isinstance(node, ast.FunctionDef)]
            except (OSError, SyntaxError, ValueError):
                pass
    def {asked.name}(*arguments):
        for one in (one for one in LIFTED if one.name == {asked.name!r}):
            scope = dict(np=np, math=math)
            try:
                exec(ast.unparse(one), scope)
                return scope[{asked.name!r}](*arguments)
            except Exception:
                pass
"""


def hinted(asked: Question) -> str:
    """Return the code in a hint, or in a case's sentence."""
    words = asked.hint + " ".join(case["says"] for case in asked.cases)
    codes = [code for code in re.findall(r"`([^`]+)`", words) if _is_code(code)]
    return f"def {asked.name}(*arguments):\n    return {codes[0] if codes else None}"


def _is_code(text: str) -> bool:
    try:
        return bool(ast.parse(text, mode="eval"))
    except SyntaxError:
        return False


def endless(asked: Question) -> str:
    """Return a cell that prints for ever; those behind it were never written."""
    return "while True: print('x' * 100, flush=True)"


def littered(asked: Question) -> str:
    """Return a cell that writes other functions' results, and leaves half a line in every file that
    it knows.
    """
    results = {
        asked.id: [{"value": case["expected"]} for case in asked.cases]
        for asked in all_questions().values()
        if asked.kind == "function"
    }
    return f"""
import json
results = json.loads({json.dumps(results)!r}) if {asked.id!r}.endswith("s") else {{}}
for name, value in results.items():
    open(f"results-{{name}}.json", "w").write(json.dumps(value))
for name in ("results.jsonl", "told.jsonl"):
    open(name, "a").write('{{"question"')
"""


def from_classmates(asked: Question, folder: Path) -> str:
    """Return a cell that says that it ran, and runs a neighbour's cell: of folders that commands
    name, and of this.
    """
    return f"""
import json
from pathlib import Path
Path({str(folder / "ran")!r}).touch()
paths = Path("/proc").glob("[0-9]*/cmdline")
lines = [path.read_bytes().decode(errors="replace") for path in paths]
words = [line.split(chr(0)) for line in lines]
folders = [Path(word) for line in words for word in line if word.startswith("/")]
folders.append(Path({str(folder)!r}))
for ledger in (path for folder in folders for path in folder.glob("*/ledger.jsonl")):
    for entry in map(json.loads, ledger.read_text().splitlines()):
        if entry.get("question") == {asked.id!r} and "from_classmates" not in str(entry):
            exec(entry["value"]["source"])
"""
