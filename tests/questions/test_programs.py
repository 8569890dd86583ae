"""Programs as their lessons' checks judge them: whatever does the same in other words is right, and slips are named."""

import re

import pytest

from grading.builder.questions import written
from grading.builder.sources import sources
from labs.course.question import Question
from labs.course.rules import fault
from labs.workspace import STUB
from tests.honest import handed

LESSONS = {lesson.id: lesson for lesson in sources()}
PROGRAMS = {
    id: Question(id, **asked.values)
    for lesson in LESSONS.values()
    for id, asked in written(lesson).items()
    if asked.values["kind"] == "file" and asked.values["reads"].startswith("labs.judge.")
}

#: Edits of a solution: old and new, in turns. An empty old one puts the new before everything.
Edits = tuple[str, ...]


def text_of(id: str, *edits: str) -> str:
    """Return a lesson's own program, changed."""
    texts = handed(LESSONS[id.partition(".")[0]], id)
    text = (texts.get("1/model.py") or next(iter(texts.values())))["text"]
    for old, new in zip(edits[::2], edits[1::2], strict=True):
        assert old in text, old
        text = text.replace(old, new) if old else new + text
    return text


def said(id: str, text: str) -> str:
    """Return what the lesson's check says of a program; an empty text if it is right."""
    asked = PROGRAMS[id]
    facts = asked.read({"program.py": text})
    print(id, facts)
    return fault(asked.rules, facts)


PRINTS = "import sys\nprint('[' * 9)\nsys.stdout.write('{\"reply\": 1}')\nprint('to the log', file=sys.stderr)\n"

