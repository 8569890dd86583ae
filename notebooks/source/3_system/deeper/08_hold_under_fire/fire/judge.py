"""A whole service under attack: its answers, what a kill and a drain cost, and which connections it
gives up.

All attacks come in an order that is drawn each time. Nothing is judged by how fast a machine is:
health must answer while the model is held, and no photo may be lost but those that a killed process
had in hand.
"""

import contextlib
import io
import json
import signal
from collections.abc import Callable

from PIL import Image

from labs.judge.drawn import Network, as_text, dice, photos
from labs.judge.program import HeldValue, Lost, Outside, Program, Start, at_home
from labs.judge.verdicts import Handed, as_json, content_of, noting
from labs.machine.busy import slowdown

#: Settings of the service: photos computed at once and waiting in a process, and seconds.
_WORKERS, _MAY_WAIT, _BODY_S, _GRACE_S = 1, 4, 3, 2

_SETTINGS = {
    "WORKERS": str(_WORKERS),
    "MAY_WAIT": str(_MAY_WAIT),
    "BODY_S": str(_BODY_S),
    "GRACE_S": str(_GRACE_S),
}

#: Seconds for a start, for a photo, for a process to end, and for a connection to be given up,
#: beyond what its limit says; of an idle machine.
_START_S, _PHOTO_S, _MORE_S = 20, 15, 10

#: A program that fails would keep a very busy machine for minutes.
_MOST_SLOWER = 4.0

#: Seconds that nothing is waited for longer than.
_MOST_S = 120

#: Connections that are held open: half of them send a byte now and then.
_HELD = 160

#: Good photos, each with an answer of its own.
_PHOTOS = 4

#: Most photos until a full service must refuse one.
_MOST_PHOTOS = 60

#: Megabytes of a body without an announced length.
_ENDLESS = 60

_REPLY = {"status": int, "body": str, "length": int, "taken": int}


class _Model:
    """The model of all processes; it may keep an answer back."""

    def __init__(self) -> None:
        self.network = Network()
        self.holds = False
        #: The processes that called, in turn.
        self.pids: list[int] = []

    def outside(self) -> dict[str, Outside]:
        return {"run": Outside({"pid": int, "rows": [[float | int]]}, self._run)}

    def _run(self, pid: int, rows: list) -> object:
        self.pids.append(pid)
        logits = self.network.logits(rows).round(6).tolist()
        return HeldValue(logits) if self.holds else logits


