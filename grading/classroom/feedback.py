"""Feedback that reaches its student: a mail with the page, for every submission whose address is known.

The mails are files that a mail program opens and sends; nothing is sent from here.
"""

from __future__ import annotations

from collections.abc import Sequence
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path

from grading.classroom.roster import Handed
from grading.result import Result, write_text
from grading.result.page import page


def write_mails(submissions: Sequence[Handed], results: Sequence[Result], out: Path) -> int:
    """Write ``mails/SLUG.eml`` for each submission with addresses; return how many there are.

    Args:
        submissions: Who handed in, in the order of the results.
        results: What each is worth.
        out: Folder of ``grade_class``.
    """
    count = 0
    for one, result in zip(submissions, results, strict=True):
        # What the grader stumbled over, or does not know to count, is nothing to send to anybody.
        if (message := mail(one, result)) is not None and not result.fault:
            write_text(message.as_string(), out / "mails" / f"{one.slug}.eml")
            count += 1
    return count


def mail(one: Handed, result: Result) -> EmailMessage | None:
    """Return the mail with a student's page; None where nobody knows an address.

    Args:
        one: Who handed it in.
        result: What it is worth.
    """
    try:
        addresses = [Address(addr_spec=text) for text in one.emails]
    except (ValueError, IndexError, MessageError):  # what the export calls an address may be anything
        return None
    if not addresses:
        return None
    public = [row for row in result.rows if not row.hidden]
    earned, possible = sum(row.points for row in public), sum(row.possible for row in public)
    message = EmailMessage()
    message["To"] = addresses
    message["Subject"] = f"Model serving labs, part {result.part}: {earned} of {possible} points in public checks"
    message["X-Unsent"] = "1"
    message.set_content(
        f"Hello,\n\nyour submission for part {result.part} has {earned} of {possible} points in the public checks. The "
        "page that comes with this mail says what to mend first.\n"
    )
    message.add_attachment(page(result), subtype="html", filename=f"part-{result.part}.html")
    return message
