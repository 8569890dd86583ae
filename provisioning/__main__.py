"""`python -m provisioning …`: one command line, one sub-command a module.

A module joins with one line below: `app.add_typer(module.app, name="…")`.
"""

import typer

from labs.shell import python
from labs.terminal import InSentences
from provisioning import cli, trovi
from provisioning.classroom import cli as classroom
from provisioning.lab import rehearsal

app = typer.Typer(
    cls=InSentences,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Reserve, provision and release machines.",
)
app.add_typer(rehearsal.app, name="rehearsal")
app.add_typer(cli.app)  # plan, reserve, up, release, sweep
app.add_typer(classroom.app, name="class")
app.add_typer(trovi.app, name="trovi")

if __name__ == "__main__":
    app(prog_name=python("provisioning"))
