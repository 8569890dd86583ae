"""The commands `python -m labs providers …`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from labs.machine import capabilities, capability_text
from labs.runtimes.providers.environments import EnvironmentUnavailableError, environment, environments
from labs.runtimes.providers.environments import install as install_environment

#: The environment for each kind of GPU, by the capability that it wants; the first that is there counts.
OF_GPU = {"TensorRT provider": "tensorrt", "CUDA provider": "gpu", "MIGraphX provider": "migraphx"}

app = typer.Typer(help="ONNX Runtime's execution providers, each wheel in its own environment.", no_args_is_help=True)


@app.command("list")
def list_environments() -> None:
    """Name every environment, what it brings and where it is; removing its folder removes it."""
    for one in environments().values():
        where = one.folder if one.is_installed else f"not installed, about {one.installed_bytes / 1e6:,.0f} MB"
        typer.echo(f"{one.name}: {', '.join(one.providers)} ({where})")


@app.command()
def install(names: Annotated[list[str], typer.Argument(help="Names from `list`, such as openvino.")]) -> None:
    """Make environments beforehand, so that no lesson need wait for them."""
    try:
        for wanted in [environment(name) for name in names]:
            with Progress(console=Console(stderr=True)) as bar:
                task = bar.add_task(wanted.name, total=1.0)
                install_environment(
                    wanted, lambda done, text, bar=bar, task=task: bar.update(task, completed=done, description=text)
                )
            typer.echo(wanted.folder)
    except (EnvironmentUnavailableError, ValueError) as error:
        typer.secho(str(error), err=True, fg=typer.colors.RED)
        raise typer.Exit(1) from None


def for_gpu() -> str:
    """Return the name of the environment that fits this machine's GPU; empty where there is none."""
    able = {one.name for one in capabilities() if one.available}
    return next((name for wanted, name in OF_GPU.items() if wanted in able), "")


@app.command()
def here() -> None:
    """Print one JSON line: the environment that fits this machine's GPU, and what was looked for."""
    found = capability_text(one for one in capabilities() if one.name in OF_GPU)
    typer.echo(json.dumps({"environment": for_gpu(), "said": found}))


@app.command()
def run(
    script: Annotated[Path, typer.Argument(help="A Python file; it runs in its own folder.")],
    arguments: Annotated[list[str] | None, typer.Argument(help="What follows it on its command line.")] = None,
) -> None:
    """Run a script in the environment that fits this machine's GPU, made first if need be; without one, in this."""
    try:
        if name := for_gpu():
            # TF32 would round float32's products to ten bits, and nobody asked for that.
            variables = {"NVIDIA_TF32_OVERRIDE": "0"}
            install_environment(name, lambda _, text: typer.echo(text)).run(
                script, *(arguments or []), variables=variables
            )
        else:
            command = [sys.executable, "-u", str(script.resolve()), *(arguments or [])]
            subprocess.run(command, cwd=script.resolve().parent, check=True)
    except EnvironmentUnavailableError as error:
        typer.secho(str(error), err=True, fg=typer.colors.RED)
        raise typer.Exit(1) from None
    except subprocess.CalledProcessError as error:
        raise typer.Exit(error.returncode) from None
