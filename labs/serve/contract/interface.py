"""The interfaces that services have: what each takes, and how it says no.

``photos`` is the course's own, ``completions`` OpenAI's, ``kserve`` Triton's, and ``page`` a form
in a browser.
"""

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from labs.serve.contract.bodies import no_photos, png, too_large
from labs.serve.contract.exchange import Reply, ask
from labs.serve.photos import photo

#: Where services say that they are alive.
HEALTH_PATHS = ("/healthz", "/health", "/-/healthz")

#: Where a server of KServe's protocol says that it is ready.
_KSERVE_READY = "/v2/health/ready"

#: The course's models that Triton serves, in the order in which the suite looks for them.
_KSERVE_MODELS = ("food_classifier", "food_classifier_ensemble")

#: JSON that stands in the place of a text, and is none.
_NO_TEXTS = ("1e999", "-1e999", "NaN", "Infinity", "7", "null", '["a"]')

#: What is sent in the place of JSON.
_NO_JSON = {
    "an empty body": b"",
    "no JSON": b"hello",
    "half of JSON": b"[",
    "a JPEG's head": b"\xff\xd8\xff",
    "a hundred thousand brackets": b"[" * 100_000,
}

_REFUSED = frozenset({400, 422})
_TOO_LARGE = frozenset({413})

#: Statuses for what is too large, where an interface has a single one for all bad requests.
_BAD_OR_TOO_LARGE = frozenset({400, 413})


@dataclass(frozen=True)
class BadBody:
    """A body that a service must refuse, with one of these statuses."""

    content: bytes
    statuses: frozenset[int]


@dataclass(frozen=True)
class Parameter:
    """A body with a parameter beside the usual ones; an answer 200 must honour it."""

    content: bytes
    is_honoured: Callable[[Reply], bool] = lambda reply: True


@dataclass(frozen=True)
class Interface:
    """What a kind of service takes, and how it says no."""

    name: str
    path: str
    health: str
    good: bytes
    #: Bodies whose answers take long; the first one is answered soonest.
    slow: tuple[bytes, ...]
    bad: Mapping[str, BadBody]
    parameters: Mapping[str, Parameter]
    #: Returns what an answer says, None if it is no answer.
    answer_of: Callable[[Reply], object]
    #: Returns whether a reply is an error in the interface's own form.
    is_error: Callable[[Reply], bool]
    too_large: frozenset[int] = _TOO_LARGE
    content_type: str = "application/json"


def interface_of(url: str) -> Interface:
    """Return the interface of a running service.

    Args:
        url: Its address. For KServe's protocol, the path ``/v2/models/NAME`` may follow, where the
            model is not one of the course's.

    Raises:
        ValueError: It has none of those that the suite knows.
    """
    if ask(url, "GET", _KSERVE_READY).status == 200:
        return _kserve_of(url)
    answers = [path for path in HEALTH_PATHS if ask(url, "GET", path).status == 200]
    health = next(iter(answers), HEALTH_PATHS[0])
    models = ask(url, "GET", "/v1/models").json()
    match models:
        case {"data": [{"id": str(model)}, *_]}:
            return completions(model, health)
    if 'name="picture"' in ask(url, "GET", "/").body.decode(errors="replace"):
        return page(health)
    if ask(url, "POST", "/predict", b"[").status in (0, 404, 405):
        raise ValueError(f"{url} has no route that the contract knows, such as POST /predict")
    return photos(health)


def photos(health: str = "/healthz") -> Interface:
    """Return the interface of *Serve over HTTP*: a photo as base64 text in JSON."""

    def holding(value: str) -> bytes:
        return b'{"image": %b}' % value.encode()

    def answer_of(reply: Reply) -> object:
        match reply.json():
            case {"prediction": str(label), "probability": float()}:
                return label
        return None

    def is_error(reply: Reply) -> bool:
        match reply.json():
            case {"detail": str(words)}:
                return bool(words)
            case {"detail": [{"msg": str()}, *_]}:
                return True
        return False

    more = json.dumps({"image": _base64(photo(0)), "colour": "red"}).encode()
    return Interface(
        "photos",
        "/predict",
        health,
        good=holding(_as_json(photo(0))),
        slow=_slow_photos(holding),
        bad=_bad_photos(holding),
        parameters={"colour": Parameter(more)},
        answer_of=answer_of,
        is_error=is_error,
    )