class _Attacked:
    """The program, its model, and good photos with their right answers."""

    def __init__(self, program: Program, model: _Model) -> None:
        self._program, self.model = program, model
        self._photos = photos(_PHOTOS)
        self._truth = model.network.truth(self._photos)
        #: How much longer everything takes on this machine.
        self.slower = min(slowdown(), _MOST_SLOWER)

    def do(self, form: dict, **request: object) -> dict:
        """Ask for one thing that the asker does."""
        return self._program.reply(self._program.begin(**request), form, _MOST_S)

    def start(self) -> str:
        """Start the program unless it runs; return its last words if it does not answer."""
        within_s = _START_S * self.slower
        form = {"ready": bool, "log": str}
        reply = self.do(form, do="start", variables=_SETTINGS, within_s=within_s)
        return "" if reply["ready"] else reply["log"].strip()[-300:] or "nothing"

    def begin(self, place: int = 0, **how: object) -> int:
        """Send a good photo."""
        text = as_text(self._photos[place])
        body = as_text(json.dumps({"image": text}).encode())
        within_s = _PHOTO_S * self.slower
        return self._program.begin(
            do="post", method="POST", path="/predict", body=body, within_s=within_s, **how
        )

    def end(self, number: int) -> dict:
        """Return the answer to a photo."""
        return self._program.reply(number, _REPLY, _MOST_S)

    def post(self, method: str = "POST", path: str = "/predict", **how: object) -> dict:
        """Return the answer to any request."""
        within_s = _PHOTO_S * self.slower
        return self.do(
            _REPLY, do="post", method=method, path=path, within_s=within_s, **how
        )

    def is_right(self, reply: dict, place: int) -> bool:
        """Return whether a good photo got its own answer."""
        label, probability = self._truth[place]
        match as_json(reply["body"]):
            case {"prediction": str(said), "probability": float(share)}:
                return said == label and abs(share - probability) < 0.01
        return False

    def lost(self, number: int) -> int:
        """Send some good photos at once, and return how many did not get their answer."""
        places = [place % len(self._photos) for place in range(number)]
        begun = [self.begin(place) for place in places]
        replies = [self.end(each) for each in begun]
        rights = [self.is_right(*pair) for pair in zip(replies, places, strict=True)]
        return rights.count(False)

    def computing(self) -> tuple[int, int]:
        """Send a good photo, and return its number, and the process that computes it and waits
        for its model.

        Raises:
            Lost: The model was not called.
        """
        before = len(self.model.pids)
        self.model.holds = True
        number = self.begin()
        try:
            self._program.until(
                lambda: len(self.model.pids) > before or self.has_answer(number), _PHOTO_S
            )
        finally:
            self.model.holds = False
        if len(self.model.pids) == before:
            raise Lost("A good photo does not reach the model.")
        return number, self.model.pids[-1]

    def release(self) -> None:
        """Let the model answer."""
        self._program.release()

    def signal(self, pid: int, number: signal.Signals) -> None:
        """Send a signal to one of the program's processes."""
        self.do({"sent": bool}, do="signal", pid=pid, number=int(number))

    def is_gone(self, pid: int, within_s: float) -> bool:
        """Return whether a process ends in time."""
        return self.do({"gone": bool}, do="gone", pid=pid, within_s=within_s)["gone"]

    def wait_for(self, look: Callable[[], bool], within_s: float) -> None:
        """Wait until something is seen, or it is late."""
        # A program that has ended shows by the next request.
        with contextlib.suppress(Lost):
            self._program.until(look, within_s)

    def has_answer(self, number: int) -> bool:
        """Return whether an answer is there."""
        return self._program.has_replied(number)


def service(handed: Handed, start: Start = at_home) -> dict:
    """Return what ``serve.py`` answers while it is attacked, and what it loses."""
    facts: dict = {"said": "nothing", "log": "", "photo": 0, "right": False}
    facts |= {"busy": 0, "full": 0, "full_lost": 0}
    facts |= {
        "pixels": 0,
        "endless": 0,
        "endless_mb": 0,
        "no_text": 0,
        "no_text_bytes": 0,
    }
    facts |= {"slow_lost": 0, "patient": 0, "left": 0, "held": _HELD}
    facts |= {"kill_lost": 0, "kill_photos": 0}
    facts |= {"begun": 0, "drain_lost": 0, "ended": False, "replaced": False}
    model = _Model()
    content = content_of(handed, "serve.py")
    asker = "labs.deeper.fire.inside:serve"
    with (
        noting(facts),
        Program(asker, content, model.outside(), start, each_s=15, wall_s=200) as program,
    ):
        attacked = _Attacked(program, model)
        facts["log"] = attacked.start()
        if facts["log"]:
            return facts
        # Each photo, since a guess is right for one of them now and then.
        for place in range(_PHOTOS):
            reply = attacked.end(attacked.begin(place))
            facts |= {"photo": reply["status"], "said": reply["body"][:200]}
            if not attacked.is_right(reply, place):
                return facts
        facts["right"] = True
        attacks = [_fill, _bomb, _hold, _kill, _drain]
        for number in dice().permutation(len(attacks)):
            attacks[number](attacked, facts)
            # As a person does who was woken; what was lost until then is lost.
            attacked.start()
    return facts


