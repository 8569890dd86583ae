"""``msl class watch``: a page on who is at which question, who is stuck, and whose lease ends; for instructors.

Two sources. The sites say who has a lease and a machine. Ledgers say how far everybody is, where the instructor's
computer can read them: homes on a course's own JupyterHub, a shared folder, what was collected. They were written by
students and may hold anything, so they are read as the grader reads a submission.

The page is on loopback and wants a secret, which stands in the address that is printed: other users of the computer
and pages in the browser see nothing of the class.
"""

from __future__ import annotations

import hmac
import secrets
import stat
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

from grading.checkpoints import as_records
from grading.front.standing import standing_of
from grading.intake import DEFAULT_LIMITS, read_ledger
from labs.display.shown import Shown
from labs.display.table import Cell, html_table, text_table
from labs.display.theme import card
from labs.loopback import OwnHosts, listen
from provisioning.classroom.leases import Whereabouts
from provisioning.classroom.roster import short_name
from provisioning.testbed.errors import ProvisioningError

#: Answers to one question, none of them right, that make somebody stuck.
STUCK_ANSWERS = 3
#: Seconds between two looks: at the ledgers, at the sites, and of the page at what was found.
LEDGERS_EVERY_S, SITES_EVERY_S, PAGE_EVERY_S = 0.5, 10.0, 1.0
#: A lease that ends within this is pointed at.
ENDS_SOON = timedelta(minutes=20)


@dataclass(frozen=True)
class Progress:
    """How far one student is, by the ledger."""

    #: Number of the lesson that was worked in last.
    lesson: str
    #: The question that is worked on or comes next in it; empty when nothing is left.
    question: str
    #: Points of the part so far, and how many there are.
    earned: int
    possible: int
    #: Answers to that question so far, none of them right.
    wrong: int
    #: When the ledger was last written, in seconds since 1970 of this computer's clock.
    changed_s: float


def progress_of(path: Path, part: int) -> Progress | None:
    """Return how far a ledger has come; None where it is no plain file of a size that the grader takes.

    Args:
        path: Of a student's ``ledger.jsonl``; a link is not followed.
        part: Of the course.
    """
    try:
        found = path.lstat()
    except OSError:
        return None
    if not stat.S_ISREG(found.st_mode) or found.st_size > DEFAULT_LIMITS.ledger_bytes:
        return None
    entries = read_ledger(path).entries
    standing = standing_of(as_records(entries))
    steps = standing.of_part(part)
    step = next((one for one in standing.steps if one.lesson.number == standing.last), None) or standing.next
    left = [row.id for row in step.left] if step else []
    asked = [one["question"] for one in entries if one["type"] in ("answer", "prediction")]
    # The question that was worked on last, while it is not right; else the first that is left.
    question = asked[-1] if asked and asked[-1] in left else left[0] if left else ""
    return Progress(
        lesson=step.lesson.number if step else "",
        question=question,
        earned=sum(one.earned for one in steps),
        possible=sum(one.possible for one in steps),
        wrong=sum(one["type"] == "answer" and one["question"] == question for one in entries),
        changed_s=found.st_mtime,
    )


class Ledgers:
    """Every student's ledger, judged again only when it has changed."""

    def __init__(self, pattern: str, students: Iterable[str], part: int) -> None:
        """Remember where to look.

        Args:
            pattern: Such as ``/srv/homes/*/workspace/ledger.jsonl``: a student's is the one with a folder on its way
                whose name shortens to the student's.
            students: Short names.
            part: Of the course.
        """
        self._pattern, self._students, self._part = Path(pattern).absolute(), set(students), part
        self._known: dict[str, tuple[tuple, Progress | None]] = {}

    def look(self, most_s: float = 1.0) -> dict[str, Progress]:
        """Return how far each student is of whom there is a ledger.

        A whole class's first look takes longer than anybody wants to wait: what is not judged now is in the next.

        Args:
            most_s: Seconds after which no further ledger is judged.
        """
        root, changed = Path(self._pattern.anchor), []
        for path in root.glob(str(self._pattern.relative_to(root))):
            student = next((name for part in path.parts[1:] if (name := short_name(part)) in self._students), None)
            try:
                found = path.lstat()
            except OSError:
                continue
            mark = (str(path), found.st_mtime_ns, found.st_size)
            if student and self._known.get(student, (None,))[0] != mark:
                changed.append((student, mark, path))
        begin_s = time.monotonic()
        # Whoever has not been judged at all comes first: those who write all the time must not hide the others.
        for student, mark, path in sorted(changed, key=lambda one: one[0] in self._known):
            if time.monotonic() - begin_s > most_s:
                break
            self._known[student] = (mark, progress_of(path, self._part))
        return {student: progress for student, (_, progress) in self._known.items() if progress}


