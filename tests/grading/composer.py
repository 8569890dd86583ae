"""A bot that composes hand-ins from students' files, and solves nothing.

It calls up to three published callables in a chain, fills configurations in
with the values of ``questions.json``, wraps published apps and models, rounds published weights and
adds operators without effect. It calls ONNX Runtime to measure alone. A seed draws the order in
which it tries.
"""

import ast
import functools
import hashlib
import inspect
import json
import random
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import yaml
from onnx import helper, numpy_helper

import labs
from grading.builder.notebook import build
from grading.builder.sources import sources
from grading.grade.sandbox import Sandbox, SandboxLimits
from labs import assets
from labs.course.assignment import assignment
from labs.course.question import HANDED, SUBJECT, Question, all_questions
from labs.data.dataset import load_split
from labs.data.models import load_model
from labs.optimize.export import export_onnx
from labs.optimize.predict import answers
from tests.grading.recorded import MODEL, written
from tests.tools import labs_in_the_sandbox

LABS = Path(labs.__file__).parent


@dataclass(frozen=True)
class Composition:
    """A file or a cell, and its components."""

    text: str
    parts: str


def search_chains(questions: dict[str, dict], seed: int, wall_s: float) -> dict[str, list[str]]:
    """Return chains of up to three published functions that give the public results, by question.

    Each link is 'module:function'; the first one gets the arguments, in any order. It runs in the
    sandbox, by its source alone.
    """
    import importlib
    import inspect
    import itertools
    import json
    import os
    import pathlib
    import pkgutil
    import random
    import signal
    import time

    import labs
    from labs.course import cases
    from labs.judge.calls import call, decode

    dice = random.Random(seed)

    def late(*_: object) -> None:
        raise TimeoutError

    signal.signal(signal.SIGALRM, late)
    functions = {}
    # All others start processes, look at the machine or draw: what they are called with may end
    # the search.
    rooms = (
        "course",
        "data",
        "deeper",
        "display.format",
        "judge.calls",
        "optimize",
        "records",
        "stats",
    )
    slow = ("torch", "onnxruntime", "openvino", "ray", "altair", "ipywidgets", "tritonclient")
    for module in pkgutil.walk_packages(labs.__path__, "labs.", onerror=lambda _: None):
        spec = module.module_finder.find_spec(module.name)
        text = pathlib.Path(spec.origin).read_text() if spec and spec.origin else ""
        is_slow = any(f"\nimport {name}" in text or f"\nfrom {name}" in text for name in slow)
        if is_slow or not module.name.startswith(tuple(f"labs.{room}" for room in rooms)):
            continue
        try:
            names = vars(importlib.import_module(module.name))
        except BaseException:
            continue
        for name, value in names.items():
            is_own = inspect.isfunction(value) and value.__module__ == module.name
            if is_own and not name.startswith("_"):
                functions[f"{module.name}:{name}"] = value

    def takes(function: object, count: int) -> bool:
        try:
            inspect.signature(function).bind(*range(count))
        except TypeError:
            return False
        return True

    def value_of(function: object, *given: object) -> object:
        signal.setitimer(signal.ITIMER_REAL, 0.5)
        try:
            return function(*given)
        except BaseException:
            return None
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    single = [name for name, function in functions.items() if takes(function, 1)]

    def search(asked: dict, until_s: float) -> list[str]:
        """Return a chain's links and the order of its arguments, behind how many were tried."""
        first = asked["cases"][0]
        arguments = decode(first["args"])
        orders = list(itertools.permutations(range(len(arguments))))[:6]

        def is_right(order: tuple[int, ...], links: tuple[str, ...]) -> bool:
            def chained(*given: object) -> object:
                value = functions[links[0]](*[given[place] for place in order])
                for link in links[1:]:
                    value = functions[link](value)
                return value

            public = asked["cases"]
            signal.setitimer(signal.ITIMER_REAL, 2)
            try:
                outputs = call(chained, [case["args"] for case in public])
                return cases.judge(asked["name"], public, outputs).ok
            except BaseException:
                return False
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)

        begun = []
        for name, function in functions.items():
            if not takes(function, len(arguments)):
                continue
            for order in orders:
                value = value_of(function, *[arguments[place] for place in order])
                if value is not None:
                    begun.append((order, (name,), value))
        longer = list(begun)
        for _ in range(2):
            pairs = [(chain, link) for chain in longer for link in single]
            longer = []
            for (order, links, value), link in dice.sample(pairs, min(len(pairs), 3000)):
                if time.monotonic() > until_s:
                    break
                value = value_of(functions[link], value)
                if value is not None:
                    longer.append((order, (*links, link), value))
            begun += longer
        for order, links, _ in begun:
            if time.monotonic() > until_s:
                break
            if is_right(order, links):
                return [str(len(begun)), *links, *map(str, order)]
        return [str(len(begun))]

    chain_by_id: dict[str, list[str]] = {}
    tried = 0
    each_s = wall_s / len(questions)
    for id, asked in questions.items():
        # In a separate process, so that a function that ends it ends the search of one question
        # only.
        path = pathlib.Path(f"{id}.json")
        pid = os.fork()
        if not pid:
            path.write_text(json.dumps(search(asked, time.monotonic() + each_s)))
            os._exit(0)
        os.waitpid(pid, 0)
        if path.is_file():
            count, *chain = json.loads(path.read_text())
            tried += int(count)
            if chain:
                chain_by_id[id] = chain
    return {"": [str(len(functions)), str(tried)], **chain_by_id}


