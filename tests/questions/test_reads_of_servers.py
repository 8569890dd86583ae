"""What is read of Dockerfiles and configurations: other words for the same count as well, and faults are named."""

import re
from pathlib import Path

import pytest

from grading.builder.notebook import build
from grading.builder.sources import sources
from labs.checkpoints.reads.http import dockerfile
from labs.checkpoints.reads.triton_configs import config
from labs.course.question import all_questions
from labs.course.rules import fault
from labs.workspace import STUB

#: Lines of a Dockerfile, parted by `|`.
BASE, PIP = "FROM python:3.12-slim|WORKDIR /srv|COPY requirements.txt .|", "RUN pip install -r requirements.txt|"
APP = "COPY *.py ./|"
CMD = 'CMD ["uvicorn", "app:app", "--host", "0.0.0.0"]'
END = f"USER food|{CMD}"
EACH = "fastapi-offline onnxruntime pillow uvicorn"

#: By what is told; without a sentence, it is right.
DOCKERFILES = {
    "": [
        BASE + PIP + APP + 'USER food|ENTRYPOINT ["uvicorn", "app:app"]|CMD ["--host", "0.0.0.0"]',
        BASE
        + f'RUN pip install {EACH} "fastapi[standard]>=0.1"|COPY . .|USER 1000:1000|CMD ["fastapi", "run", "app.py"]',
        "ARG V=3.12|FROM --platform=$BUILDPLATFORM python:${V}-slim AS final|COPY requirements.txt /|"
        + PIP
        + APP
        + END,
        "ARG V|FROM python:${V:-3.12}|ADD requirements.txt /tmp/|RUN pip install -r /tmp/requirements.txt|" + APP + END,
        f"# syntax=docker/dockerfile:1||{BASE}RUN <<EOF|pip install {EACH}|FROM nowhere|EOF|{APP}{END}",
        BASE + "RUN apt-get update \\|  # why||  && pip3 install -r requirements.txt|" + APP + END,
        f"# escape=`|{BASE}RUN pip install `|  {EACH}|{APP}{END}",
        BASE + f"RUN {['python', '-m', 'pip', 'install', *EACH.split()]}|".replace("'", '"') + APP + END,
        BASE + 'RUN ["sh", "-c", "X=1 uv pip install -r requirements.txt"]|' + APP + END,
        "FROM python:3.12|RUN --mount=type=bind,source=requirements.txt,target=/r pip install -r requirements.txt|"
        "WORKDIR /srv|COPY --chown=food app.py classifier.py ./intake.py /srv/|" + END,
        "FROM python:3.12 AS one|COPY requirements.txt .|" + PIP + "FROM one|" + APP + "ENV WHO=food|USER $WHO|" + CMD,
        f"FROM python:3.12 AS one|COPY requirements.txt .|{PIP}FROM python:3.12|COPY --from=one /venv /venv|{APP}{END}",
        BASE + PIP + APP + "USER food|ENV UVICORN_HOST=0.0.0.0|CMD exec uvicorn app:app",
        BASE + PIP + APP + 'USER food|CMD ["sh", "-c", "exec uvicorn app:app --host ::"]|HEALTHCHECK CMD x',
        BASE + PIP + 'COPY ["app.py", "classifier.py", "intake.py", "./"]|USER 7|CMD ["tini", "--", "python", "-m", '
        '"uvicorn", "app:app", "--host=0.0.0.0"]',
    ],
    "unknown instruction: INSTALL": [BASE + "INSTALL fastapi|" + APP + END],
    "no line `FROM`": ["", "# an image"],
    "names no version": [f"FROM registry.example:5000/python|{APP}{END}", "FROM python:latest", "FROM python:$NONE"],
    "`src main.py` cannot be copied": [BASE + PIP + "COPY src main.py app.py ./|" + END],
    f"no `RUN` installs: {EACH}. Copy": [
        BASE + APP + END,
        BASE + "RUN echo pip install -r requirements.txt|" + APP + END,
        BASE + 'RUN echo "&& pip install -r requirements.txt" # ; pip install x|' + APP + END,
        BASE + "RUN true OR pip install -r requirements.txt|" + APP + END,
        BASE + "RUN cat <<EOF|pip install -r requirements.txt|EOF|" + APP + END,
        BASE + 'RUN ["pip install -r requirements.txt"]|' + APP + END,
        "FROM python:3.12|" + PIP + APP + END,
        f"FROM python:3.12 AS one|COPY requirements.txt .|{PIP}FROM python:3.12|{APP}{END}",
    ],
    "installs: fastapi-offline pillow. Copy": [BASE + "RUN pip install uvicorn onnxruntime-gpu|" + APP + END],
    r"installs: fastapi\[standard\]. Copy": [BASE + PIP + APP + 'USER food|CMD ["fastapi", "run", "app.py"]'],
    "find these files there: intake.py": [BASE + PIP + "COPY /app.py classifier.py ./|" + END],
    "find these files there: app.py classifier.py intake.py": [
        BASE + PIP + "COPY *.py /elsewhere/|" + END,
        BASE + PIP + APP + "WORKDIR /elsewhere|" + END,
        BASE + PIP + "COPY --from=nginx:1 /app.py /srv/app.py|" + END,
    ],
    "copied before the packages": [
        BASE + APP + PIP + END,
        BASE + f"COPY intake.py .|RUN pip install {EACH}|" + APP + END,
    ],
    "runs as root": [BASE + PIP + APP + user + CMD for user in ("", "USER root:root|", "USER 0|", "USER x|USER root|")],
    "begins with uvicorn": [
        BASE + PIP + APP + "USER food|" + command
        for command in ("CMD uvicorn app:app", 'CMD ["python", "app.py"]', 'CMD ["echo", "uvicorn", "app:app"]', "")
    ],
    "something else than `app`": [
        BASE + PIP + APP + f"USER food|CMD [{command}]" for command in ('"uvicorn", "main:app"', '"uvicorn"')
    ]
    + [BASE + PIP + "RUN pip install fastapi[standard]|" + APP + 'USER food|CMD ["fastapi", "run", "main.py"]'],
    "nothing outside reaches it": [BASE + PIP + APP + 'USER food|CMD ["uvicorn", "app:app"]'],
}