HONEST: dict[str, dict[str, Edits]] = {
    "http.app": {
        "as it is": (),
        "CRLF": ("\n", "\r\n"),
        "BOM": ("", "\ufeff"),
        "prints": ("", PRINTS),
        "a thread pool": (
            "def predict(photo: Photo):",
            "async def predict(photo: Photo):\n    return await run_in_threadpool(answer, photo)\n\n\n"
            "def answer(photo: Photo):",
            "from pydantic",
            "from fastapi.concurrency import run_in_threadpool\nfrom pydantic",
        ),
        "middleware": (
            "@app.get(",
            "@app.middleware('http')\nasync def count(request, call_next):\n    reply = await call_next(request)\n"
            "    reply.headers['x-seen'] = 'yes'\n    return reply\n\n\n@app.get(",
        ),
        "lifespan": (
            'app = FastAPI(title="GourmetGram\'s classifier")',
            "import contextlib\n@contextlib.asynccontextmanager\nasync def lifespan(app):\n"
            "    yield {'ready': True}\n\n\n"
            "app = FastAPI(lifespan=lifespan)",
        ),
        "a router of its own": (
            '@app.post("/predict", response_model=Answer)',
            "from fastapi import APIRouter\nroutes = APIRouter()\n\n\n@routes.post('/predict', response_model=Answer)",
            "    return Answer(prediction=prediction, probability=probability)\n",
            "    return {'prediction': prediction, 'probability': probability}\n\n\napp.include_router(routes)\n",
        ),
        "a health check on a thread": ("async def healthz", "def healthz"),
        "more fields": ("    probability: float\n", "    probability: float\n    model_config = {'frozen': True}\n"),
        "many by gathering": (
            "answers, images = [], []",
            "answers, images = [], []\n    print(len(photos.images))",
            "[answer or",
            "[{**answer} if answer else",
        ),
    },
    "triton.model": {
        "as it is": (),
        "prints": ("", PRINTS),
        "warms up": ("load(args)\n", "load(args)\n        self.probabilities([np.zeros((3, 224, 224), np.float32)])\n"),
        "without initialize": (
            "    def initialize(self, args):\n        self.probabilities = load(args)\n",
            "    def __init__(self):\n        self.probabilities = load({})\n",
        ),
    },
    "files.script": {
        "as it is": (),
        "time.monotonic": ("time.perf_counter", "time.monotonic"),
        "nanoseconds": (
            "begin = time.perf_counter()",
            "begin = time.perf_counter_ns()",
            "time.perf_counter() - begin",
            "(time.perf_counter_ns() - begin) / 1e9",
        ),
        "from time import": ("import time\n", "from time import perf_counter\n", "time.perf_counter", "perf_counter"),
        "prints between": ("for _ in range(20):\n", "for _ in range(20):\n    print('warming up')\n"),
        "exits": (
            "",
            "import atexit\n",
            'print(json.dumps({"samples_s": samples_s}))',
            'print(json.dumps({"samples_s": samples_s}))\nsys.exit(0)',
        ),
        "more warm-ups": ("range(20)", "range(30)"),
        "CRLF": ("\n", "\r\n"),
        "a main function": (
            'print(json.dumps({"samples_s": samples_s}))',
            'if __name__ == "__main__":\n    print(json.dumps({"samples_s": samples_s}))',
        ),
    },
    "tokens.app": {
        "as it is": (),
        "prints": ("", PRINTS),
        "bytes": ('\\n\\n"\n        yield', '\\n\\n".encode()\n        yield'),
        "through a queue": (
            "        async for token in engine.stream(ask.prompt, ask.max_tokens):\n            yield",
            "        import asyncio\n        tokens = asyncio.Queue()\n\n        async def fill():\n"
            "            async for token in engine.stream(ask.prompt, ask.max_tokens):\n"
            "                await tokens.put(token)\n            await tokens.put(None)\n\n"
            "        filling = asyncio.create_task(fill())\n"
            "        while (token := await tokens.get()) is not None:\n            yield",
        ),
    },
    "platform.router": {
        "as it is": (),
        "random.choices": (
            'version = "canary" if random.random() < self.share else "stable"',
            'version = random.choices(["canary", "stable"], [self.share, 1 - self.share])[0]',
        ),
        "a reply in JSON": (
            'return {"class"',
            "from types import SimpleNamespace\n        import json\n"
            '        return SimpleNamespace(body=json.dumps({"class"',
            '"version": version}',
            '"version": version}).encode())',
        ),
    },
    "kernels.shared": {
        "as it is": (),
        "CRLF": ("\n", "\r\n"),
        "rows first": ("cuda.threadIdx.x, cuda.threadIdx.y", "cuda.threadIdx.x + 0, cuda.threadIdx.y + 0"),
    },
}

