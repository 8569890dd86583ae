"""Older courses' notebooks run unchanged in a real kernel, with the printed environment and nothing else."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from pathlib import Path
from queue import Empty
from typing import Any

import nbclient
import nbformat
import pytest
from typer.testing import CliRunner

from provisioning.__main__ import app

SERVER_CELLS = [
    "from chi import server, context, lease\nimport os, time\ncontext.version = '1.0'\n"
    "context.choose_project()\ncontext.choose_site(default='CHI@TACC')",
    "l = lease.get_lease('serve_model_mary')\nl.show()",
    "username = os.getenv('USER')\n"
    "s = server.Server(f'node-serve-{username}', reservation_id=l.node_reservations[0]['id'],"
    " image_name='CC-Ubuntu24.04-CUDA')\ns.submit(idempotent=True)",
    "s.associate_floating_ip()",
    "s.refresh()\ns.check_connectivity()",
    "s.refresh()\ns.show(type='widget')",
    "s.execute('mkdir -p labs && cd labs && pwd')",
    "s.execute('curl -sSL file:///dev/null | sudo sh; sudo nvidia-ctk runtime configure --runtime=docker')",
    "print('FIP', s.get_floating_ip(), s.status)",
]
EDGE_CELLS = [
    "from chi import container, context, lease\nimport chi, os\ncontext.version = '1.0'\n"
    "context.choose_project()\ncontext.choose_site(default='CHI@Edge')",
    "l = lease.get_lease('serve_edge_mary')\nl.show()",
    "c = container.Container(name='node-serve-edge-mary', reservation_id=l.device_reservations[0]['id'],\n"
    "    image_ref='quay.io/jupyter/minimal-notebook:latest', exposed_ports=[8888])\n"
    "c.submit(idempotent=True)",
    "stdout, code = c.execute('echo edge')\nprint(stdout, code)",
    "print('FIP', c.associate_floating_ip())",
    "print(chi.container.get_logs(c.id))",
]

_STUDENTS = (f"mary{number}" for number in itertools.count(1))


class Patient(nbclient.NotebookClient):
    """Waits for a cell's reply in short slices: one long wait sometimes never wakes (jupyter/nbclient#312)."""

    async def run(self) -> nbformat.NotebookNode:
        async with self.async_setup_kernel():
            assert self.kc is not None
            channel = self.kc.shell_channel
            wait_once = channel.get_msg

            async def get_msg(*_: Any, timeout: float | None = None) -> Any:
                until = time.monotonic() + (timeout if timeout is not None else 1e9)
                while True:
                    try:
                        return await wait_once(timeout=0.25)
                    except Empty:
                        if time.monotonic() > until:
                            raise

            channel.get_msg = get_msg
            for index, cell in enumerate(self.nb.cells):
                await self.async_execute_cell(cell, index)
        return self.nb


def run_notebook(cells: list[str], python: Path, variables: dict[str, str], folder: Path, monkeypatch) -> str:
    """Run cells in a kernel of a Python with just these variables, and return all the text they gave."""
    spec = {"argv": [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"], "display_name": "x"}
    kernel = folder / "kernels" / "under-test"
    kernel.mkdir(parents=True)
    (kernel / "kernel.json").write_text(json.dumps(spec | {"language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(folder))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    client = Patient(notebook, kernel_name="under-test", timeout=300)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    done = asyncio.run(client.run())
    # A kernel may send one printed line in two pieces, so streams are joined before anybody looks.
    outputs = [output for cell in done.cells for output in cell.outputs]
    printed = "".join(output.text for output in outputs if output.output_type == "stream")
    return printed + json.dumps([output.data for output in outputs if "data" in output])


@pytest.mark.parametrize(
    ("lease", "part", "cells", "shown"),
    [
        (
            "serve_model_mary",
            "model",
            SERVER_CELLS,
            # show(type='widget') displays a table in a kernel.
            ["FIP 127.77.1.", "ACTIVE", "<table", "/home/cc/labs", "rehearsed, not run: sudo nvidia-ctk runtime"],
        ),
        ("serve_edge_mary", "edge", EDGE_CELLS, ["edge\n 0", "FIP 127.77.3.", "lab?token="]),
    ],
    ids=["server", "edge"],
)
def test_an_older_notebook_runs_unchanged(
    rehearsal, chi_python, tmp_path, monkeypatch, lease, part, cells, shown
) -> None:
    """Its lease was made beforehand, as in Horizon; each time by another student, so that the name tells one lease."""
    student = next(_STUDENTS)
    monkeypatch.setenv("REHEARSAL_HOME", str(rehearsal.home))
    done = CliRunner().invoke(app, ["rehearsal", "lease", lease, "--part", part, "--user", student])
    assert f"{lease} is active" in done.output
    text = run_notebook(cells, chi_python, rehearsal.variables(student), tmp_path, monkeypatch)
    assert [words for words in shown if words not in text] == []
