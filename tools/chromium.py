"""The browser that prints the book and tests its pages: the Chromium of this machine, never a download."""

import os
import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = "No Chromium was found. On Debian and Ubuntu: sudo apt install chromium. Elsewhere: set CHROMIUM to its path."


def find() -> str:
    """The path of a Chromium: what $CHROMIUM names, or the first of NAMES. SystemExit says what to install."""
    for name in (os.environ.get("CHROMIUM"), *NAMES):
        found = name and shutil.which(name)
        if found:
            return found
    raise SystemExit(MISSING)
