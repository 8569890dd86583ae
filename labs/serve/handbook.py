"""The service's documentation as one page, made from its OpenAPI description, with nothing loaded from elsewhere.

FastAPI's own page takes its scripts from another host: where there is no internet, it stays empty.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import escape

_STYLE = """
:root { color-scheme: light dark; --soft: #5f564e; --line: #ddd3c7; --paper: #faf6f0; --accent: #9c3817; }
@media (prefers-color-scheme: dark) { :root { --soft: #b9aca0; --line: #463c35; --paper: #241f1b; --accent: #ff9d73; } }
body { max-width: 860px; margin: 0 auto; padding: 24px 20px 60px; font: 16px/1.55 system-ui, sans-serif; }
h1 { margin: 0; } h2 { margin: 44px 0 4px; padding-top: 18px; border-top: 1px solid var(--line); }
h2 code { font-size: 1.1rem; } h2 .verb { color: var(--accent); } .soft { color: var(--soft); }
pre { padding: 12px 14px; border-radius: 8px; background: var(--paper); font-size: 0.86rem;
  white-space: pre-wrap; overflow-wrap: anywhere; }
table { width: 100%; border-collapse: collapse; } td, th { padding: 7px 10px 7px 0; text-align: left;
  vertical-align: top; border-bottom: 1px solid var(--line); } td pre { margin: 4px 0; }
"""


def page(openapi: dict, url: str) -> str:
    """Return the page as HTML.

    Args:
        openapi: The app's description of itself.
        url: Where the service is reached, for the lines that can be copied.
    """
    about = openapi["info"]
    title = escape(about["title"])
    parts = (part for path, verbs in openapi["paths"].items() for part in _path(path, verbs, openapi, url.rstrip("/")))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head><body>'
        f'<h1>{title}</h1><p class="soft">Version {escape(about["version"])}; for programs: '
        f'<a href="openapi.json">openapi.json</a></p>{_paragraphs(about["description"])}{"".join(parts)}</body></html>'
    )


def _path(path: str, verbs: dict, openapi: dict, url: str) -> Iterator[str]:
    for verb, operation in verbs.items():
        yield f'<section><h2><code><span class="verb">{verb.upper()}</span> {escape(path)}</code></h2>'
        yield _paragraphs(operation["description"])
        body = operation.get("requestBody", {}).get("content", {})
        if body:
            yield f"<h3>Send</h3><p>{', '.join(f'<code>{escape(media)}</code>' for media in body)}</p>"
        yield f"<pre>{escape(_line(verb, url + path, body))}</pre><h3>Get back</h3>"
        yield "<table><thead><tr><th>Status</th><th>Meaning</th></tr></thead><tbody>"
        for status, reply in operation["responses"].items():
            shown = "".join(f"<pre>{escape(one)}</pre>" for one in _examples(reply.get("content", {}), openapi))
            yield f"<tr><td><code>{status}</code></td><td>{escape(reply['description'])}{shown}</td></tr>"
        yield "</tbody></table></section>"


def _line(verb: str, url: str, body: dict) -> str:
    """Return the request as a line for a terminal."""
    if not body:
        return f"curl {url}"
    media, how = next(iter(body.items()))
    examples = how["schema"].get("examples")
    data = f"'{json.dumps(examples[0])}'" if examples else "@photo.jpg"
    return f"curl {url} -H 'Content-Type: {media}' --data-binary {data}"


def _examples(content: dict, openapi: dict) -> Iterator[str]:
    """Yield the examples of a reply: its own, or its schema's."""
    for media, how in content.items():
        schema = how.get("schema", {})
        if "$ref" in schema:
            schema = openapi["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        values = [one["value"] for one in how.get("examples", {}).values()] or schema.get("examples", [])
        yield from (f"{media}\n{json.dumps(value, ensure_ascii=False)}" for value in values)


def _paragraphs(text: str) -> str:
    """Return text as paragraphs, with what stands between backticks as code."""
    marked = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
    return "".join(f"<p>{one}</p>" for one in marked.split("\n\n"))
