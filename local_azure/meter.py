"""What was used of each resource, in the units that Azure bills in. Prices are none of its business.

A row is (resource, service, meter, unit) and a quantity that only grows: what a resource used, it used, even if it is
deleted.
"""

import asyncio
import contextlib
import itertools
import sqlite3
import time

WRITE_AFTER = 1  # seconds that an addition waits in memory, so that a busy minute costs sixty writes
HOUR = 3600


class Meter:
    """The quantities of a server, in a small SQLite file.

    Used from the server's event loop only. `add` touches memory alone; what a killed server had not yet written, one
    second at most, is lost.
    """

    def __init__(self, path):
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        columns = "resource TEXT, service TEXT, meter TEXT, unit TEXT"
        key = "PRIMARY KEY (resource, service, meter, unit)"
        self._db.execute(f"CREATE TABLE IF NOT EXISTS used ({columns}, quantity REAL, {key})")
        self._db.execute(f"CREATE TABLE IF NOT EXISTS running (key TEXT PRIMARY KEY, {columns}, rate REAL, since REAL)")
        self._waiting = {}  # row -> quantity that is not written yet
        self._writing = None
        self._held = {}  # number -> (row, rate, since), of what holds something at this moment
        self._numbers = itertools.count()

    def add(self, resource, service, meter, unit, quantity):
        """Count something that was answered."""
        row = (resource, service, meter, unit)
        self._waiting[row] = self._waiting.get(row, 0) + quantity
        if self._writing is None:
            self._writing = asyncio.get_running_loop().call_later(WRITE_AFTER, self.write)

    def write(self):
        """Put what waits on disk."""
        if self._writing:
            self._writing.cancel()
            self._writing = None
        if self._waiting:
            self._db.executemany(
                "INSERT INTO used VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT DO UPDATE SET quantity = quantity + excluded.quantity",
                [(*row, quantity) for row, quantity in self._waiting.items()],
            )
            self._waiting.clear()

    @contextlib.contextmanager
    def while_held(self, resource, service, meter, unit, rate=1):
        """Count the hours of a block, `rate` for each."""
        number, row, since = next(self._numbers), (resource, service, meter, unit), time.time()
        self._held[number] = row, rate, since
        try:
            yield
        finally:
            del self._held[number]
            self.add(*row, _hours(since) * rate)

    def begin(self, key, resource, service, meter, unit, rate=1):
        """Count hours, `rate` for each, from now until `end(key)`; on, too, while no server runs."""
        self.end(key)
        row = (key, resource, service, meter, unit, rate, time.time())
        self._db.execute("INSERT INTO running VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def end(self, key):
        """What `begin(key)` began is over; nothing happens where nothing was begun."""
        ended = self._db.execute("DELETE FROM running WHERE key = ? RETURNING *", (key,)).fetchall()
        for _, *row, rate, since in ended:
            self.add(*row, _hours(since) * rate)
            self.write()

    def rows(self):
        """(resource, service, meter, unit, quantity) of everything so far, in order; what still runs up to now."""
        self.write()
        found = {tuple(row): quantity for *row, quantity in self._db.execute("SELECT * FROM used")}
        running = [(tuple(row), rate, since) for _, *row, rate, since in self._db.execute("SELECT * FROM running")]
        for row, rate, since in [*running, *self._held.values()]:
            found[row] = found.get(row, 0) + _hours(since) * rate
        return [(*row, found[row]) for row in sorted(found)]

    def close(self):
        self.write()
        self._db.close()


def _hours(since):
    return max(0.0, time.time() - since) / HOUR
