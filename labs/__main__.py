"""`python -m labs`: the commands of this room, one line for each group."""

import typer

from labs.assets.commands import app as assets
from labs.edge.cli import app as edge
from labs.providers.cli import app as providers
from labs.serve.triton.commands import app as triton

app = typer.Typer(help="Model serving labs.", no_args_is_help=True)
app.add_typer(assets, name="assets")
app.add_typer(edge, name="edge")
app.add_typer(providers, name="providers")
app.add_typer(triton, name="triton")

if __name__ == "__main__":
    app()
