"""What the commands of a terminal share: how a part is named, and how an error is told."""

import typer
from typer.core import TyperGroup

from provisioning.sites.spec import PARTS
from provisioning.testbed.errors import ProvisioningError

PART = typer.Argument(help=f"Part of the course: {', '.join(PARTS)}.")


class InSentences(TyperGroup):
    """A command line whose errors that a person can act on are their text and exit code 1, in every sub-command."""

    def invoke(self, ctx: typer.Context) -> object:
        try:
            return super().invoke(ctx)
        except (ProvisioningError, ValueError, KeyError, OSError) as error:
            typer.secho(str(error.args[0]) if isinstance(error, KeyError) else str(error), err=True, fg="red")
            raise typer.Exit(1) from error
