"""The service's own page, Swagger UI, in a real browser that reaches no other host."""

from __future__ import annotations

import pytest

from .conftest import ask
from .test_page import browser  # noqa: F401 - a fixture


def test_its_files_come_from_here(serve):
    """The page names no other host, and its files are there."""
    service = serve(instances=1)
    shown = ask(service.url + "/docs").body.decode()
    assert "https://" not in shown
    for name in ("swagger-ui-bundle.js", "swagger-ui.css", "favicon.png"):
        assert f'docs/files/{name}"' in shown
        assert ask(f"{service.url}/docs/files/{name}").status == 200


@pytest.mark.browser
def test_a_request_can_be_tried_out(serve, browser):  # noqa: F811
    """'Try it out' and 'Execute' send the example, which is an image, and show what came back."""
    service, page = serve(instances=1), browser.new_page()
    page.set_default_timeout(60_000)
    elsewhere: list[str] = []
    page.on("request", lambda asked: elsewhere.append(asked.url) if not asked.url.startswith(service.url) else None)
    page.goto(service.url + "/docs")
    page.click("#operations-default-predict_predict_post .opblock-summary-control")
    page.click("text=Try it out")
    page.click("text=Execute")
    page.wait_for_selector(".live-responses-table .response-col_status:has-text('200')")
    assert "prediction" in page.inner_text(".live-responses-table")
    assert [url for url in elsewhere if not url.startswith("data:")] == []
    page.close()
