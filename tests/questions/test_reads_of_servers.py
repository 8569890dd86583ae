"""What is read of Dockerfiles and configurations: other words for the same count as well, and faults are named."""

import re
from pathlib import Path

import pytest

from labs.checkpoints.reads.http import dockerfile
from labs.checkpoints.reads.triton_configs import config
from labs.workspace import STUB

#: Lines of a Dockerfile, parted by `|`.
BASE, PIP, APP = (
    "FROM python:3.12-slim|COPY requirements.txt .|",
    "RUN pip install -r requirements.txt|",
    "COPY *.py ./|",
)
CMD = 'CMD ["uvicorn", "app:app", "--host", "0.0.0.0"]'
END = f"USER food|{CMD}"


@pytest.mark.parametrize(
    ("lines", "wrong"),
    [
        (BASE + PIP + APP + 'USER food|ENTRYPOINT ["uvicorn", "app:app"]|CMD ["--host", "0.0.0.0"]', ""),
        (BASE + PIP + 'COPY . .|USER 1000:1000|CMD ["fastapi", "run", "app.py"]', ""),
        ("ARG V=3.12|FROM --platform=$BUILDPLATFORM python:${V}-slim AS final|" + PIP + APP + END, ""),
        ("ARG V|FROM python:${V:-3.12}|" + PIP + APP + END, ""),
        ("# syntax=docker/dockerfile:1||" + BASE + "RUN <<EOF|pip install fastapi|FROM nowhere|EOF|" + APP + END, ""),
        (BASE + "RUN apt-get update \\|  # why||  && pip3 install -r requirements.txt|" + APP + END, ""),
        ("# escape=`|" + BASE + "RUN pip install `|  fastapi|" + APP + END, ""),
        (BASE + 'RUN ["python", "-m", "pip", "install", "x"]|COPY ["app.py", "classifier.py", "./"]|' + END, ""),
        (BASE + "RUN --mount=type=cache,target=/c pip install x|COPY --chown=food app.py classifier.py ./|" + END, ""),
        ("FROM python:3.12 AS one|" + PIP + "FROM one|" + APP + "ENV WHO=food|USER $WHO|" + CMD, ""),
        (BASE + PIP + APP + "USER food|ENV UVICORN_HOST=0.0.0.0|CMD exec uvicorn app:app", ""),
        (BASE + PIP + APP + 'USER food|CMD ["sh", "-c", "exec uvicorn app:app --host ::"]|HEALTHCHECK CMD x', ""),
        (BASE + "COPY <<'X' app.py|FROM x|X|run uv pip install x|copy classifier.py ./|" + END, "cached"),
        (BASE + PIP + APP + "USER food|CMD uvicorn app:app --host 0.0.0.0", "uvicorn everywhere"),
        ("FROM registry.example:5000/python|" + PIP + APP + "USER root:root|" + CMD, "tagged root"),
        ("FROM python:3.12|COPY . .|" + PIP + 'USER root|CMD ["uvicorn", "app:app"]', "cached root everywhere"),
        ('FROM python|CMD ["python", "app.py"]', "tagged installs copies cached root uvicorn everywhere"),
    ],
)
def test_whatever_docker_reads_counts_and_faults_are_seen_in_any_form(lines: str, wrong: str, tmp_path: Path) -> None:
    """Stages, arguments, comments, long lines, here-documents, list forms and shells that give way."""
    path = tmp_path / "Dockerfile"
    path.write_text(lines.replace("|", "\n"))
    facts = dockerfile(path)
    assert {name for name, value in facts.items() if name != "base" and value is (name == "root")} == set(wrong.split())


def test_a_configuration_is_read_by_tritons_own_grammar(tmp_path: Path) -> None:
    """A platform is a backend by its older name, messages may be written in two ways, and a typing error is told."""
    path = tmp_path / "config.pbtxt"
    path.write_text(
        'platform: "onnxruntime_onnx" input { name: "input" data_type: TYPE_FP32 dims: [ 3, 224 ] }\n'
        "dynamic_batching: { preferred_batch_size: 8 preferred_batch_size: 4 } instance_group { count: 2 }"
    )
    facts = config(path)
    assert (facts["backend"], facts["inputs"]) == ("onnxruntime", ["input TYPE_FP32 [3, 224]"])
    assert (facts["sizes"], facts["instances"], facts["fault"]) == ([4, 8], 2, "")
    path.write_text("dynamic_batching { prefered_batch_size: 8 }")
    assert re.search(r"line:column 1:\d+ .*prefered_batch_size.*misspelt", config(path)["fault"], re.DOTALL)


def test_what_still_holds_the_stub_is_not_judged(tmp_path: Path) -> None:
    """It is open, and not wrong."""
    (tmp_path / "Dockerfile").write_text(f"# {STUB}\n")
    with pytest.raises(NotImplementedError):
        dockerfile(tmp_path / "Dockerfile")
