"""Runs a command in a folder: output in a log file, a time limit, and an end that no child process outlives.

Every process of a command carries the command's name in its environment. By that mark its whole family is found again,
also the members that left the process group, and also by a later program when this one was killed.
"""

import asyncio
import concurrent.futures
import contextlib
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass

import psutil

MARK = "LOCAL_AZURE_PROCESS"  # names the command, in the environment of all its processes
LOOK = 1  # second between two looks at the log of a command
MOST_SAID = 200 * 2**20  # bytes that a command may print
GRACE = 3  # seconds between asking a family to end and ending it


@dataclass(frozen=True)
class Outcome:
    """How a command ended. code: what it exited with; None if it was stopped.

    said_too_much: it was stopped since it filled its log; otherwise at its time limit.
    """

    code: int | None
    said_too_much: bool = False

    @property
    def timed_out(self):
        return self.code is None and not self.said_too_much


async def run(command, folder, environment, log, name, timeout=None):
    """Run `command` in a shell and wait for its end: an `Outcome`.

    log: the file that takes what it prints, from the first line on. timeout: seconds, or None for no limit.
    Cancelling the task that awaits this ends the command's processes first.
    """
    with open(log, "ab") as output:
        process = await asyncio.create_subprocess_exec(
            *_shell(command), cwd=folder, env={**environment, MARK: name},
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, **_own_group(),
        )  # fmt: skip
    _let_go_first(process.pid)
    try:
        async with asyncio.timeout(timeout):
            code = await _ended(process, log)
    except TimeoutError:
        await _end(name, process, GRACE, folder)
        return Outcome(None)
    except asyncio.CancelledError:
        await asyncio.shield(_end(name, process, GRACE, folder))
        raise
    await _end(name, process, GRACE if code is None else 0, folder)  # what it left running in the background
    return Outcome(code, said_too_much=code is None)


async def _ended(process, log):
    """Wait for a process: its exit code, or None as soon as its log is fuller than a disk should bear."""
    waiting = asyncio.ensure_future(process.wait())
    try:
        while True:
            done, _ = await asyncio.wait([waiting], timeout=LOOK)
            if done:
                return waiting.result()
            with contextlib.suppress(OSError):
                if os.stat(log).st_size > MOST_SAID:
                    return None
    finally:
        waiting.cancel()


def _let_go_first(pid):
    """When the machine runs out of memory, Linux ends a command before the server and the user's other programs."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/oom_score_adj", "w") as file:
        file.write("500")


def _shell(command):
    if os.name != "posix":
        return ["cmd", "/d", "/c", command]
    return [shutil.which("bash") or "/bin/sh", "-c", command]


def _own_group():
    if os.name == "posix":
        return {"start_new_session": True}
    return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}


_threads = concurrent.futures.ThreadPoolExecutor(16, "processes")


async def in_thread(work, *given):
    """Wait for processes beside the event loop; not in the threads that others need for what takes a moment."""
    return await asyncio.get_running_loop().run_in_executor(_threads, work, *given)


async def _end(name, process, grace, folder=None):
    await in_thread(end_family, name, process.pid, grace, folder)
    await process.wait()


def end_family(name, group=None, grace=GRACE, folder=None):
    """End all processes of a command: asked first, and after `grace` seconds without asking. Returns how many.

    folder: who works in it is of the family too, even without the mark.
    """
    ended = set()
    until = time.monotonic() + grace
    asked = False
    while True:
        family = _family(name, folder and os.path.realpath(folder))
        if grace and not asked:
            _signal(family, group, "SIGTERM")
            asked = True
        elif time.monotonic() >= until:
            _signal(family, group, "SIGKILL")
        ended.update(process.pid for process in family)
        if not family:
            return len(ended)
        time.sleep(0.02)


def _family(name, folder):
    """The living processes that carry the mark, or work in the folder."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            marked = process.environ().get(MARK) == name or (folder and _within(process.cwd(), folder))
            if marked and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def _within(path, folder):
    return path == folder or path.startswith(folder + os.sep)


def _signal(family, group, kind):
    if group is not None and os.name == "posix":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, getattr(signal, kind))
    for process in family:
        with contextlib.suppress(psutil.Error):
            process.terminate() if kind == "SIGTERM" else process.kill()