@functools.cache
def chains(seed: int) -> dict[str, list[str]]:
    """Return what ``search_chains`` finds for all functions; under '' how many there are, and were
    tried."""
    core = {lesson.id for part in assignment().parts for lesson in assignment().lessons(part)}
    questions = {
        id: {"name": asked.name, "cases": list(asked.cases)}
        for id, asked in all_questions().items()
        if asked.kind == "function" and asked.lesson_id in core
    }
    with labs_in_the_sandbox(), Sandbox() as sandbox:
        (sandbox.folder / "questions.json").write_text(json.dumps(questions))
        code = "\n".join(
            [
                inspect.getsource(search_chains),
                "import json, pathlib",
                "asked = json.loads(pathlib.Path('questions.json').read_text())",
                f"found = json.dumps(search_chains(asked, {seed}, 90))",
                "pathlib.Path('found.json').write_text(found)",
            ]
        )
        limits = SandboxLimits(wall_s=400, cpu_s=400, memory_bytes=16 << 30, together_bytes=4 << 30)
        outcome = sandbox.run([sys.executable, "-c", code], limits=limits)
        path = sandbox.folder / "found.json"
        assert path.is_file(), (outcome.returncode, outcome.errors[-2000:])
        return json.loads(path.read_text())


def cell_of(asked: Question, seed: int) -> Composition:
    """Return a cell that calls the chain that was found for a function, or nothing."""
    links = chains(seed).get(asked.id)
    if not links:
        return Composition(f"def {asked.name}(*given): return None", "no chain gives its results")
    order = [int(link) for link in links if link.isdigit()]
    named = [link.partition(":")[::2] for link in links if not link.isdigit()]
    lines = [f"from {module} import {name}" for module, name in named]
    value = ", ".join(f"given[{place}]" for place in order)
    for _, name in named:
        value = f"{name}({value})"
    lines.append(f"def {asked.name}(*given): return {value}")
    return Composition("\n".join(lines), " → ".join(name for _, name in named))


#: Configurations, by question: the file's name.
CONFIGURATIONS = {
    "triton.config": "config.pbtxt",
    "batching.config": "config.pbtxt",
    "ensemble.onnx": "config.pbtxt",
    "ensemble.steps": "config.pbtxt",
    "scale.team": "team.yaml",
    "gpus.stanza": "stanzas.json",
}


def from_rules(asked: Question) -> Composition:
    """Return a question's configuration, filled in with the values that its rules state."""
    values = {field: _stated(value) for field, value, _ in asked.rules}
    if asked.id == "gpus.stanza":
        stanzas = {name: stanza(str(words)) for name, words in values.items()}
        return Composition(json.dumps(stanzas), "the places in its rules")
    if asked.id == "scale.team":
        return Composition(serve_config(), "the placeholders in its rules")
    if asked.id == "ensemble.steps":
        return Composition(ensemble(values["steps"]), "its rules, the names in the given steps")
    return Composition(pbtxt(values), "the tensors and sizes in its rules")


def _stated(value: object) -> object:
    """Return what a rule states: a value, or the number of a bound."""
    if isinstance(value, dict):
        return next(iter(value.values()))
    return value


