"""GourmetGram's page in a real browser, in front of the real service."""

import socket
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from labs.data.labels import CLASS_NAMES
from labs.serve.page import asking
from labs.serve.page.app import create_page, preview, samples
from labs.serve.running import PAGE, start, wait_until_ready
from tests.browser import jupyterlab
from tests.browser.jupyterlab import violations
from tests.sent import stored_both_ways


@pytest.fixture(scope="module")
def page_url(service, tmp_path_factory) -> Iterator[str]:
    """Return the address of a page in front of a real service."""
    log_path = tmp_path_factory.mktemp("page") / "log"
    with start(PAGE, log_path=log_path, PAGE_SERVER=service.url) as page:
        yield wait_until_ready(page).url


@pytest.fixture(scope="module")
def browser() -> Iterator:
    """Return a real Chromium; skipped with the reason where there is none."""
    with jupyterlab.browser() as started:
        yield started


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scripts"), [(1280, True), (390, True), (390, False)], ids=str)
def test_a_visitor_gets_an_answer(browser, page_url, width, scripts):
    """By sample with the keyboard, and by upload; wide, narrow, and without scripts; nothing sticks
    out sideways.
    """
    page = browser.new_page(viewport={"width": width, "height": 800}, java_script_enabled=scripts)
    page.set_default_timeout(60_000)
    errors: list[str] = []

    def note(message) -> None:
        if message.type == "error":
            errors.append(message.text)

    page.on("console", note)
    page.goto(page_url)
    page.focus("button[value='1']")
    page.keyboard.press("Enter")
    assert page.inner_text("#label") in CLASS_NAMES
    assert 0 < float(page.inner_text("#probability").split()[0]) <= 100
    assert float(page.inner_text("#latency").split()[0]) > 0
    assert "Dairy product" in page.inner_text(".truth")
    picture = {"name": "lunch.jpg", "mimeType": "image/jpeg", "buffer": samples()[3][1]}
    page.set_input_files("#picture", files=[picture])
    page.click("text=Tell me what it is")
    page.wait_for_selector("img.preview[alt='The picture that you sent']")
    assert page.inner_text("#label") in CLASS_NAMES
    notes = {"name": "notes.jpg", "mimeType": "image/jpeg", "buffer": b"no picture"}
    page.set_input_files("#picture", files=[notes])
    page.click("text=Tell me what it is")
    assert "cannot be read as a picture" in page.inner_text("[role=alert]")
    if scripts:
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert [line for line in errors if "422" not in line] == []
    page.close()


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it(browser, page_url, scheme):
    """Every control has a name, every picture a text, and axe finds nothing violations, weak
    contrasts included.
    """
    page = browser.new_page(color_scheme=scheme)
    page.goto(page_url)
    page.click("button[value='1']")
    page.wait_for_selector("#label")
    for role, count in (("button", 13), ("heading", 4), ("main", 1)):
        assert page.get_by_role(role).count() == count
    assert page.get_by_label("Upload a picture of food").count() == 1
    assert page.locator("img:not([alt])").count() == 0
    assert violations(page) == []
    page.close()


@pytest.mark.parametrize(
    ("model", "sent", "status", "says"),
    [
        ("", {"data": {"sample": "0"}}, 502, "Is it started?"),
        ("food_classifier", {"data": {"sample": "0"}}, 502, "Is it started?"),
        ("", {}, 400, "Choose a picture first"),
        ("", {"files": {"picture": ("a.jpg", bytes(10_000_001))}}, 413, "too large"),
        ("", {"data": {"sample": "99"}}, 422, ""),
        ("", {"headers": {"host": "evil.example"}}, 421, "own addresses only"),
    ],
)
def test_what_goes_wrong_is_said(model, sent, status, says):
    """A server that is not there, no picture, a large one, no such sample, and a page that rebinds
    its own name.
    """
    app = create_page("http://127.0.0.1:9", model)
    reply = TestClient(app, base_url="http://127.0.0.1").post("/", **sent)
    assert (reply.status_code, says in reply.text) == (status, True)


@pytest.mark.parametrize("model", ["", "food_classifier"])
def test_a_server_that_is_too_busy_is_no_missing_one(model, monkeypatch):
    """It takes the connection, and does not answer in time."""
    monkeypatch.setattr(asking, "_WITHIN_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as busy:
        address = f"http://127.0.0.1:{busy.getsockname()[1]}"
        client = TestClient(create_page(address, model), base_url="http://127.0.0.1")
        reply = client.post("/", data={"sample": "0"})
    assert (reply.status_code, "Too many people" in reply.text) == (503, True)


def test_the_preview_of_a_photo_that_was_stored_lying_is_upright():
    """The visitor sees what the model sees."""
    for upright, lying in stored_both_ways():
        assert preview(lying) == preview(upright)
