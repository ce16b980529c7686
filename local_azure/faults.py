"""Faults on demand: what goes wrong on the real Azure, when a lesson or a test asks for it.

A fault is ordered for one client (the process that called `local_azure.fault`) or for all, so that two notebooks that
share a server do not disturb each other. It is not stored: a restarted server has none.
"""

import asyncio
import itertools
from dataclasses import dataclass

from .errors import AzureError

KINDS = ("throttle", "latency", "outage")


@dataclass
class Fault:
    """kind: throttle (429 with Retry-After), latency (the answer is late) or outage (503).

    host: part of the host name it is for, "" for every host. times: how many requests it hits, None for all until it
    is lifted. seconds: Retry-After of a throttle or outage, or the delay of a latency. client: whose requests are hit,
    None for anybody's.
    """

    kind: str
    host: str = ""
    times: int | None = None
    seconds: float = 1
    client: str | None = None

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"kind is one of {', '.join(KINDS)}, not {self.kind!r}")
        if self.times is not None and self.times < 1:
            raise ValueError("times is a whole number from 1, or None for every request until the fault is lifted")
        if not 0 <= self.seconds <= 120:
            raise ValueError("seconds lies between 0 and 120")


class Faults:
    """The faults in force."""

    def __init__(self):
        self._ordered = {}
        self._numbers = itertools.count(1)

    def order(self, fault):
        """A number with which the fault can be lifted."""
        number = next(self._numbers)
        self._ordered[number] = fault
        return number

    def lift(self, number):
        """True if it was still in force."""
        return self._ordered.pop(number, None) is not None

    def __len__(self):
        return len(self._ordered)

    async def strike(self, host, client):
        """Delay a request, or raise the `AzureError` that it gets instead of an answer."""
        for number, fault in list(self._ordered.items()):
            if fault.host not in host or fault.client not in (None, client):
                continue
            if fault.times is not None:
                fault.times -= 1
                if fault.times == 0:
                    self._ordered.pop(number, None)
            if fault.kind == "latency":
                await asyncio.sleep(fault.seconds)
                continue
            # Azure sends whole seconds, and zero would tell a client to come back at once
            retry = {"Retry-After": str(max(1, round(fault.seconds)))}
            if fault.kind == "throttle":
                raise AzureError(429, "429", "The rate limit of your pricing tier is exceeded.", headers=retry)
            raise AzureError(503, "ServiceUnavailable", "The service is temporarily unavailable.", headers=retry)