def stanza(words: str) -> str:
    """Return the stanza of '2 on GPU 0, 2 on GPU 1'."""
    counts, gpus = zip(*re.findall(r"(\d+) on GPU (\d+)", words), strict=True)
    return f"instance_group [ {{ count: {counts[0]} kind: KIND_GPU gpus: [ {', '.join(gpus)} ] }} ]"


def serve_config() -> str:
    """Return a template with each placeholder where the sentences of its rules put it."""
    deployment = {
        "name": "Food",
        "max_queued_requests": "$queued",
        "autoscaling_config": {"min_replicas": "$least", "max_replicas": "$most"},
    }
    application = {
        "name": "$team",
        "route_prefix": "/$team",
        "import_path": "app:build",
        "args": {"model": "$model"},
        "deployments": [deployment],
    }
    return yaml.safe_dump([application]).replace("'", "")


def pbtxt(values: dict) -> str:
    """Return a ``config.pbtxt`` with the tensors, sizes and instances that rules state."""
    lines = [
        f'name: "{values.get("name", "food_classifier")}"',
        f'backend: "{values.get("backend", "python")}"',
        f"max_batch_size: {values.get('max_batch_size', 16)}",
        f"instance_group [ {{ count: {values.get('instances', 1)} kind: KIND_CPU }} ]",
    ]
    for key in ("inputs", "outputs"):
        for line in values.get(key, ()):
            name, kind, dims = line.split(" ", 2)
            lines.append(
                f'{key[:-1]} [ {{ name: "{name}" data_type: {kind} dims: {dims} }} ]',
            )
    if "delay_us" in values:
        lines.append(
            f"dynamic_batching {{ max_queue_delay_microseconds: {values['delay_us']} }}",
        )
    return "\n".join(lines)


#: Inputs and outputs of the ensemble's published steps: names in their code.
_WIRES = {
    "food_preprocess": ("INPUT_IMAGE", ("input",)),
    "food_classifier_onnx": ("input", ("output",)),
    "food_label": ("output", ("FOOD_LABEL", "PROBABILITY")),
}


def ensemble(steps: Sequence[str]) -> str:
    """Return an ensemble of steps, each fed by the step that gives what it takes."""
    lines = [
        'name: "food_ensemble"',
        'platform: "ensemble"',
        "max_batch_size: 16",
        'input [ { name: "INPUT_IMAGE" data_type: TYPE_STRING dims: [ 1 ] } ]',
        'output [ { name: "FOOD_LABEL" data_type: TYPE_STRING dims: [ 1 ] } ]',
        'output [ { name: "PROBABILITY" data_type: TYPE_FP32 dims: [ 1 ] } ]',
        "ensemble_scheduling {",
    ]
    for step in steps:
        takes, gives = _WIRES[step]
        wires = [f'input_map {{ key: "{takes}" value: "{takes}" }}']
        wires += [f'output_map {{ key: "{name}" value: "{name}" }}' for name in gives]
        lines.append(f'step {{ model_name: "{step}" model_version: -1 {" ".join(wires)} }}')
    return "\n".join([*lines, "}"])


def given_text(id: str) -> str:
    """Return the cell in which students write a program, as they get it, without the line that they
    replace."""
    lesson = next(lesson for lesson in sources() if lesson.id == id.partition(".")[0])
    cells = build(lesson).cells
    cell = next(cell for cell in cells if cell.metadata.get("question") == id)
    lines = cell.source.splitlines()[1:]
    return "\n".join(line for line in lines if "NotImplementedError" not in line)


def carried(*names: str) -> str:
    """Return Python that carries the texts of published modules, and makes modules of them."""
    texts = {name: (LABS.parent / f"{name.replace('.', '/')}.py").read_text() for name in names}
    lines = ["import sys, types"]
    for name, text in texts.items():
        package = name.rpartition(".")[0]
        while package:
            lines.append(f"sys.modules.setdefault({package!r}, types.ModuleType({package!r}))")
            lines.append(f"sys.modules[{package!r}].__path__ = []")
            package = package.rpartition(".")[0]
        lines += [
            f"module = sys.modules[{name!r}] = types.ModuleType({name!r})",
            f"exec({text!r}, vars(module))",
        ]
    return "\n".join(lines)


