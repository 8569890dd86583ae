"""What the commands of a terminal share: how a part is named, and how an error is told."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from provisioning.sites.spec import NUMBERS, PARTS, Part
from provisioning.testbed.errors import ProvisioningError


def unknown(what: str, text: str, titles: Mapping[str, str], way_out: str) -> typer.BadParameter:
    """Return the error for what is none of ``titles``, which are by their ids; ``way_out`` serves if none is near."""
    ids = {word.lower(): id for id, title in titles.items() for word in (title, id)}
    near = dict.fromkeys(ids[word] for word in get_close_matches(text.lower(), ids, n=2))
    guess = " or ".join(f"{id} ({titles[id]})" for id in near)
    return typer.BadParameter(
        f"there is no {what} {text!r}. {f'Did you mean {guess}?' if guess else way_out}"
    )


def _part(text: str) -> Part:
    known: dict[str, Part] = {
        word: part for part, number in NUMBERS.items() for word in (part, str(number))
    }
    if text.lower() not in known:
        raise unknown(
            "part",
            text,
            dict(zip(map(str, NUMBERS.values()), PARTS, strict=True)),
            f"It may be {_PARTS}.",
        )
    return known[text.lower()]


_PARTS = ", ".join(f"{number} ({part})" for part, number in NUMBERS.items())

PART = Annotated[
    Part,
    typer.Argument(
        parser=_part,
        metavar="PART",
        help=f"Part of the course: {_PARTS}.",
        autocompletion=lambda incomplete: [part for part in PARTS if part.startswith(incomplete)],
    ),
]


class InSentences(TyperGroup):
    """A command line whose errors that a person can act on are their text and exit code 1, in every sub-command."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (ProvisioningError, ValueError, KeyError, OSError) as error:
            typer.secho(
                str(error.args[0]) if isinstance(error, KeyError) else str(error),
                err=True,
                fg="red",
            )
            raise typer.Exit(1) from error

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that is asked for; one that is a group's is named with its group."""
        groups = {name: one for name, one in self.commands.items() if isinstance(one, TyperGroup)}
        below = [
            f"{ctx.command_path} {name} {args[0]}"
            for name, one in groups.items()
            if args[0] in one.commands
        ]
        if args[0] not in self.commands and below:
            ctx.fail(f"No such command {args[0]!r}. Did you mean `{'` or `'.join(below)}`?")
        return super().resolve_command(ctx, args)
