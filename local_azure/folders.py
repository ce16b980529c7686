"""Folders that somebody else has filled: read, copied, moved and removed without trust in what is there.

A job may leave links out of its folder and in circles, pipes that nobody writes to, a million files, names that no
address can hold. Here each such thing costs only itself: it is left out, and the caller hears why. Everything in this
module that looks at files blocks: call it in a thread. What removes is a process of its own.
"""

import asyncio
import concurrent.futures
import contextlib
import itertools
import os
import re
import shutil
import stat
import subprocess
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

MOST_FILES = 100_000  # of one folder that is taken over
MOST_BYTES = 10 * 2**30  # that are copied at once
MOST_SECONDS = 60  # for one folder
MOST_SAID = 20  # lines about what is left out
DEEPEST = 64  # folders within folders
NAME_BYTES = 255  # of a part of a name: what the file systems of Linux and macOS take
PATH_BYTES = 1024  # of a blob's whole name
GONE = "gone"  # in the home folder: what is being removed
ODD = re.compile(r"[\x00-\x1f\x7f\\\ud800-\udfff]")  # no blob here has such a name: see storage/places.py


def unfit(name):
    """Why a path such as a/b.txt cannot be the name of a blob; None if it can."""
    if ODD.search(name):
        return "its name has a backslash, a control character, or bytes that are not UTF-8"
    if len(name.encode()) > PATH_BYTES or any(len(part.encode()) > NAME_BYTES for part in name.split("/")):
        return "its name is too long"
    return None


@dataclass(frozen=True)
class Found:
    """A regular file. name: its path below the folder. linked: reached over a link, or with a second name elsewhere."""

    name: str
    path: str
    size: int
    mode: int
    linked: bool


class Left:
    """What is left out, and why: a few lines for people."""

    def __init__(self):
        self.lines, self.count = [], 0

    def __call__(self, name, why):
        self.count += 1
        if self.count <= MOST_SAID:
            self.lines.append(f"Left out: {ascii(name)[1:-1]}: {why}.")

    @property
    def text(self):
        more = self.count - len(self.lines)
        return "\n".join(self.lines + ([f"Left out: {more} more."] if more > 0 else []))


def files(top, skip, within=None, most=MOST_FILES, seconds=MOST_SECONDS):
    """The regular files below a folder, a `Found` each.

    skip(name, why) hears of everything else. within: the folder that links may lead to places in; `top` itself unless
    given. A link that leads into a folder which it lies in is a circle, and left out like one that leads outside.
    """
    until = time.monotonic() + seconds
    root = os.path.realpath(within or top)
    real = os.path.realpath(top)
    if real != root and not real.startswith(root + os.sep):
        skip(os.path.basename(top), f"it is a link that leads out of the folder, to {real}")
        return
    ways = [(os.fspath(top), "", (real,), False)]  # path, name, real folders above, over a link?
    count = 0
    while ways:
        here, base, above, linked = ways.pop()
        try:
            with os.scandir(here) as listed:
                entries = sorted(itertools.islice(listed, most - count + 1), key=lambda one: one.name)
        except OSError as error:
            skip(base or ".", f"the folder cannot be read ({error.strerror})")
            continue
        below = []
        for entry in entries:
            name = f"{base}/{entry.name}" if base else entry.name
            count += 1
            if count > most or time.monotonic() > until:
                skip(name, f"and all that follows: more than {most} files, or {seconds} seconds, are too many")
                return
            try:
                found, real = _look(entry, root, above)
            except _Odd as odd:
                skip(name, str(odd))
                continue
            except OSError as error:
                skip(name, f"it cannot be read ({error.strerror})")
                continue
            if real is None:
                over = linked or entry.is_symlink() or found.st_nlink > 1
                yield Found(name, entry.path, found.st_size, found.st_mode, over)
            elif len(above) > DEEPEST:
                skip(name, f"it lies more than {DEEPEST} folders deep")
            else:
                below.append((entry.path, name, (*above, real), linked or entry.is_symlink()))
        ways += reversed(below)


class _Odd(Exception):
    """Neither a file nor a folder that may be entered. Says why."""


def _look(entry, root, above):
    """(status of an entry, its real path if it is a folder, else None); `_Odd` for what is left out."""
    if entry.is_symlink():
        real = os.path.realpath(entry.path)
        if real != root and not real.startswith(root + os.sep):
            raise _Odd(f"it is a link that leads out of the folder, to {real}")
        if real in above:
            raise _Odd("it is a link to a folder that it lies in")
    found = entry.stat()
    if stat.S_ISDIR(found.st_mode):
        return found, os.path.realpath(entry.path) if entry.is_symlink() else f"{above[-1]}/{entry.name}"
    if not stat.S_ISREG(found.st_mode):
        raise _Odd("it is neither a file nor a folder")
    return found, None


def copy(source, target, skip=lambda name, why: None, within=None, move=False, fits=unfit):
    """Put the files below one folder below another, which may exist.

    move: take them away instead, which costs no time and no space; what links and second names lead to is copied first.
    fits(name): why a file may not come along, or None.
    """
    found = list(files(source, skip, within))
    copied = 0
    for one in sorted(found, key=lambda one: not one.linked):
        goes = Path(target, one.name)
        if why := fits(one.name):
            skip(one.name, why)
            continue
        try:
            goes.parent.mkdir(parents=True, exist_ok=True)
            if move and not one.linked and _moved(one, goes):
                continue
            copied += one.size
            if copied > MOST_BYTES:
                skip(one.name, f"more than {MOST_BYTES} bytes are not copied")
                return
            _copied(one.path, goes)
        except (OSError, ValueError) as error:
            skip(one.name, f"it cannot be copied ({getattr(error, 'strerror', None) or error})")


