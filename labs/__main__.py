"""`python -m labs`: the commands of this room, one line for each group."""

import typer

from labs.assets.commands import app as assets

app = typer.Typer(help="Model serving labs.", no_args_is_help=True)
app.add_typer(assets, name="assets")

if __name__ == "__main__":
    app()
