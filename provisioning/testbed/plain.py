"""What a command says when something is wrong: the error's own sentences, and never a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from provisioning.testbed.errors import ProvisioningError


@contextmanager
def plain_errors(*more: type[Exception]) -> Iterator[None]:
    """Turn an error that a person can act on into its text and exit code 1.

    Args:
        more: kinds of it that this command may meet.
    """
    try:
        yield
    except (ProvisioningError, ValueError, KeyError, *more) as error:
        typer.secho(str(error.args[0]) if isinstance(error, KeyError) else str(error), err=True, fg="red")
        raise typer.Exit(1) from error