def _moved(one, goes):
    try:
        make_readable(one)
        os.replace(one.path, goes)
    except OSError:
        return False  # another disk, or a folder of that name
    return True


def make_readable(one):
    """Let its owner read and write a `Found` file, whatever a script said of it."""
    if one.mode & 0o600 != 0o600:
        os.chmod(one.path, stat.S_IMODE(one.mode) | 0o600)


def _copied(path, goes):
    """Copy a file's bytes and times. A pipe that has taken its place meanwhile is not waited for."""
    with open(_opened(path), "rb") as source, open(goes, "wb") as target:
        shutil.copyfileobj(source, target, 2**20)
        times = os.fstat(source.fileno())
    os.utime(goes, ns=(times.st_atime_ns, times.st_mtime_ns))
    os.chmod(goes, stat.S_IMODE(times.st_mode) | stat.S_IRUSR | stat.S_IWUSR)


def _opened(path):
    """A descriptor of a regular file; OSError for anything else."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(None, "it is not a file")
    return descriptor


def settle(folder, skip):
    """Make a folder that a script has written in place one that others can read: links to files become files."""
    for one in list(files(folder, skip)):
        if why := unfit(one.name):
            skip(one.name, why)
            continue
        try:
            if os.path.islink(one.path):
                beside = Path(one.path).with_name(uuid.uuid4().hex)
                _copied(one.path, beside)
                os.replace(beside, one.path)
            elif os.path.realpath(os.path.dirname(one.path)) != os.path.join(
                os.path.realpath(folder), os.path.dirname(one.name)
            ).rstrip("/"):
                skip(one.name, "it lies behind a link to a folder")
            else:
                make_readable(one)
        except OSError as error:
            skip(one.name, f"it cannot be read ({error.strerror})")


def copy_any(source, target, skip=lambda name, why: None, within=None):
    """Put a copy of a file, or of a folder's content, at `target`."""
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        copy(source, target, skip, within)
    elif source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        _copied(source, target)


def bytes_of(source, most):
    """How many bytes a file or a folder has; it is not looked further than `most`."""
    if not source.is_dir():
        return source.stat().st_size if source.is_file() else 0
    total = 0
    for one in files(source, lambda name, why: None):
        total += one.size
        if total > most:
            break
    return total


_threads = concurrent.futures.ThreadPoolExecutor(4, "folders")


async def in_thread(work, *given):
    """Do work on files beside the event loop; not in the threads that others need for what takes a moment."""
    return await asyncio.get_running_loop().run_in_executor(_threads, work, *given)


def extent(source, most):
    """(files, bytes) of a file or a folder; it is not looked further than one file above `most`."""
    if not source.is_dir():
        return (1, source.stat().st_size) if source.is_file() else (0, 0)
    sizes = [one.size for one in itertools.islice(files(source, lambda name, why: None), most + 1)]
    return len(sizes), sum(sizes)


# A log


def append(path, text):
    """Add text to a log. What has taken the place of a log, a pipe for instance, is replaced by one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir() and not path.is_symlink():
        path.rename(path.with_name(uuid.uuid4().hex))
    elif path.is_symlink() or (path.exists() and not path.is_file()):
        path.unlink()
    with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)


def tail(path, most):
    """The last bytes of a file as text; "" for what is no file."""
    try:
        with open(_opened(path), "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - most))
            return file.read(most).decode("utf-8", errors="replace").strip()
    except OSError:
        return ""


# Removing


def set_aside(home, path):
    """Put a file or a folder out of the way, at once however much is in it. Where it is now, to be removed; or None."""
    away = Path(home, GONE)
    away.mkdir(parents=True, exist_ok=True)
    goes = away / uuid.uuid4().hex
    try:
        os.rename(path, goes)
    except OSError:
        return None
    return goes


async def discard(home, path):
    """Remove a file or a folder. It is gone from its place when this begins to wait; the rest takes as long as it
    takes, in a process of its own, which goes on even if this is cancelled.
    """
    if goes := set_aside(home, path):
        await remove(goes)


async def remove(*paths):
    """Remove files and folders, whatever is in them."""
    if not paths:
        return
    if os.name != "posix":
        for path in paths:
            await asyncio.to_thread(shutil.rmtree, path, ignore_errors=True)
        return
    # first what may not be read: its owner may change that. `rm` knows no depth and no name that it cannot remove
    script = 'chmod -R u+rwX -- "$@" 2>/dev/null; exec rm -rf -- "$@"'
    process = await asyncio.create_subprocess_exec(
        "nice", "sh", "-c", 'rm -rf -- "$@" 2>/dev/null && exit; ' + script, "sh", *map(str, paths),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    await process.wait()


def left_over(home):
    """What an earlier server did not come to remove."""
    with contextlib.suppress(OSError):
        return list(Path(home, GONE).iterdir())
    return []