def completions(model: str, health: str = "/health") -> Interface:
    """Return OpenAI's interface of completions, for a model by its name."""

    def asking(**fields: object) -> bytes:
        usual = {"model": model, "prompt": "Soup goes well with", "max_tokens": 4}
        return json.dumps(usual | fields).encode()

    def holding(value: str) -> bytes:
        return asking(prompt="@").replace(b'"@"', value.encode())

    def choices_of(reply: Reply) -> list[dict]:
        match reply.json():
            case {"object": "text_completion", "choices": [*choices]}:
                return choices
        return []

    def answer_of(reply: Reply) -> object:
        # A model may end at once: its answer is then an empty text.
        choices = choices_of(reply)
        return bool(choices and choices[0]["finish_reason"]) or None

    def is_error(reply: Reply) -> bool:
        match reply.json():
            case {"error": {"message": str(words), "type": str()}}:
                return bool(words)
        return False

    def is_short(reply: Reply) -> bool:
        match reply.json():
            case {"usage": {"completion_tokens": 1}}:
                return True
        return False

    def has_no_blank(reply: Reply) -> bool:
        return all(" " not in choice["text"] for choice in choices_of(reply))

    only_new = {"prompt": "Soup", "max_completion_tokens": 1, "model": model}
    parameters = {
        "max_completion_tokens": Parameter(json.dumps(only_new).encode(), is_short),
        "stop": Parameter(asking(stop=[" "], max_tokens=8), has_no_blank),
        "n": Parameter(asking(n=2), lambda reply: len(choices_of(reply)) == 2),
        "another model": Parameter(asking(model="nobody's"), lambda reply: False),
        "colour": Parameter(asking(colour="red")),
    }
    bad = {f"a prompt {value}": BadBody(holding(value), _REFUSED) for value in _NO_TEXTS}
    bad["an empty prompt"] = BadBody(asking(prompt=""), _REFUSED)
    bad["a prompt that is too long"] = BadBody(asking(prompt="soup " * 40_000), _REFUSED)
    bad["no tokens"] = BadBody(asking(max_tokens=0), _REFUSED)
    bad["half a character"] = BadBody(holding('"\\ud800"'), frozenset({200, 400, 422}))
    bad |= {words: BadBody(content, _REFUSED) for words, content in _NO_JSON.items()}
    return Interface(
        "completions",
        "/v1/completions",
        health,
        good=asking(),
        slow=(asking(max_tokens=1), *[asking(max_tokens=48)] * 23),
        bad=bad,
        parameters=parameters,
        answer_of=answer_of,
        is_error=is_error,
        too_large=_BAD_OR_TOO_LARGE,
    )


def _kserve_of(url: str) -> Interface:
    """Return the interface of the model in an address, or of a model of the course's.

    Raises:
        ValueError: No such model is loaded, or it takes something else than a text.
    """
    in_path = re.findall(r"^/v2/models/([^/]+)", urlsplit(url).path)
    names = in_path or _KSERVE_MODELS
    for name in names:
        match ask(url, "GET", f"/v2/models/{name}").json():
            case {
                "inputs": [{"name": str(text), "datatype": "BYTES"}],
                "outputs": [{"name": str(output)}, *_],
            }:
                return kserve(name, text, output)
    raise ValueError(
        f"{url} has no model {' or '.join(names)} with a single text as input. Load it, or add "
        "/v2/models/NAME to the address."
    )


