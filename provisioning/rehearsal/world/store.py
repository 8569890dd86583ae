"""What the rehearsal remembers: one SQLite file of JSON documents, so that a restart loses nothing."""

import json
import sqlite3
from pathlib import Path
from typing import Any

Document = dict[str, Any]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    kind TEXT NOT NULL, id TEXT NOT NULL, position INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL,
    UNIQUE (kind, id)
);
"""


class Store:
    """Documents by kind and id, in the order in which they were added.

    A document is a dict of JSON values with an `id`. Callers change a document they were given and `put` it back;
    nothing is saved by itself.
    """

    def __init__(self, path: Path | str) -> None:
        """Open the file, creating it when it is missing.

        Args:
            path: The SQLite file, or `:memory:` for a rehearsal that forgets.
        """
        # One event loop owns the store, but the test client moves it to a thread of its own.
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        if str(path) != ":memory:":
            self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)

    def put(self, kind: str, document: Document) -> Document:
        """Save a document and return it; a document with the same id is replaced in place."""
        self._db.execute(
            "INSERT INTO documents (kind, id, body) VALUES (?, ?, ?)"
            " ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body",
            (kind, document["id"], json.dumps(document)),
        )
        return document

    def get(self, kind: str, identifier: str) -> Document | None:
        """Return one document, or None when there is none of that kind and id."""
        row = self._db.execute("SELECT body FROM documents WHERE kind = ? AND id = ?", (kind, identifier)).fetchone()
        return json.loads(row[0]) if row else None

    def find(self, kind: str, **wanted: Any) -> list[Document]:
        """Return the documents of a kind whose fields equal all the wanted values, oldest first."""
        rows = self._db.execute("SELECT body FROM documents WHERE kind = ? ORDER BY position", (kind,))
        documents = (json.loads(body) for (body,) in rows)
        return [d for d in documents if all(d.get(name) == value for name, value in wanted.items())]

    def remove(self, kind: str, identifier: str) -> None:
        """Forget one document; a document that is not there is no error."""
        self._db.execute("DELETE FROM documents WHERE kind = ? AND id = ?", (kind, identifier))

    def clear(self) -> None:
        """Forget every document."""
        self._db.execute("DELETE FROM documents")

    def close(self) -> None:
        """Close the file."""
        self._db.close()
