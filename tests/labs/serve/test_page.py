"""GourmetGram's page in a real browser, in front of the real service; and the service's own, Swagger UI."""

from __future__ import annotations

import asyncio
import io
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from labs.data.labels import CLASS_NAMES
from labs.serve.page.app import create_page, samples
from labs.serve.running import running
from labs.serve.settings import PageSettings
from tests.browser.jupyterlab import _CHROMIUM_FLAGS, chromium, serious

from .conftest import ask


@pytest.fixture(scope="module")
def page_url(serve, tmp_path_factory) -> Iterator[str]:
    """Return the address of a page in front of a real service."""
    settings = PageSettings(url=serve(max_body_bytes=2_000_000).url)
    with running(settings, log_path=tmp_path_factory.mktemp("page") / "log") as page:
        yield page.url


@pytest.fixture(scope="module")
def browser() -> Iterator:
    """Return a real Chromium; skipped with the reason where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if chromium() is None:
        pytest.skip("there is no Chromium on this machine: apt install chromium, or set CHROMIUM to one")
    with playwright.sync_playwright() as driver:
        window = driver.chromium.launch(executable_path=chromium(), headless=True, args=list(_CHROMIUM_FLAGS))
        yield window
        window.close()


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scripts"), [(1280, True), (390, True), (390, False)], ids=str)
def test_a_visitor_gets_an_answer(browser, page_url, width, scripts):
    """By sample with the keyboard, and by upload; wide, narrow, and without scripts; nothing sticks out sideways."""
    page = browser.new_page(viewport={"width": width, "height": 800}, java_script_enabled=scripts)
    page.set_default_timeout(60_000)
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
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
    page.set_input_files("#picture", files=[{"name": "notes.jpg", "mimeType": "image/jpeg", "buffer": b"no picture"}])
    page.click("text=Tell me what it is")
    assert "cannot be read as a picture" in page.inner_text("[role=alert]")
    if scripts:
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert [line for line in errors if "422" not in line] == []
    page.close()


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it(browser, page_url, scheme):
    """Every control has a name, every picture a text, and axe finds nothing serious, weak contrasts included."""
    page = browser.new_page(color_scheme=scheme)
    page.goto(page_url)
    page.click("button[value='1']")
    page.wait_for_selector("#label")
    for role, count in (("button", 13), ("heading", 4), ("main", 1)):
        assert page.get_by_role(role).count() == count
    assert page.get_by_label("Upload a picture of food").count() == 1
    assert page.locator("img:not([alt])").count() == 0
    assert serious(page) == []
    page.close()


def posted(settings: PageSettings, **sent: object) -> httpx.Response:
    """Return what a page answers, without a server."""

    async def post() -> httpx.Response:
        transport = httpx.ASGITransport(create_page(settings))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.post("/", **sent)

    # On a thread of its own: the browser's driver has a running loop on this one.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(post())).result()


def test_a_server_that_is_not_there_is_said(jpeg):
    """The visitor reads a sentence with status 502, whichever server it should be; and no image is a 400."""
    for server in ("fastapi", "triton-python", "triton-onnx"):
        reply = posted(PageSettings(server=server, url="http://127.0.0.1:9"), data={"sample": "0"})
        assert (reply.status_code, "Is it started?" in reply.text) == (502, True)
    assert posted(PageSettings()).status_code == 400
    reply = posted(PageSettings(max_upload_bytes=1000), files={"picture": ("a.jpg", io.BytesIO(jpeg))})
    assert (reply.status_code, "too large" in reply.text) == (413, True)


def test_a_terminal_needs_no_environment_for_its_line(serve):
    """The printed line, in a shell that knows nothing of the course, serves a page that says where it is."""
    line = PageSettings(url=serve(instances=1).url).terminal_line() + " --port 0"
    with subprocess.Popen(
        ["/bin/sh", "-c", f"exec env {line}"], stdout=subprocess.PIPE, text=True, env={"PATH": "/usr/bin:/bin"}
    ) as page:
        said = page.stdout.readline()
        assert ask(said.split()[-1] + "/readyz").status == 200
        page.terminate()
    assert said.startswith("http://127.0.0.1:")


@pytest.mark.browser
def test_a_request_can_be_tried_out_in_swagger_ui(serve, browser):
    """'Try it out' and 'Execute' send the example, which is an image, and show what came back."""
    service, page = serve(instances=1), browser.new_page()
    page.set_default_timeout(60_000)
    elsewhere: list[str] = []
    page.on("request", lambda asked: elsewhere.append(asked.url) if not asked.url.startswith(service.url) else None)
    page.goto(service.url + "/docs")
    page.wait_for_selector("main .opblock-summary-control")
    assert serious(page, without=[".swagger-ui"]) == []
    page.click("#operations-default-predict_predict_post .opblock-summary-control")
    page.click("text=Try it out")
    page.click("text=Execute")
    page.wait_for_selector(".live-responses-table .response-col_status:has-text('200')")
    assert "prediction" in page.inner_text(".live-responses-table")
    assert [url for url in elsewhere if not url.startswith("data:")] == []
    page.close()