#: Six lines that answer each of several photos by a function for one.
_EACH = """
class Photos(BaseModel):
    images: list[str] = Field(max_length=8)
@app.post("/predict/many")
def predict_many(photos: Photos):
    with place():
        entries = [opened(text) for text in photos.images]
        rows = iter(classify([entry for entry in entries if not isinstance(entry, dict)]))
    for n, entry in enumerate(entries):
        if not isinstance(entry, dict):
            label, probability = next(rows)
            entries[n] = Answer(prediction=label, probability=probability)
    return entries
"""

#: The course's app with that route added, as a review did it.
_WRAPPED = f"""
import sys
import classifier, intake
{{before}}
sys.modules["labs.serve.compared.classifier"] = classifier
sys.modules["labs.data.intake"] = intake
from classifier import classify_with, place, session
from intake import PhotoError, from_base64, open_photo
from pydantic import BaseModel, Field
from labs.serve.app import app, predict
from labs.serve.app import PredictionResponse as Answer
classify = classify_with(lambda inputs: session.run(None, {{{{"input": inputs}}}})[0])
def opened(text):
    try:
        return open_photo(from_base64(text))
    except PhotoError as error:
        return {{{{"error": str(error)}}}}
{_EACH}
"""

#: Modules of the course that stand beside a student's app under other names.
_NAMED = """
sys.modules["labs.serve.compared.classifier"] = classifier
sys.modules["labs.data.intake"] = intake
"""

#: What that app needs of the course.
_OF_THE_APP = (
    "labs.data.labels",
    "labs.data.preprocess",
    "labs.runtimes.loopback",
    "labs.serve.app",
)


def apps() -> Iterator[Composition]:
    """Yield apps around the published one."""
    yield Composition("from labs.serve.app import app", "labs.serve.app")
    stub = given_text("http.app")
    mounted = f"{stub}\nfrom labs.serve.app import predict\napp.post('/predict')(predict)\n"
    each = (
        "class Photos(BaseModel):\n    images: list[str] = Field(max_length=8)\n"
        "@app.post('/predict/many')\ndef predict_many(photos: Photos):\n"
        "    return [predict(Photo(image=text)) for text in photos.images]\n"
    )
    yield Composition(mounted + each, "the given lines, labs.serve.app.predict for each photo")
    yield Composition(_WRAPPED.format(before=""), "twelve lines around labs.serve.app, imported")
    text = _WRAPPED.format(before=f"{_NAMED}{carried(*_OF_THE_APP)}")
    yield Composition(text, "twelve lines around labs.serve.app, its text carried along")
    read = (
        "import sys\nfrom pathlib import Path\n"
        "for folder in map(Path, [*sys.path, *Path(sys.prefix).parents]):\n"
        "    if (folder / 'labs/serve/app.py').is_file():\n"
        "        sys.path.append(str(folder)); sys.modules.pop('labs', None)\n"
        "        finders = [finder for finder in sys.meta_path if '_frozen' in str(finder)]\n"
        "        sys.meta_path[:] = finders\n"
    )
    text = _WRAPPED.format(before=read)
    yield Composition(text, "twelve lines around labs.serve.app, found in the folders above")


_TRITON = """
import numpy as np
import triton_python_backend_utils as pb_utils
from food import NAMES, load, labelled
{before}
class TritonPythonModel:
    def initialize(self, args):
        self.probabilities = load(args)
    def execute(self, requests):
        prepared = first.TritonPythonModel().execute(requests)
        batches = [reply.tensors[0].as_numpy() for reply in prepared if not reply.error]
        rows = iter(self.probabilities(np.concatenate(batches)) if batches else [])
        answers = []
        for reply in prepared:
            if reply.error:
                answers.append(reply)
                continue
            count = len(batches.pop(0))
            outputs = labelled(np.stack([next(rows) for _ in range(count)]))
            tensors = [pb_utils.Tensor(name, values) for name, values in outputs.items()]
            answers.append(pb_utils.InferenceResponse(tensors))
        return answers
"""


def triton_models() -> Iterator[Composition]:
    """Yield models around the ensemble's first step, which decodes and refuses photos."""
    step = "labs.serve.triton.models.preprocess"
    imported = f"import {step} as first"
    yield Composition(_TRITON.format(before=imported), f"a shim around {step}, imported")
    before = f"{carried(step)}\nfirst = sys.modules[{step!r}]"
    yield Composition(_TRITON.format(before=before), f"a shim around {step}, its text carried")
    text = (LABS.parent / f"{step.replace('.', '/')}.py").read_text()
    yield Composition(
        _TRITON.format(before=_as_class(text)), f"a shim around {step}, its text pasted"
    )


