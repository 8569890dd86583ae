"""The description of the course as Trovi reads it: ``trovi.json``, an RO-Crate at the root of the repository.

Source: ChameleonCloud/trovi ``trovi/importing/views.py``. It reads the root data entity ``./``: ``name``,
``disambiguatingDescription`` and ``description``; ``keywords`` as one text split at commas, each of which must be a tag
that Trovi knows; ``author`` as a list; and of ``actionApplication`` the entities of type SoftwareApplication that carry
``trovi_type`` and ``trovi_arguments``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

FILE_NAME = "trovi.json"

#: Longest texts that Trovi stores, in characters.
NAME_LIMIT = 140
SHORT_LIMIT = 200
LONG_LIMIT = 5000

_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def read(path: Path) -> dict[str, Any]:
    """Return the crate in a file.

    Raises:
        ValueError: not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path.name} is not JSON: {error}") from error


def problems(document: Mapping[str, Any], known_tags: Collection[str] | None = None) -> list[str]:
    """Return what keeps Trovi from importing the crate; an empty list when nothing does.

    Trovi's importer answers some of these with status 200 and an error in the body, so they are looked for before.

    Args:
        document: the crate.
        known_tags: Trovi's tags, lower or upper case; None skips that check.
    """
    graph = document.get("@graph")
    if not isinstance(graph, list):
        return ["there is no @graph"]
    entities = {entity.get("@id"): entity for entity in graph if isinstance(entity, Mapping)}
    root = entities.get("./")
    if root is None:
        return ["there is no root data entity './'"]
    found = []
    if (entities.get(FILE_NAME) or {}).get("about") != {"@id": "./"}:
        found.append(f"the metadata entity {FILE_NAME!r} about './' is missing, so no RO-Crate reader finds the root")
    for key, limit in (("name", NAME_LIMIT), ("disambiguatingDescription", SHORT_LIMIT), ("description", LONG_LIMIT)):
        text = root.get(key)
        if not isinstance(text, str) or not text.strip():
            found.append(f"{key} is missing")
        elif len(text) > limit:
            found.append(f"{key} has {len(text)} characters, and Trovi takes {limit}")
    found += _tag_problems(root.get("keywords"), known_tags)
    found += _author_problems(_followed(root.get("author"), entities))
    applications = _followed(root.get("actionApplication"), entities)
    if applications is None:
        found.append("actionApplication must be a list")
    elif not any(each.get("@type") == "SoftwareApplication" and each.get("trovi_type") for each in applications):
        found.append("no SoftwareApplication with a trovi_type: the launch button would do nothing")
    return found


def _tag_problems(keywords: object, known_tags: Collection[str] | None) -> list[str]:
    if not isinstance(keywords, str):
        return ["keywords must be one text with commas"]
    tags = [tag.strip() for tag in keywords.split(",")]
    if not all(tags):
        return ["keywords has an empty entry"]
    known = {tag.lower() for tag in known_tags} if known_tags is not None else {tag.lower() for tag in tags}
    unknown = [tag for tag in tags if tag.lower() not in known]
    return [f"Trovi knows no tag {', '.join(unknown)}; it has {', '.join(sorted(known))}"] if unknown else []


def _author_problems(authors: Sequence[Mapping[str, Any]] | None) -> list[str]:
    if not authors:
        return ["author must be a list of at least one person"]
    found = []
    for author in authors:
        missing = [key for key in ("name", "email", "affiliation") if not author.get(key)]
        if missing:
            found.append(f"author {author.get('name') or author.get('@id')} has no {', '.join(missing)}")
        elif not _MAIL.fullmatch(author["email"]):
            found.append(f"author {author['name']}: {author['email']!r} is no e-mail address")
        elif author["email"].rpartition(".")[0].endswith("@example"):
            found.append(f"author {author['name']} is a placeholder: put yourself into {FILE_NAME}")
    return found


def _followed(value: object, entities: Mapping[object, Mapping[str, Any]]) -> list[Mapping[str, Any]] | None:
    """Return the entities that a list refers to; None when it is no list."""
    if not isinstance(value, list):
        return None
    return [entities.get(each.get("@id"), each) for each in value if isinstance(each, Mapping)]
