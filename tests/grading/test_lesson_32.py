"""Lesson 32's questions beyond the contract test: files that are really started, read and run."""

from __future__ import annotations

from pathlib import Path

import pytest

from grading.builder.solve import AnswerKey
from grading.checkpoints import all_checkpoints
from grading.checkpoints.artefacts import SUBJECT
from tests.grading.entries import Entries

ANSWERS = AnswerKey.read().answers
SOURCE = Path(__file__).parents[2] / "notebooks" / "source" / "3_system" / "32_serve_over_http.py"


def text_of(question: str) -> str:
    """Return the text that the answer to a question holds."""
    found: dict[str, str] = {}
    exec(ANSWERS[question], found)
    return next(value for name, value in found.items() if name != "__builtins__")


def verdict_on(question: str, path: Path):
    """Return the verdict on a file, looked into as the lesson does."""
    one = all_checkpoints()[question]
    return one.verdict(Entries().observed(SUBJECT + question, one.asks.inspect(path)))


@pytest.fixture(scope="module")
def app(tmp_path_factory) -> Path:
    """Return the answer key's app.py: the lesson's half, and the answer's."""
    given: dict[str, str] = {}
    source = SOURCE.read_text(encoding="utf-8")
    begin = source.index("model_part = '''")
    exec(source[begin : source.index("'''\n", begin + 16) + 4], given)
    path = tmp_path_factory.mktemp("serving") / "app.py"
    path.write_text(given["model_part"] + text_of("s.http.app"), encoding="utf-8")
    return path


def test_the_app_is_started_and_asked(app: Path):
    """The answer's app earns its points; one that answers errors with 200, and one that cannot start, are named."""
    assert verdict_on("s.http.app", app).ok
    for name, old, new in (
        ("success", 'raise HTTPException(422, "these bytes are not an image") from error', "return {}"),
        ("does not start", "app = FastAPI(", "app = FastAPY("),
    ):
        broken = app.with_name(f"broken_{name.replace(' ', '_')}.py")
        broken.write_text(app.read_text().replace(old, new).replace(", response_model=PredictReply", ""))
        assert verdict_on("s.http.app", broken).mistake == name


def test_a_text_beyond_ascii_is_the_clients_fault(app: Path):
    """`b64decode` raises no `binascii.Error` for it; records from before it was asked are judged without it."""
    narrow = app.with_name("narrow.py")
    narrow.write_text(app.read_text().replace("except ValueError", "except binascii.Error"))
    one = all_checkpoints()["s.http.app"]
    facts = one.asks.inspect(narrow)
    assert facts["status"].pop("not ascii") == 500
    assert verdict_on("s.http.app", narrow).mistake == "server's fault"
    assert one.verdict(Entries().observed(SUBJECT + "s.http.app", facts)).ok


@pytest.mark.parametrize(
    ("question", "name", "old", "new", "mistake"),
    [
        ("s.http.dockerfile", "Dockerfile", "USER 1000\n", "", "root"),
        ("s.http.dockerfile", "Dockerfile", "COPY requirements.txt .", "COPY . .", "order"),
        ("s.http.dockerfile", "Dockerfile", ":3.11-slim", "", "no tag"),
        ("s.http.compose", "compose.yaml", "127.0.0.1:8000:8000", "8000:8000", "open port"),
        ("s.http.compose", "compose.yaml", ":ro", "", "writable"),
        ("s.http.client", "client.py", "    reply.raise_for_status()\n", "", "silent"),
        ("s.http.client", "client.py", 'float(reply.headers.get("Retry-After", 1))', "0", "at once"),
    ],
)
def test_a_file_is_read_or_run(tmp_path: Path, question: str, name: str, old: str, new: str, mistake: str):
    """The answer's file earns its points, and with one change its mistake is named."""
    right, wrong = tmp_path / "right" / name, tmp_path / "wrong" / name
    text = text_of(question)
    for path, content in ((right, text), (wrong, text.replace(old, new))):
        path.parent.mkdir()
        path.write_text(content.strip() + "\n", encoding="utf-8")
    assert verdict_on(question, right).ok
    assert verdict_on(question, wrong).mistake == mistake
