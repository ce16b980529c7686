"""Waiting lines before compute clusters: as many jobs at once as a cluster has nodes, first come first served."""

import asyncio
import contextlib
import time

LOOK_AGAIN = 1  # seconds: somebody may have scaled the cluster


class Nodes:
    """The waiting lines of all computes of a server."""

    def __init__(self):
        self._lines = {}  # compute -> tickets in order of arrival; the first are those that run
        self._limits = {}  # compute -> (nodes, until when that is taken to be true)
        self._changed = asyncio.Event()

    @contextlib.asynccontextmanager
    async def hold(self, compute, limit, count=1):
        """Hold `count` nodes of `compute` for the block. limit(): how many there are, asked again while waiting."""
        line = self._lines.setdefault(compute, [])
        tickets = [object() for _ in range(count)]
        line.extend(tickets)
        try:
            while tickets[-1] not in line[: self._limit(compute, limit)]:
                self._changed.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), LOOK_AGAIN)
            yield
        finally:
            for ticket in tickets:
                line.remove(ticket)
            self._changed.set()

    def _limit(self, compute, limit):
        """How many nodes there are; looked up once in a while, since a thousand jobs may wait in a line."""
        now = time.monotonic()
        found, until = self._limits.get(compute, (0, 0))
        if now >= until:
            found, until = self._limits[compute] = limit(), now + LOOK_AGAIN / 4
        return found

    def used(self, compute):
        """How many nodes jobs have or wait for; computes.py shows it as a cluster's nodes."""
        return len(self._lines.get(compute, ()))