@pytest.mark.parametrize(("says", "lines"), [(says, lines) for says, some in DOCKERFILES.items() for lines in some])
def test_a_dockerfile_is_read_by_its_commands(says: str, lines: str, tmp_path: Path) -> None:
    """Stages, arguments, here-documents, list forms, shells that give way; nonsense in any line is told."""
    path = tmp_path / "Dockerfile"
    path.write_text(lines.replace("|", "\n").replace(" OR ", " || "))
    told = fault(all_questions()["http.dockerfile"].rules, dockerfile(path))
    assert re.search(says, told) if says else not told, told


def test_the_dockerfile_that_is_handed_out_has_three_faults_and_each_is_named(tmp_path: Path) -> None:
    """Mended one after the other in the order in which they are told, and then it is the solution."""
    (http,) = (lesson for lesson in sources() if lesson.id == "http")
    cells = [cell for solved in (False, True) for cell in build(http, solved=solved).cells]
    text, right = (one.source.split('"""')[1] for one in cells if one.metadata.get("question") == "http.dockerfile")
    path, copies, installs = tmp_path / "Dockerfile", *text.splitlines()[4:6]
    for says, old, new in [
        ("copied before", f"{copies}\n{installs}", f"{installs}\n{copies}"),
        ("runs as root", "CMD", "USER 1000\nCMD"),
        ("nothing outside", "127.0.0.1", "0.0.0.0"),
    ]:
        path.write_text(text)
        assert says in fault(all_questions()["http.dockerfile"].rules, dockerfile(path))
        text = text.replace(old, new)
    assert text == right


def test_a_configuration_is_read_by_tritons_own_grammar(tmp_path: Path) -> None:
    """A platform is a backend by its older name, messages may be written in two ways, and a typing error is told."""
    path = tmp_path / "config.pbtxt"
    path.write_text(
        'platform: "onnxruntime_onnx" input { name: "input" data_type: TYPE_FP32 dims: [ 3, 224 ] }\n'
        "dynamic_batching: { preferred_batch_size: 8 preferred_batch_size: 4 } instance_group { count: 2 }"
    )
    facts = config(path)
    assert (facts["backend"], facts["inputs"]) == ("onnxruntime", ["input TYPE_FP32 [3, 224]"])
    assert (facts["instances"], facts["fault"]) == (2, "")
    assert (
        "should not use it"
        in all_questions()["batching.config"].by_rules(facts | {"delay_us": 5000, "instances": 1}).message
    )
    path.write_text("dynamic_batching { prefered_batch_size: 8 }")
    assert re.search(r"line:column 1:\d+ .*prefered_batch_size.*misspelt", config(path)["fault"], re.DOTALL)


def test_what_still_holds_the_stub_is_not_judged(tmp_path: Path) -> None:
    """It is open, and not wrong."""
    (tmp_path / "Dockerfile").write_text(f"# {STUB}\n")
    with pytest.raises(NotImplementedError):
        dockerfile(tmp_path / "Dockerfile")
