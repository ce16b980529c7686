"""Scores many files with one model: in mini-batches, each given to the next of several processes that is free.

Knows no Azure. A mini-batch that fails, or takes too long, is tried again; the files of one that fails each time are
counted, and more of them than are borne end it all. Results are put together in the order of the files.
"""

import asyncio
import json
import shutil
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from . import serving

PROGRAM = Path(__file__).with_name("minibatch.py")
ERRORS_KEPT = 20  # tracebacks in the record of errors; the log has all


class TooManyFailures(Exception):
    """More files have failed than are borne."""


class NothingScored(Exception):
    """No file at all has been scored."""


@dataclass(frozen=True)
class Plan:
    """What is to be done. tries: of a mini-batch. seconds: of one try. borne: files that may fail; -1: any number."""

    batches: list
    workers: int
    tries: int
    seconds: float
    borne: int


@dataclass
class Scoring:
    """The work of one plan.

    start: coroutine function (number) -> a `serving.Instance` of minibatch.py. folder: takes the parts of the result,
    None if there are none to keep. say: (level, text), told of what happens; levels are debug, info and warning.
    """

    plan: Plan
    start: object
    folder: Path | None
    say: object
    succeeded: int = 0
    failed: int = 0
    errors: list = field(default_factory=list)

    async def go(self):
        """Score everything. `TooManyFailures`; `serving.NotReady` if the model cannot be loaded."""
        self.waiting = deque((number, 1) for number in range(len(self.plan.batches)))
        self.over = 0
        tasks = [asyncio.ensure_future(self._work(number)) for number in range(self.plan.workers)]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)  # until all processes have ended

    async def _work(self, number):
        """One process, and another after it if it ends: takes mini-batches while there are any."""
        instance = None
        try:
            while self.waiting:
                batch, attempt = self.waiting.popleft()
                if instance is None:
                    instance = await self.start(number)
                if not await self._score(instance, batch, attempt):
                    await instance.stop()
                    instance = None
        finally:
            if instance is not None:
                await asyncio.shield(instance.stop())

    async def _score(self, instance, number, attempt):
        """Try one mini-batch. False if the process cannot be used any more."""
        files = [str(file) for file in self.plan.batches[number]]
        part = str(self.part(number)) if self.folder else None
        self.say("debug", f"Mini-batch {number + 1}: {', '.join(Path(file).name for file in files)}")
        body, usable = json.dumps({"files": files, "part": part}).encode(), True
        try:
            answer = await asyncio.wait_for(instance.ask("POST", "/run", "", {}, body), self.plan.seconds)
        except TimeoutError:
            error, usable = f"run() has not returned within {self.plan.seconds:g} seconds.", False
        except serving.Gone:
            error, usable = f"The process has ended with exit code {instance.process.returncode}.", False
        else:
            if answer.status == 200:
                self._done(number, files, json.loads(answer.body)["items"])
                return True
            error = answer.body.decode("utf-8", errors="replace").strip()
        self._failed(number, files, attempt, error)
        return usable

    def part(self, number):
        """The file with the rows of a mini-batch."""
        return self.folder / f"{number:06}"

    def _done(self, number, files, items):
        self.over += 1
        self.succeeded += items
        self.failed += len(files) - items
        self.say("info", f"Mini-batch {number + 1} is done ({self.over} of {len(self.plan.batches)})")
        if items < len(files):
            self.say("warning", f"Mini-batch {number + 1}: run() returned {items} results for {len(files)} files.")
            self._judge()

    def _failed(self, number, files, attempt, error):
        what = f"Mini-batch {number + 1}, try {attempt} of {self.plan.tries}, has failed: {error}"
        self.say("warning", what)
        if attempt < self.plan.tries:
            self.waiting.append((number, attempt + 1))
            return
        if len(self.errors) < ERRORS_KEPT:
            self.errors.append(what)
        self.over += 1
        self.failed += len(files)
        self._judge()

    def _judge(self):
        if 0 <= self.plan.borne < self.failed:
            text = (
                f"The number of files that have failed, {self.failed}, is above the error threshold {self.plan.borne}."
            )
            raise TooManyFailures(text)

    def append(self, path):
        """Put the rows of all mini-batches into one file, in the order of the files. `NothingScored` if none is."""
        if not self.succeeded:
            raise NothingScored
        with open(path, "wb") as whole:
            for number in range(len(self.plan.batches)):
                part = self.part(number)
                if part.exists():
                    with open(part, "rb") as rows:
                        shutil.copyfileobj(rows, whole)


def start(kind, path, folder, environment, log, name, seconds):
    """Start a process for mini-batches; arguments and errors are those of `serving.Instance.start`."""
    return serving.Instance.start(kind, path, folder, environment, log, name, seconds, PROGRAM)