def _fill(attacked: _Attacked, facts: dict) -> None:
    """Hold the model, and send photos until one is refused; ask for health then."""
    attacked.model.holds = True
    begun = [attacked.begin() for _ in range(_MOST_PHOTOS)]
    attacked.wait_for(lambda: any(map(attacked.has_answer, begun)), 5)
    facts["busy"] = attacked.post("GET", "/healthz")["status"]
    attacked.model.holds = False
    attacked.release()
    replies = [attacked.end(number) for number in begun]
    refused = [reply["status"] for reply in replies if not attacked.is_right(reply, 0)]
    facts["full"] = refused[0] if refused else 200
    others = [status for status in refused if status != facts["full"]]
    facts["full_lost"] = len(others)


def _bomb(attacked: _Attacked, facts: dict) -> None:
    """Send too many pixels, too many bytes, and a list in the place of a text."""
    content = io.BytesIO()
    Image.new("1", (6_000, 5_000)).save(content, "PNG")
    pixels = json.dumps({"image": as_text(content.getvalue())}).encode()
    numbers = json.dumps({"image": [0] * 50_000}).encode()
    facts["pixels"] = attacked.post(body=as_text(pixels))["status"]
    reply = attacked.post(body=as_text(numbers))
    facts |= {"no_text": reply["status"], "no_text_bytes": reply["length"]}
    within_s = _PHOTO_S * attacked.slower
    reply = attacked.do(_REPLY, do="endless", megabytes=_ENDLESS, within_s=within_s)
    facts |= {"endless": reply["status"], "endless_mb": reply["taken"]}


def _hold(attacked: _Attacked, facts: dict) -> None:
    """Hold connections with parts of bodies, and send good photos beside them."""
    for more in (True, False):
        attacked.do({"held": int}, do="hold", number=_HELD // 2, more=more)
    patient = attacked.begin(1, pieces=4)
    # No more at once than a process may have in hand, beside the patient one.
    facts["slow_lost"] = sum(attacked.lost(_MAY_WAIT) for _ in range(3))
    reply = attacked.end(patient)
    facts["patient"] = 200 if attacked.is_right(reply, 1) else reply["status"]
    within_s = _BODY_S + _MORE_S * attacked.slower
    facts["left"] = attacked.do({"left": int}, do="let_go", within_s=within_s)["left"]


def _kill(attacked: _Attacked, facts: dict) -> None:
    """Kill the process that computes three times; the photo that it has in hand is lost with
    it.
    """
    for _ in range(3):
        try:
            number, pid = attacked.computing()
        except Lost:  # nobody was left
            facts["kill_lost"] += 4
            continue
        attacked.signal(pid, signal.SIGKILL)
        attacked.release()
        attacked.end(number)
        facts["kill_lost"] += attacked.lost(4)
    facts["kill_photos"] = 12


def _drain(attacked: _Attacked, facts: dict) -> None:
    """Ask the process that computes to end, while some bodies are half sent: once its photo gets
    an answer, and once it never would.
    """
    attacked.do({"held": int}, do="hold", number=10, more=False)
    number, pid = attacked.computing()
    attacked.signal(pid, signal.SIGTERM)
    attacked.is_gone(pid, 0.3)  # until it has taken notice
    attacked.release()
    reply = attacked.end(number)
    facts["begun"] = 200 if attacked.is_right(reply, 0) else reply["status"]
    facts["drain_lost"] = attacked.lost(4)
    within_s = _GRACE_S + _MORE_S * attacked.slower
    facts["replaced"] = attacked.is_gone(pid, within_s)
    attacked.do({"left": int}, do="let_go", within_s=0)
    if facts["drain_lost"]:
        return
    number, pid = attacked.computing()
    attacked.signal(pid, signal.SIGTERM)
    facts["ended"] = attacked.is_gone(pid, within_s)
    attacked.release()
    attacked.end(number)
    facts["drain_lost"] = attacked.lost(4)