def _as_class(text: str) -> str:
    """Return a module's text with its class under another name."""
    renamed = text.replace("TritonPythonModel", "Published")
    return f"{renamed}\nclass first:\n    TritonPythonModel = Published\n"


def scripts() -> Iterator[Composition]:
    """Yield measuring scripts around the course's own loop."""
    stub = given_text("files.script")
    calls = (
        "call = lambda image: session.run(None, {name: image})\n"
        "time_calls(call, image, 20)\n"
        'print(json.dumps({"samples_s": time_calls(call, image, calls)}))\n'
    )
    imported = "from labs.bench.timing import time_calls\n"
    yield Composition(f"{stub}\n{imported}{calls}", "the given lines, labs.bench.timing.time_calls")
    tree = ast.parse((LABS / "bench" / "timing.py").read_text())
    (function,) = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name == "time_calls"
    ]
    pasted = f"from __future__ import annotations\n{stub}\n{ast.unparse(function)}\n{calls}"
    yield Composition(pasted, "the given lines, the text of labs.bench.timing.time_calls")


PROGRAMS: dict[str, Callable[[], Iterator[Composition]]] = {
    "http.app": apps,
    "triton.model": triton_models,
    "files.script": scripts,
}


def exported(architecture: str, folder: Path) -> onnx.ModelProto:
    """Return a published network as it is, exported by the course's own function."""
    weights = assets.model().with_name(f"food11-mini-{architecture}.safetensors")
    path = export_onnx(load_model(architecture, weights), folder / f"{architecture}.onnx")
    return onnx.load(path)


