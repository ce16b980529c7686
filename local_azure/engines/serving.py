"""Models in service: each instance is a process of its own that is asked and answers through pipes.

Knows no Azure: what is loaded, with which variables and into which log is said by the caller.
"""

import asyncio
import contextlib
import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from . import environments, processes
from .scoring import HEAD

PROGRAM = Path(__file__).with_name("scoring.py")
LIMIT = 2**20  # bytes that are buffered of an answer that is being read
GRACE = 2  # seconds between asking an instance to end and ending it


class NotReady(Exception):
    """Script or model could not be loaded. The log says why."""


class Gone(Exception):
    """The instance ended before it had answered."""


@dataclass(frozen=True)
class Answer:
    """What a model's server said."""

    status: int
    headers: dict
    body: bytes


class Instance:
    """One process with a model in it. Calls wait for each other; `busy` says how many there are."""

    def __init__(self, process, name):
        self.process, self.name = process, name
        self.busy = 0
        self._turn = asyncio.Lock()
        self._since = None  # when the call that is being answered began

    @classmethod
    async def start(cls, kind, path, folder, environment, log, name, seconds, program=PROGRAM):
        """Start a process and wait until it can answer; NotReady if it cannot load its model in so many seconds.

        kind, path: "script" and a scoring script's path below AML_APP_ROOT, or "mlflow" and a model's folder.
        name: marks the process and all that it starts, see `processes`. program: that loads and answers.
        """
        with open(log, "ab") as output:
            process = await asyncio.create_subprocess_exec(
                environments.python_of(environment), "-P", "-u", str(program), kind, str(path), cwd=folder, limit=LIMIT,
                env={**environment, processes.MARK: name},
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=output, **_own_group(),
            )  # fmt: skip
        made = cls(process, name)
        try:
            await asyncio.wait_for(made._read(), seconds)
        except (Gone, TimeoutError) as error:
            await made.stop()
            if isinstance(error, TimeoutError):
                with open(log, "a", encoding="utf-8") as output:
                    output.write(f"Not ready after {seconds:g} seconds: the readiness probe failed.\n")
            raise NotReady from None
        except BaseException:
            await asyncio.shield(made.stop())
            raise
        return made

    @property
    def alive(self):
        return self.process.returncode is None

    @property
    def seconds(self):
        """For how long the process has been at work on one call."""
        return time.monotonic() - self._since if self._since else 0

    def ask(self, method, path, query, headers, body):
        """Ask, after those who came before. What is returned is awaited: an `Answer`; `Gone` if the process ends.

        A caller who stops waiting does not stop the model: the next one waits until it has finished.
        """
        self.busy += 1  # at once, not when the task first runs: the next caller may look before that
        task = asyncio.get_running_loop().create_task(self._ask(method, path, query, headers, body))
        task.add_done_callback(self._asked)
        return asyncio.shield(task)

    def _asked(self, task):
        self.busy -= 1
        if not task.cancelled():
            task.exception()  # nobody may be waiting for it any more

    async def _ask(self, method, path, query, headers, body):
        described = {"method": method, "path": path, "query": query, "headers": headers}
        async with self._turn:
            self._since = time.monotonic()
            text = json.dumps(described).encode()
            try:
                self.process.stdin.write(HEAD.pack(len(text), len(body)) + text + body)
                await self.process.stdin.drain()
            except (ConnectionError, RuntimeError):
                raise Gone from None
            described, content = await self._read()
            self._since = None
        return Answer(described["status"], described["headers"], content)

    async def _read(self):
        try:
            described, length = HEAD.unpack(await self.process.stdout.readexactly(HEAD.size))
            text = await self.process.stdout.readexactly(described)
            return json.loads(text), await self.process.stdout.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            await self.process.wait()
            raise Gone from None

    async def finish(self, seconds):
        """End the process when it has answered what it has been asked, or after this many seconds."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._turn.acquire(), seconds)  # turns come in the order of the calls
        await self.stop()

    async def stop(self):
        """End the process: its input ends, and what has not ended then is ended."""
        with contextlib.suppress(OSError, RuntimeError):
            self.process.stdin.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.process.wait(), GRACE)
        await processes.in_thread(processes.end_family, self.name, None, 0)
        await self.process.wait()


def _own_group():
    if os.name == "posix":
        return {"start_new_session": True}
    return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}


def clear(name):
    """End what an earlier server may have left of an instance. Blocks for some tenths of a second."""
    return processes.end_family(name, None, 0)
