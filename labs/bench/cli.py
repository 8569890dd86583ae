"""The commands `python -m labs gpu …`: which environment fits this machine's GPU, and a script run
in it.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from labs.machine import capabilities, capability_text
from labs.runtimes.providers import EnvironmentUnavailableError, install

#: The environment for each kind of GPU, by the capability that it wants; the first that is there
#: counts.
OF_GPU = {"TensorRT provider": "tensorrt", "CUDA provider": "gpu", "MIGraphX provider": "migraphx"}

app = typer.Typer(
    help="This machine's GPU, through the provider that fits it.", no_args_is_help=True
)


def for_gpu() -> str:
    """Return the name of the environment that fits this machine's GPU, or an empty text."""
    available = {capability.name for capability in capabilities() if capability.available}
    for provider, name in OF_GPU.items():
        if provider in available:
            return name
    return ""


@app.command()
def here() -> None:
    """Print one JSON line: the environment that fits this machine's GPU, and the checked GPUs."""
    judged = [capability for capability in capabilities() if capability.name in OF_GPU]
    answer = {"environment": for_gpu(), "said": capability_text(judged)}
    typer.echo(json.dumps(answer))


@app.command()
def run(
    script: Annotated[Path, typer.Argument(help="A Python file; it runs in its own folder.")],
    arguments: Annotated[
        list[str] | None, typer.Argument(help="What follows it on its command line.")
    ] = None,
) -> None:
    """Run a script in the environment that fits this machine's GPU, or in this one without a GPU. A
    missing environment is made first.
    """
    try:
        if name := for_gpu():
            # TF32 would round float32's products to ten bits, which the student did not ask for.
            variables = {"NVIDIA_TF32_OVERRIDE": "0"}
            environment = install(name, lambda _, text: typer.echo(text))
            environment.run(script, *(arguments or []), variables=variables)
        else:
            command = [sys.executable, "-u", str(script.resolve()), *(arguments or [])]
            subprocess.run(command, cwd=script.resolve().parent, check=True)
    except EnvironmentUnavailableError as error:
        typer.secho(str(error), err=True, fg=typer.colors.RED)
        raise typer.Exit(1) from None
    except subprocess.CalledProcessError as error:
        raise typer.Exit(error.returncode) from None