SLIPS: dict[str, dict[str, tuple[str, *tuple[str, ...]]]] = {
    "http.app": {
        "blocks the loop": ("event loop waits", "def predict(", "async def predict("),
        "outside a place": ("inside `with place", "with place():", "if True:"),
        "counts outside its place": (
            "some pass those that wait",
            "        results = iter(classify(images))\n    return",
            "    results = iter(classify(images))\n    return",
        ),
        "errors as success": ("200 would look like", "HTTPException(error.status", "HTTPException(200"),
        "a library that is not there": ("ionosphere", "from pydantic", "import ionosphere\nfrom pydantic"),
        "decodes first": (
            "30 million pixels",
            "open_photo(content)",
            "Image.open(io.BytesIO(content)).convert('RGB')",
            "except PhotoError as error:\n        raise",
            "except (PhotoError, OSError) as error:\n        error.status = getattr(error, 'status', 422)\n"
            "        raise",
            "from pydantic",
            "import io\nfrom PIL import Image\nfrom pydantic",
        ),
        "takes everything in": ("piece by piece", "guard(app)\n", ""),
        "a call per photo": (
            "6 times",
            "classify(images))",
            "[classify([one])[0] for one in images])",
        ),
        "one bad photo for all": (
            "half a photo",
            "            except PhotoError as error:\n                answers",
            "            except KeyError as error:\n                answers",
        ),
        "without a most": ("max_length", "Field(max_length=8)", "Field()"),
        "no response model": ("response_model", ", response_model=Answer", ""),
    },
    "triton.model": {
        "a call per request": (
            "6 times|8 times",
            "        rows = self.probabilities(inputs) if inputs else []\n",
            "",
            "answer(rows[place])",
            "answer(self.probabilities(inputs[place]))",
        ),
        "one error for all": ("half a photo", "except PhotoError", "except KeyError"),
        "the server's fault": ("INVALID_ARG", ", pb_utils.TritonError.INVALID_ARG", ""),
        "the other order": ("right rows|own class", "return responses", "return responses[::-1]"),
    },
    "files.script": {
        "no warm-up": ("0 times before it began", "range(20)", "range(0)"),
        "moments": ("moments", "time.perf_counter() - begin", "time.perf_counter()"),
        "milliseconds": ("in seconds", "time.perf_counter() - begin", "1e3 * (time.perf_counter() - begin)"),
        "all cores": ("intra_op_num_threads", "options.intra_op_num_threads = threads", ""),
        "beside the call": (
            "stands between",
            "    session.run(None, {name: image})\n    samples_s.append(time.perf_counter() - begin)",
            "    samples_s.append(time.perf_counter() - begin)\n    session.run(None, {name: image})",
        ),
        "warm-ups counted": ("samples: one for each call", "range(calls)", "range(calls + 20)"),
    },
    "tokens.app": {
        "collected": (
            "Tokens are collected",
            "        async for token in engine.stream(ask.prompt, ask.max_tokens):\n",
            "        for token in [token async for token in engine.stream(ask.prompt, ask.max_tokens)]:\n",
        ),
        "no bound": ("100,000 tokens", ", le=256", ""),
        "no end": ("data: \\[DONE\\]", '        yield "data: [DONE]\\n\\n"\n', ""),
    },
    "platform.router": {
        "names another": (
            "one that was asked",
            '"version": version}',
            '"version": ["stable", "canary"][version == "stable"]}',
        ),
        "turned around": ("turned around", "< self.share", "> self.share"),
        "never waits": ("answered. TypeError|were answered", "await self.versions", "self.versions"),
    },
    "kernels.shared": {
        "no tiles": (
            "as often as tiles",
            "tile_a[y, k] * tile_b[k, x]",
            "(a[row, k0 + k] if row < a.shape[0] and k0 + k < a.shape[1] else 0) * tile_b[k, x]",
        ),
        "beyond the edge": ("beyond the edge", "if row < a.shape[0] and k0 + x < a.shape[1] else float32(0)", ""),
        "no barriers": ("syncthreads", "cuda.syncthreads()", "pass"),
    },
}


def rows(table: dict[str, dict[str, tuple]]) -> list[tuple]:
    """Return a table's rows for pytest."""
    return [
        pytest.param(id, *row[1:], id=f"{id} {row[0]}")
        for id, of in table.items()
        for row in ((n, e) for n, e in of.items())
    ]


def test_each_program_has_its_honest_forms_and_its_slips():
    """And what keeps it from being asked speaks first."""
    assert set(HONEST) == set(SLIPS) == set(PROGRAMS)
    assert {asked.rules[0][0] for asked in PROGRAMS.values()} == {"lost"}


@pytest.mark.parametrize(("id", "edits"), rows(HONEST))
def test_honest_forms_of_a_program_earn_all(id: str, edits: Edits):
    """Whatever else it does, in whatever words."""
    assert said(id, text_of(id, *edits)) == ""


@pytest.mark.parametrize(("id", "slip"), rows(SLIPS))
def test_a_slip_is_told_by_the_property_that_it_lacks(id: str, slip: Edits):
    """Not by the words of the program."""
    says, *edits = slip
    assert re.search(says, said(id, text_of(id, *edits)))


@pytest.mark.parametrize("id", PROGRAMS)
def test_what_still_holds_the_stub_is_not_judged(id: str):
    """It is open, and not wrong."""
    with pytest.raises(NotImplementedError):
        PROGRAMS[id].read({"program.py": f"raise NotImplementedError({STUB!r})"})