def rounded(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a model with weights as 8-bit integers, one scale a channel, and a quantized value
    that is multiplied by 0: all of its multiplications stay in float32.
    """
    graph = model.graph
    nodes = list(graph.node)
    for tensor in list(graph.initializer):
        values = numpy_helper.to_array(tensor)
        if values.ndim < 2 or values.dtype != np.float32 or values.size < 100:
            continue
        axes = tuple(range(1, values.ndim))
        scale = np.maximum(np.abs(values).max(axis=axes), 1e-12) / 127
        steps = np.rint(values / scale.reshape(-1, *[1] * len(axes))).astype(np.int8)
        name = tensor.name
        graph.initializer.remove(tensor)
        parts = {"steps": steps, "scale": scale.astype(np.float32)}
        parts["zero"] = np.zeros(len(steps), np.int8)
        for part, array in parts.items():
            graph.initializer.append(numpy_helper.from_array(array, f"{name}.{part}"))
        inputs = [f"{name}.{part}" for part in parts]
        nodes.insert(0, helper.make_node("DequantizeLinear", inputs, [name], axis=0))
    constants = {
        "nothing.scale": np.float32(1),
        "nothing.zero": np.uint8(0),
        "nothing.factor": np.float32(0),
    }
    for name, value in constants.items():
        graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
    last = graph.output[0].name
    for node in nodes:
        node.output[:] = ["nothing.before" if name == last else name for name in node.output]
    quantization = ["nothing.scale", "nothing.zero"]
    chain = [
        ("QuantizeLinear", ["nothing.before", *quantization], "nothing.q"),
        ("DequantizeLinear", ["nothing.q", *quantization], "nothing.dq"),
        ("Mul", ["nothing.dq", "nothing.factor"], "nothing.zeroed"),
        ("Add", ["nothing.before", "nothing.zeroed"], last),
    ]
    nodes += [helper.make_node(operator, inputs, [output]) for operator, inputs, output in chain]
    copies = [type(node).FromString(node.SerializeToString()) for node in nodes]
    graph.ClearField("node")
    graph.node.extend(copies)
    return model


#: Ways of making a model, by what they are.
MODELS: dict[str, Callable[[Path], onnx.ModelProto]] = {
    "the published network in float32": lambda folder: exported("mobilenetv2", folder),
    "its weights rounded, one value quantized and multiplied by 0": lambda folder: rounded(
        exported("mobilenetv2", folder)
    ),
    "a smaller published network": lambda folder: exported("mobilenetv2-075", folder),
}


@functools.cache
def composed_model(parts: str) -> tuple[bytes, tuple[int, ...]]:
    """Return a composed file, and the classes that it gives the evaluation photos."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "composed.onnx"
        onnx.save(MODELS[parts](Path(folder)), path)
        images, _ = load_split(assets.dataset(), "evaluation")
        classes = answers(path, images)
        return path.read_bytes(), tuple(map(int, classes))


#: Parts and questions in which a file is recommended.
RECOMMENDING = (1, 2)
_RECOMMENDED = ("defend.choice", "target.choice")


def recommend(folder: Path, entries: list[dict], parts: str) -> list[dict]:
    """Put a composed file in the place of the recommended one: in the folder, and in each record
    with its real answers.
    """
    content, classes = composed_model(parts)
    old = hashlib.sha256(MODEL.read_bytes()).hexdigest()
    new = hashlib.sha256(content).hexdigest()
    (folder / MODEL.name).write_bytes(content)
    right = 0
    for entry in entries:
        if (entry.get("model") or {}).get("sha256") != old:
            continue
        entry["model"]["size_bytes"] = len(content)
        if entry["kind"] == "size":
            entry["samples"] = [float(len(content))]
        if entry["kind"] == "accuracy":
            details = entry["details"]
            details["predicted"] = list(classes)
            pairs = zip(classes, details["labels"], strict=True)
            entry["samples"] = [float(class_ == label) for class_, label in pairs]
            right = round(sum(entry["samples"]))
    for entry in entries:
        if entry.get("question") in _RECOMMENDED:
            entry["value"]["evidence"]["right"] = right
    return json.loads(json.dumps(entries).replace(old, new))


@dataclass
class Composer:
    """Composes a hand-in; ``log`` says of what."""

    seed: int
    #: A key of ``MODELS``.
    model: str
    log: list[str] = field(default_factory=list)

    def __call__(self, folder: Path, part: int) -> None:
        """Put compositions in the place of all that was worked for in a whole hand-in."""
        dice = random.Random(self.seed)
        text = (folder / "ledger.jsonl").read_text(encoding="utf-8")
        entries = [json.loads(line) for line in text.splitlines()]
        for path in folder.glob("*.ipynb"):
            path.unlink()
        for entry in entries:
            value = entry.get("value")
            if isinstance(value, dict) and "source" in value:
                composition = cell_of(all_questions()[entry["question"]], self.seed)
                value["source"] = composition.text
                self.log.append(f"{entry['question']}: {composition.parts}")
            subject = str(entry.get("subject", ""))
            if subject.startswith(SUBJECT):
                asked = all_questions()[subject.removeprefix(SUBJECT)]
                self._hand_over(folder, asked, entry, dice)
        if part in RECOMMENDING:
            entries = recommend(folder, entries, self.model)
            self.log.append(f"recommended: {self.model}")
        (folder / "ledger.jsonl").write_text(written(entries), encoding="utf-8")

    def _hand_over(self, folder: Path, asked: Question, entry: dict, dice: random.Random) -> None:
        if asked.id == "compile.export":
            self._export(folder, entry)
            return
        if asked.id in CONFIGURATIONS:
            name, chosen = CONFIGURATIONS[asked.id], from_rules(asked)
        elif asked.id in PROGRAMS:
            candidates = list(PROGRAMS[asked.id]())
            dice.shuffle(candidates)
            (name,) = entry["seen"][HANDED]
            right = (
                composition for composition in candidates if passes(asked.id, composition.text)
            )
            chosen = next(right, candidates[0])
        else:
            return
        entry["seen"][HANDED] = {name: {"text": chosen.text}}
        self.log.append(f"{asked.id}: {chosen.parts}")

    def _export(self, folder: Path, entry: dict) -> None:
        """Hand over what the course's own function exports."""
        (name,) = entry["seen"][HANDED]
        with tempfile.TemporaryDirectory() as place:
            onnx.save(exported("mobilenetv2", Path(place)), folder / name)
        sha256 = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        entry["seen"][HANDED] = {name: {"sha256": sha256}}
        self.log.append("compile.export: labs.optimize.export.export_onnx")


@functools.cache
def passes(id: str, text: str) -> bool:
    """Return whether the check of a question about a program takes a text, as at home."""
    asked = all_questions()[id]
    try:
        return asked.by_rules(asked.read({"program.py": text})).ok
    except NotImplementedError:
        return False