def class_page(
    rows: Sequence[Whereabouts],
    progress: dict[str, Progress],
    now: datetime,
    zone: tzinfo,
    *,
    title: str,
    quiet_min: float = 20,
    clock_s: Callable[[], float] = time.time,
    trouble: str = "",
) -> Shown:
    """Return the class as a page and as text; who needs somebody stands first.

    Args:
        rows: Where each student is.
        progress: How far each is of whom that is known.
        now: Of the sites, with time zone.
        zone: The instructor's.
        title: Of the page.
        quiet_min: Minutes without anything new in the ledger, while a machine runs, that make somebody stuck.
        clock_s: Seconds since 1970 of this computer, which files are dated by.
        trouble: Why the sites could not be asked; empty when they could.
    """
    lines = []
    for row in rows:
        at = progress.get(row.student)
        quiet = (clock_s() - at.changed_s) / 60 if at else None
        why = _stuck(row, at, quiet, quiet_min)
        left = row.lease.end - now if row.lease and row.lease.status == "ACTIVE" else None
        soon = left is not None and left < ENDS_SOON
        ends = f"{row.lease.end.astimezone(zone):%H:%M}" if left is not None and row.lease else ""
        starts = f"{row.lease.start.astimezone(zone):%a %d %b %H:%M}" if row.lease and row.state == "waits" else ""
        cells = [
            Cell(row.student, words=True),
            Cell(row.state, starts, "msl-bad" if row.state == "failed" else "", words=True),
            Cell(f"{left / timedelta(minutes=1):.0f} min" if left is not None else "", ends, "msl-bad" if soon else ""),
            Cell(at.lesson if at else ""),
            Cell(at.question if at else "", words=True),
            Cell(f"{at.earned}/{at.possible}" if at else ""),
            Cell(f"{quiet:.0f} min ago" if quiet is not None else ""),
            Cell("; ".join(filter(None, [why, "the lease ends soon" if soon else ""])), "", "msl-bad", words=True),
        ]
        lines.append(((not why, not soon, left or timedelta.max), cells))
    lines.sort(key=lambda one: one[0])
    table = [cells for _, cells in lines]
    header = ["student", "machine", "left", "lesson", "question", "points", "last entry", "look at"]
    counts = {state: sum(row.state == state for row in rows) for state in dict.fromkeys(row.state for row in rows)}
    stuck = sum(not key[0] for key, _ in lines)
    said = ", ".join(f"{count} {state}" for state, count in counts.items()) + f"; {stuck} stuck"
    foot = trouble or f"As of {now.astimezone(zone):%H:%M %Z}."
    return Shown(
        card(title, html_table(header, table, caption="Who needs somebody stands first."), subtitle=said, footer=foot),
        f"{title}: {said}\n{text_table(header, table)}\n{foot}",
    )


def _stuck(row: Whereabouts, at: Progress | None, quiet_min: float | None, most_min: float) -> str:
    """Return why somebody needs help; empty where nothing says so."""
    if row.state == "failed":
        return "the machine failed"
    if at and at.question and at.wrong >= STUCK_ANSWERS:
        return f"{at.wrong} answers, none right"
    if row.state == "works" and quiet_min is not None and quiet_min > most_min:
        return "nothing new while the machine runs"
    return ""


