"""What every command of a terminal shares: how a part is named, and how an error is told."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from provisioning.sites.spec import PARTS
from provisioning.testbed.errors import ProvisioningError

PART = typer.Argument(help=f"Part of the course: {', '.join(PARTS)}.")


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn an error that a person can act on into its text and exit code 1."""
    try:
        yield
    except (ProvisioningError, ValueError, KeyError) as error:
        typer.secho(str(error.args[0]) if isinstance(error, KeyError) else str(error), err=True, fg="red")
        raise typer.Exit(1) from error
