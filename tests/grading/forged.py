"""Programs that were not written: they say what a right one would be found to be, or take what runs them for a ride."""

import json

#: What a right program is found to be, in one line: facts, truths and replies.
GOOD = json.dumps(
    {"photo": 200, "right": True, "returns": ["prediction", "probability"], "lost": "", "samples_s": [0.01] * 30}
    | {"hello": "", "ready": "", "reply": 1, "status": 200, "answers": [["Soup"]], "truth": [["Soup", 1.0]]}
)

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
FOUND = [path.read_text(errors="replace") for path in pathlib.Path(".").rglob("*") if path.is_file()]
print(*FOUND, sep="\\n", flush=True)
class TritonPythonModel:
    def execute(self, requests):
        print(*FOUND, sep="\\n", flush=True)
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
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