def kserve(model: str, text: str, output: str) -> Interface:
    """Return KServe's interface of inference, version 2, for a model that classifies photos.

    Args:
        model: Its name.
        text: The name of its input: a photo as base64 text.
        output: The name of one of its outputs.
    """

    def asking(value: str = _as_json(photo(0)), **fields: object) -> bytes:
        tensor = {"name": text, "shape": [1, 1], "datatype": "BYTES", "data": ["@"]}
        body = json.dumps({"inputs": [tensor]} | fields).encode()
        return body.replace(b'"@"', value.encode())

    def outputs_of(reply: Reply) -> list[dict]:
        match reply.json():
            case {"outputs": [*outputs]}:
                return outputs
        return []

    def answer_of(reply: Reply) -> object:
        match outputs_of(reply):
            case [{"data": [answer, *_]}, *_]:
                return answer
        return None

    def is_error(reply: Reply) -> bool:
        match reply.json():
            case {"error": str(words)}:
                return bool(words)
        return False

    def has_id(reply: Reply) -> bool:
        match reply.json():
            case {"id": "lunch"}:
                return True
        return False

    def is_alone(reply: Reply) -> bool:
        return [given["name"] for given in outputs_of(reply)] == [output]

    bad = {}
    for words, body in _bad_photos(asking).items():
        bad[words] = BadBody(body.content, _REFUSED | _TOO_LARGE)
    parameters = {"id": Parameter(asking(id="lunch"), has_id)}
    parameters["an output"] = Parameter(asking(outputs=[{"name": output}]), is_alone)
    unknown = asking(outputs=[{"name": "COLOUR"}])
    parameters["an unknown output"] = Parameter(unknown, lambda reply: False)
    parameters["colour"] = Parameter(asking(parameters={"colour": "red"}))
    path = f"/v2/models/{model}"
    return Interface(
        "KServe v2",
        f"{path}/infer",
        f"{path}/ready",
        good=asking(),
        slow=_slow_photos(asking),
        bad=bad,
        parameters=parameters,
        answer_of=answer_of,
        is_error=is_error,
        too_large=_BAD_OR_TOO_LARGE,
    )


def page(health: str = "/healthz") -> Interface:
    """Return the interface of GourmetGram's page: a form with a file in it, and HTML as answer."""
    boundary = "a-boundary-of-the-form"

    def form(content: bytes) -> bytes:
        about = b'content-disposition: form-data; name="picture"; filename="lunch.jpg"'
        parts = [b"--" + boundary.encode(), about, b"content-type: image/jpeg", b"", content]
        return b"\r\n".join([*parts, b"--" + boundary.encode() + b"--", b""])

    def answer_of(reply: Reply) -> object:
        _, mark, rest = reply.body.partition(b'id="label"')
        return rest.partition(b"<")[0] if mark else None

    def is_error(reply: Reply) -> bool:
        return b'role="alert"' in reply.body or reply.status in (404, 405)

    bad = {words: BadBody(form(content), _TOO_LARGE) for words, content in too_large().items()}
    for words, content in no_photos().items():
        bad[words] = BadBody(form(content), _REFUSED)
    bad |= {words: BadBody(content, _REFUSED) for words, content in _NO_JSON.items()}
    return Interface(
        "page",
        "/",
        health,
        good=form(photo(0)),
        slow=(form(png(5_000, 1_000)),) * 100,
        bad=bad,
        parameters={},
        answer_of=answer_of,
        is_error=is_error,
        # It is no form, so that nothing of it is read.
        too_large=_BAD_OR_TOO_LARGE,
        content_type=f"multipart/form-data; boundary={boundary}",
    )


def _bad_photos(holding: Callable[[str], bytes]) -> dict[str, BadBody]:
    """Return what is no photo, in the place of a photo's base64 text.

    Args:
        holding: Returns a body with a value, as JSON, in that place.
    """
    bad = {}
    for words, content in too_large().items():
        bad[words] = BadBody(holding(_as_json(content)), _TOO_LARGE)
    for words, content in no_photos().items():
        bad[words] = BadBody(holding(_as_json(content)), frozenset({422}))
    for value in ('"lunch.jpg"', *_NO_TEXTS):
        bad[value] = BadBody(holding(value), frozenset({422}))
    return bad | {words: BadBody(content, _REFUSED) for words, content in _NO_JSON.items()}


def _slow_photos(holding: Callable[[str], bytes]) -> tuple[bytes, ...]:
    """Return requests with five megapixels of a few kilobytes each."""
    return (holding(_as_json(png(5_000, 1_000))),) * 100


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _as_json(content: bytes) -> str:
    """Return a file's base64 text as JSON."""
    return json.dumps(_base64(content))
