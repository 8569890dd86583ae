"""The commands `python -m labs triton …`: fetch the programs, and serve the course's models from a terminal."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from labs.runtimes import RuntimeUnavailableError

app = typer.Typer(help="Triton Inference Server and perf_analyzer, from NVIDIA's wheels.", no_args_is_help=True)


@app.command()
def install() -> None:
    """Fetch the server (74 MB) and perf_analyzer (7 MB), and let perf_analyzer be typed as it is."""
    from labs.serve.triton.environment import put_on_path, tritonserver

    try:
        with Progress(console=Console(stderr=True)) as bar:
            task = bar.add_task("tritonserver", total=1.0)
            tritonserver(lambda done, line: bar.update(task, completed=done))
        typer.echo(put_on_path())
    except RuntimeUnavailableError as error:
        typer.secho(str(error), err=True, fg=typer.colors.RED)
        raise typer.Exit(1) from None


@app.command()
def serve(
    repository: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Serve this model repository, and write nothing.")
    ] = None,
    port: Annotated[int, typer.Option(help="HTTP port; gRPC and metrics take the next two.")] = 8000,
    host: Annotated[str, typer.Option(help="Address; 0.0.0.0 opens the server to the network.")] = "127.0.0.1",
) -> None:
    """Serve the course's models (food_classifier, its ONNX twin, the ensemble, the palette) until Ctrl+C.

    With --repository, serve what lies there instead, as it lies there.
    """
    from labs import assets
    from labs.machine import fingerprint
    from labs.serve.models import fp32_model
    from labs.serve.photos import photo, write_input_data
    from labs.serve.triton import catalogue
    from labs.serve.triton.control import TritonError
    from labs.serve.triton.environment import put_on_path
    from labs.serve.triton.repository import ModelRepository
    from labs.serve.triton.server import start
    from labs.workspace import workspace_dir

    said: list[str] = []

    def tell(done: float, line: str) -> None:
        """Print each step once; waiting counts seconds, which nobody needs to read."""
        step = line.partition(": ")[0]
        if step not in said:
            said.append(step)
            typer.echo(step, err=True)

    foreign = ModelRepository(repository) if repository else None
    models = []
    if foreign is None:
        # One instance: on the first GPU, or on the CPU without one.
        one = catalogue.instances(1, range(len(fingerprint().cuda_gpus))[:1])
        models = [
            catalogue.food_classifier(assets.model(), one),
            catalogue.food_classifier_onnx(fp32_model(on_progress=tell), one),
            *(catalogue.food_preprocess(), catalogue.food_label(), catalogue.food_palette(), catalogue.food_ensemble()),
        ]
    try:
        put_on_path()
        triton = start(
            models,
            repository=foreign,
            load=foreign.names() if foreign else (),
            host=host,
            ports=(port, port + 1, port + 2),
            on_progress=tell,
        )
    except (RuntimeUnavailableError, TritonError) as error:
        typer.secho(str(error), err=True, fg=typer.colors.RED)
        raise typer.Exit(1) from None
    with triton:
        data = write_input_data(workspace_dir() / "triton" / "input.json", [photo(number) for number in range(8)])
        typer.echo(f"Triton is ready: HTTP {triton.http}, gRPC {triton.grpc}. It serves {', '.join(triton.loaded())}.")
        typer.echo("In another terminal, for example:")
        typer.echo(
            f"  perf_analyzer -u {triton.http} -m food_classifier --input-data {data} -b 1 --concurrency-range 8"
        )
        typer.echo(f"  perf_analyzer -u {triton.http} -m food_classifier_onnx -b 1 --shape input:3,224,224")
        typer.echo("Ctrl+C stops it.")
        try:
            while triton.alive:
                time.sleep(0.5)
        except KeyboardInterrupt:
            return
        typer.secho(f"Triton ended by itself; the end of its log:\n{triton.log(1500)}", err=True, fg=typer.colors.RED)
        raise typer.Exit(1)
