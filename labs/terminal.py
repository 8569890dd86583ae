"""Shared parts of the terminal's commands: the names of parts, and the form of errors."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from labs.course.lessons import PART_TITLES
from labs.errors import CourseError
from labs.sites.spec import NUMBERS, PARTS, Part


def id_of(what: str, text: str, titles: Mapping[str, str], way_out: str) -> str:
    """Return the id of an item that is named by its id or its title, in any case.

    Args:
        what: The kind of the item, such as 'lesson'.
        titles: By their ids.
        way_out: The hint if no id and no title is near.

    Raises:
        typer.BadParameter: Nothing has this name; the message gives the nearest name.
    """
    ids = {}
    for id, title in titles.items():
        ids[title.lower()] = id
        ids[id.lower()] = id
    word = text.strip().lower()
    if word in ids:
        return ids[word]
    near_words = get_close_matches(word, ids, n=2)
    near_ids = dict.fromkeys(ids[word] for word in near_words)
    hint = way_out
    if near_ids:
        guess = " or ".join(f"{id} ({titles[id]})" for id in near_ids)
        hint = f"Did you mean {guess}?"
    raise typer.BadParameter(f"there is no {what} {text!r}. {hint}")


def _part(text: str) -> Part:
    for part, number in NUMBERS.items():
        if text.strip().lower() == PART_TITLES[number].lower():
            return part
    parts = {str(number): part for part, number in NUMBERS.items()}
    titles = {number: str(part) for number, part in parts.items()}
    return parts[id_of("part", text, titles, f"It may be {_PARTS}.")]


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


def _version(wanted: bool) -> None:
    from labs.machine.version import code_version

    if wanted:
        typer.echo(f"Model serving labs {code_version()}")
        raise typer.Exit


VERSION = Annotated[
    bool, typer.Option("--version", callback=_version, is_eager=True, help="Show its version.")
]


class InSentences(TyperGroup):
    """A command line that prints errors which a person can act on as text, with exit code 1, in
    every sub-command.
    """

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (CourseError, ValueError, KeyError, OSError) as error:
            # A KeyError's own text is its argument in quotation marks.
            message = error.args[0] if isinstance(error, KeyError) else error
            typer.secho(str(message), err=True, fg="red")
            raise typer.Exit(1) from error

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the requested command; one that is a group's is named with its group."""
        word = args[0]
        below = []
        for name, command in self.commands.items():
            if isinstance(command, TyperGroup) and word in command.commands:
                below.append(f"{ctx.command_path} {name} {word}")
        if word not in self.commands and below:
            guess = "` or `".join(below)
            ctx.fail(f"No such command {word!r}. Did you mean `{guess}`?")
        return super().resolve_command(ctx, args)
