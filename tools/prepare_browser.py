"""Install what the tests of the built site need beyond requirements.txt: tests/requirements.txt, and a Chromium.

The packages are put into this environment when they are missing. On Debian and Ubuntu, as root or in CI, Chromium and
the fonts of the screenshots and the PDF come from apt; elsewhere one sentence says what to install.
"""

import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import chromium
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "tests" / "requirements.txt"
DEBIAN = {  # what a small Debian lacks, and the file by which one sees it
    "fonts-dejavu-core": "usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",  # the screenshots
    "fonts-noto-color-emoji": "usr/share/fonts/truetype/noto/NotoColorEmoji.ttf",  # the PDF, for chapter 1
    "libatomic1": "usr/lib/*/libatomic.so.1",  # Playwright's Node.js
}


def missing_packages() -> list[str]:
    """The lines of tests/requirements.txt that this environment does not satisfy."""
    missing = []
    for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines():
        wanted = line.partition("#")[0].strip()
        if not wanted:
            continue
        requirement = Requirement(wanted)
        try:
            there = requirement.specifier.contains(importlib.metadata.version(requirement.name), prereleases=True)
        except importlib.metadata.PackageNotFoundError:
            there = False
        if not there:
            missing.append(wanted)
    return missing


def install_packages() -> None:
    """Install tests/requirements.txt with uv, or with pip where there is no uv."""
    missing = missing_packages()
    if not missing:
        return
    print(f"Installing {', '.join(missing)}", flush=True)
    if importlib.util.find_spec("uv"):
        command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", sys.executable]
    else:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*command, "-r", str(REQUIREMENTS)], check=True)


def has_chromium() -> bool:
    try:
        chromium.find()
    except SystemExit:
        return False
    return True


def install_chromium() -> None:
    """Chromium, fonts and a library from apt, where that is possible without asking for a password."""
    wanted = [] if has_chromium() else ["chromium"]
    debian = shutil.which("apt-get") is not None
    if debian:
        wanted += [package for package, file in DEBIAN.items() if not any(Path("/").glob(file))]
    if not wanted:
        return
    if debian and os.geteuid() == 0:
        as_root = []
    elif debian and os.environ.get("CI") and shutil.which("sudo"):
        as_root = ["sudo", "-n"]
    else:
        if not has_chromium():
            chromium.find()  # ends with the sentence that says what to install
        return
    print(f"Installing {' and '.join(wanted)}", flush=True)
    quiet = [*as_root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
    subprocess.run([*quiet, "update"], check=True)
    subprocess.run(
        [*quiet, "install", "-y", "--no-install-recommends", *wanted], check=True, stdout=subprocess.DEVNULL
    )


def main() -> int:
    install_packages()
    install_chromium()
    found = chromium.find()
    said = subprocess.run([found, "--version"], capture_output=True, text=True).stdout.strip()
    print(f"{said or 'A Chromium'} at {found}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
