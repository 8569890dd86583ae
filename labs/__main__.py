"""`python -m labs`: the commands of this room, one line for each group."""

import typer

from labs.bench.cli import app as gpu
from labs.edge.cli import app as edge
from labs.runtimes.providers.cli import app as providers

app = typer.Typer(help="Model serving labs.", rich_markup_mode=None, no_args_is_help=True)
app.add_typer(edge, name="edge")
app.add_typer(gpu, name="gpu")
app.add_typer(providers, name="providers")

if __name__ == "__main__":
    app()
