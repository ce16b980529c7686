"""Write local_azure/engines/given_names.csv: first names in Latin letters, and where they are usual.

Source: the person providers of Faker 40.63.0 (MIT; Daniele Faraglia and contributors), many of which come from the
registers of births. Faker is needed only here: `pip install --target FOLDER faker==40.63.0`, then
`python tools/make_given_names.py FOLDER`. The lists of many countries are joined, so that people who have moved are
found as well as those who have not.
"""

import csv
import importlib
import pkgutil
import re
import sys
from pathlib import Path

TARGET = Path(__file__).resolve().parent.parent / "local_azure" / "engines" / "given_names.csv"
# "en" and "is_IS" hold thousands of rarities, many of which are words elsewhere
WITHOUT = ("en", "en_TH", "es", "ga_IE", "is_IS")
OURS = ("es", "fr", "de", "pt", "it")
NAME = re.compile(r"[A-ZÀ-ÖØ-Þ\u0100-\u024f][^\W\d_'’-]{2,}")  # one word; "Jean-Luc" is two of them


def main():
    sys.path.insert(0, sys.argv[1])
    import faker.providers.person as people

    found = {}
    for module in pkgutil.iter_modules(people.__path__):
        if module.name in WITHOUT:
            continue
        provider = importlib.import_module(f"faker.providers.person.{module.name}").Provider
        for attribute in dir(provider):
            entries = getattr(provider, attribute)
            if attribute.startswith("first_name") and isinstance(entries, (tuple, list, dict)):
                for entry in filter(lambda one: isinstance(one, str), entries):
                    for name in re.split(r"[\s-]", entry):
                        if NAME.fullmatch(name):
                            found.setdefault(name, set()).add(module.name)
    with TARGET.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["name", "languages", "lists"])
        for name, lists in sorted(found.items()):
            ours = sorted({one.partition("_")[0] for one in lists} & set(OURS))
            writer.writerow([name, " ".join(ours), len(lists)])
    print(f"{len(found)} names, {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
