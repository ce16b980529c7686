"""Whether a process has ended, on machines whose first process does not collect the orphans as well."""

import time

import psutil

SECONDS = 240  # to wait for what will come, on a machine that may be doing other work


def has_ended(pid):
    """Whether a process is gone, or only its parent still knows of it."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_for_end(pid):
    """Return when a process has ended; AssertionError if it goes on."""
    until = time.monotonic() + SECONDS
    while not has_ended(pid):
        assert time.monotonic() < until, f"process {pid} goes on"
        time.sleep(0.02)