class Watcher:
    """Looks at ledgers and sites in the background, and has the newest page at hand: asking for it costs nothing."""

    def __init__(
        self,
        where: Callable[[], Sequence[Whereabouts]],
        ledgers: Ledgers | None,
        page: Callable[[Sequence[Whereabouts], dict[str, Progress], str], Shown],
    ) -> None:
        """Begin to look.

        Args:
            where: Asks the sites; may raise ``ProvisioningError``, which the page then says.
            ledgers: Where work lies; None where it cannot be read from here.
            page: Draws what was found.
        """
        self._where, self._ledgers, self._draw = where, ledgers, page
        self._rows: Sequence[Whereabouts] = where()
        self._progress: dict[str, Progress] = {}
        self._trouble = ""
        self._over = threading.Event()
        #: The newest page.
        self.page: Shown = page(self._rows, {}, "")
        for look, every_s in ((self._look_at_sites, SITES_EVERY_S), (self._look_at_ledgers, LEDGERS_EVERY_S)):
            threading.Thread(target=self._repeat, args=(look, every_s), daemon=True).start()

    def stop(self) -> None:
        """Look no more."""
        self._over.set()

    def _repeat(self, look: Callable[[], None], every_s: float) -> None:
        while not self._over.is_set():
            look()
            self.page = self._draw(self._rows, self._progress, self._trouble)
            self._over.wait(every_s)

    def _look_at_sites(self) -> None:
        try:
            self._rows, self._trouble = self._where(), ""
        except ProvisioningError as error:
            # What was known before stays on the page; a site in maintenance comes back by itself.
            self._trouble = error.what

    def _look_at_ledgers(self) -> None:
        if self._ledgers:
            self._progress = self._ledgers.look()


#: Draws what ``/state`` sends, and keeps the keyboard's place: only the inside of one element is replaced.
_SCRIPT = """
const place = document.getElementById("class"), said = document.getElementById("said");
let stamp = "";
async function look() {
  try {
    const answer = await fetch(`state${location.search}&stamp=${stamp}`);
    if (answer.status === 200) { const found = await answer.json(); stamp = found.stamp; place.innerHTML = found.html; }
    said.textContent = answer.ok ? "" : `The page did not come (${answer.status}).`;
  } catch (error) { said.textContent = "Nobody answers: is `msl class watch` still running?"; }
  setTimeout(look, %d);
}
look();
"""

_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>%(title)s</title>
<meta name="viewport" content="width=device-width,initial-scale=1">
<style>:root{color-scheme:light dark}body{margin:1rem;background:Canvas;color:CanvasText}.msl{max-width:none!important}
.unseen{position:absolute;left:-99rem}
</style></head><body><main><h1 class="unseen">%(title)s</h1><p id="said" role="status"></p>
<div id="class">%(html)s</div></main><script nonce="%(nonce)s">%(script)s</script></body></html>
"""


def application(watcher: Watcher, token: str, title: str) -> Callable:
    """Return the page as an ASGI app: ``/?token=…``, ``/state?token=…`` and ``/text?token=…``, to own hosts only."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
    from starlette.routing import Route

    closed = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}

    def guarded(answer: Callable[[Request], Response]) -> Callable:
        async def endpoint(request: Request) -> Response:
            given = request.query_params.get("token", "").encode()
            if not hmac.compare_digest(given, token.encode()):
                return PlainTextResponse("Open the address that `msl class watch` has printed.", 403, closed)
            response = answer(request)
            response.headers.update(closed)
            return response

        return endpoint

    def page(_request: Request) -> Response:
        nonce = secrets.token_urlsafe(16)
        policy = f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'unsafe-inline'; connect-src 'self'"
        filled = {"title": title, "html": watcher.page.html, "nonce": nonce, "script": _SCRIPT % (1000 * PAGE_EVERY_S)}
        return HTMLResponse(_PAGE % filled, headers={"Content-Security-Policy": policy})

    def state(request: Request) -> Response:
        now = watcher.page
        stamp = f"{hash(now.html):x}"
        if request.query_params.get("stamp") == stamp:
            return Response(status_code=204)
        return JSONResponse({"stamp": stamp, "html": now.html})

    def text(_request: Request) -> Response:
        return PlainTextResponse(watcher.page.text)

    routes = [Route(path, guarded(answer)) for path, answer in (("/", page), ("/state", state), ("/text", text))]
    return OwnHosts(Starlette(routes=routes), PlainTextResponse("this computer's own names only", status_code=421))


def serve(watcher: Watcher, title: str, port: int, say: Callable[[str], None]) -> None:
    """Serve the page on loopback until Ctrl+C.

    Args:
        watcher: Has the page.
        title: Of the page.
        port: To listen at; 0 for any that is free.
        say: Called with the address.

    Raises:
        PortsTakenError: The port is taken.
    """
    import uvicorn

    token, listening = secrets.token_urlsafe(24), listen(ports=port)
    say(f"http://127.0.0.1:{listening.getsockname()[1]}/?token={token}")
    app = application(watcher, token, title)
    config = uvicorn.Config(app, log_level="warning", access_log=False, limit_concurrency=64, server_header=False)
    try:
        uvicorn.Server(config).run(sockets=[listening])
    finally:
        watcher.stop()
