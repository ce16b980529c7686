"""Resources on disk. What `put` has returned from is still there after a kill or a power cut."""

import json
import sqlite3


class Store:
    """Named JSON documents by kind, in one SQLite file.

    Used from the server's event loop only; every call is short. The write-ahead log is synchronised at each commit
    (synchronous=FULL), which is what makes an acknowledged resource survive.
    """

    def __init__(self, path):
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS resources (kind TEXT, key TEXT, value TEXT, PRIMARY KEY (kind, key))"
        )

    def put(self, kind, key, value):
        """Create or replace. value: anything that JSON can hold."""
        self._db.execute("INSERT OR REPLACE INTO resources VALUES (?, ?, ?)", (kind, key, json.dumps(value)))

    def get(self, kind, key):
        """The value, or None."""
        row = self._db.execute("SELECT value FROM resources WHERE kind = ? AND key = ?", (kind, key)).fetchone()
        return json.loads(row[0]) if row else None

    def items(self, kind, prefix=""):
        """All (key, value) of a kind whose key begins with `prefix`, in order of key."""
        query = "SELECT key, value FROM resources WHERE kind = ? AND key >= ? AND key < ? ORDER BY key"
        rows = self._db.execute(query, (kind, prefix, prefix + "\U0010ffff")).fetchall()
        return [(key, json.loads(value)) for key, value in rows]

    def delete(self, kind, key):
        """True if there was one."""
        return self._db.execute("DELETE FROM resources WHERE kind = ? AND key = ?", (kind, key)).rowcount > 0

    def count(self):
        return self._db.execute("SELECT count(*) FROM resources").fetchone()[0]

    def close(self):
        self._db.close()
