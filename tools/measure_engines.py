"""Measure the engines: `python tools/measure_engines.py` prints the tables, `--write` puts them in engines/README.md.

Reads tests/data/ only. VADER is the English baseline; `--vader-data FOLDER` adds every fifth text of the four labelled
sets that its source package carries (hutto_ICWSM_2014.tar.gz, unpacked), which training left out. Latencies depend on
the machine.
"""

import argparse
import csv
import json
import math
import platform
import re
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
DATA = ROOT / "tests" / "data"
README = ROOT / "local_azure" / "engines" / "README.md"

from train_sentiment import MEASURED, PUBLISHED, published  # noqa: E402

from local_azure.engines import entities, key_phrases, languages, pii, sentiment, summaries  # noqa: E402


def wilson(right: int, total: int) -> tuple[float, float]:
    """The 95 % Wilson interval of a share."""
    if not total:
        return 0.0, 1.0
    z, share = 1.96, right / total
    centre, spread = share + z * z / (2 * total), z * math.sqrt(share * (1 - share) / total + z * z / (4 * total**2))
    return max((centre - spread) / (1 + z * z / total), 0.0), min((centre + spread) / (1 + z * z / total), 1.0)


def accuracy(right: int, total: int) -> str:
    low, high = wilson(right, total)
    return f"{right / total:.2f} ({low:.2f} to {high:.2f})" if total else ""


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"


def read_csv(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def vader_label(text: str) -> str:
    """VADER's label of a text, by its authors' thresholds."""
    compound = sentiment.vader().polarity_scores(text)["compound"]
    return "positive" if compound >= 0.05 else "negative" if compound <= -0.05 else "neutral"


def our_label(text: str, language: str) -> str:
    return sentiment.analyze(text, language).label


def sentiment_tables() -> str:
    rows = read_csv("sentiment_test.csv")
    answered = [our_label(row["text"], row["language"]) for row in rows]
    ours = [label == row["sentiment"] for label, row in zip(answered, rows, strict=True)]
    theirs = [vader_label(row["text"]) == row["sentiment"] for row in rows]

    def line(name: str, chosen: list[int]) -> list[object]:
        return [name, len(chosen), *(accuracy(sum(right[i] for i in chosen), len(chosen)) for right in (ours, theirs))]

    by_language = defaultdict(list)
    by_kind = defaultdict(list)
    for index, row in enumerate(rows):
        by_language[row["language"]].append(index)
        by_kind[row["language"], row["kind"]].append(index)
    lines = [line(name, chosen) for name, chosen in sorted(by_language.items())]
    lines += [line(f"{name} · {kind}", chosen) for (name, kind), chosen in sorted(by_kind.items())]
    text = table(["set", "texts", "ours", "VADER"], lines)
    confusion = Counter((row["sentiment"], label) for label, row in zip(answered, rows, strict=True))
    answers = ("positive", "neutral", "negative", "mixed")
    text += "\n" + table(
        ["true \\ answered", *answers],
        ([true, *(confusion[true, answer] for answer in answers)] for true in answers[:3]),
    )
    bins = defaultdict(list)
    for row in rows:
        scores = sentiment.classify([row["text"]], row["language"])[0]
        confidence = max(scores.positive, scores.neutral, scores.negative)
        bins[min(int(confidence * 5), 4)].append((confidence, scores.label() == row["sentiment"]))
    text += "\nConfidence against what came true (whole text as one sentence):\n\n" + table(
        ["confidence", "texts", "mean confidence", "right"],
        (
            [
                f"{number / 5:.1f} to {number / 5 + 0.2:.1f}",
                len(items),
                f"{sum(c for c, _ in items) / len(items):.2f}",
                accuracy(sum(right for _, right in items), len(items)),
            ]
            for number, items in sorted(bins.items())
        ),
    )
    missed = [
        f"- {row['language']}, {row['kind']}: “{row['text']}” is {row['sentiment']}, answered "
        f"{our_label(row['text'], row['language'])}"
        for row, right in zip(rows, ours, strict=True)
        if not right
    ]
    return text + f"\nEvery twelfth of its {len(missed)} mistakes:\n\n" + "\n".join(missed[::12]) + "\n"


def opinion_table() -> str:
    """Targets of opinions in English: found at all, and with the right label."""
    rows, found, right, missed = read_csv("opinions_en.csv"), 0, 0, []
    for row in rows:
        answer = sentiment.analyze(row["text"], "en", opinions=True)
        targets = {t.span.of(row["text"]).split()[-1]: t.label for s in answer.sentences for t in s.targets}
        found += row["target"] in targets
        right += targets.get(row["target"]) == row["sentiment"]
        if targets.get(row["target"]) != row["sentiment"]:
            missed.append(f"- “{row['text']}”: {row['target']} is {row['sentiment']}, answered {targets or 'nothing'}")
    lines = [
        ["found", len(rows), accuracy(found, len(rows))],
        ["found and right", len(rows), accuracy(right, len(rows))],
    ]
    return table(["targets", "marked", "share"], lines) + "\nMistakes:\n\n" + "\n".join(missed) + "\n"


def one_of_three(found: sentiment.Sentiment) -> str:
    """The label for raters who could not say mixed: then the stronger side."""
    if found.label != "mixed":
        return found.label
    return "positive" if found.scores.positive > found.scores.negative else "negative"


def vader_sets(folder: Path) -> str:
    """The texts that VADER's authors published and that training left out."""
    lines = []
    for name in sorted(PUBLISHED):
        rows = [row for number, row in enumerate(published(folder, name)) if number % 5 == MEASURED]
        ours = sum(one_of_three(sentiment.analyze(text, "en")) == true for text, true in rows)
        theirs = sum(vader_label(text) == true for text, true in rows)
        total = len(rows)
        lines.append([name, total, accuracy(ours, total), accuracy(theirs, total)])
    return table(["VADER's own set, every fifth text", "texts", "ours", "VADER"], lines)


def language_table() -> str:
    groups: dict[str, list[bool]] = defaultdict(list)
    missed = []
    for row in read_csv("language_id.csv"):
        found = languages.identify(row["text"])
        right = found.code == row["language"]
        for name in ("all", row["kind"], f"{row['language']} (all kinds)"):
            if name != f"{row['language']} (all kinds)" or row["language"] in ("en", "es", "fr", "de", "pt", "it"):
                groups[name].append(right)
        if not right:
            missed.append(f"- “{row['text']}” is {row['language']}, answered {found.code} ({found.score:.2f})")
    lines = [[name, len(items), accuracy(sum(items), len(items))] for name, items in groups.items()]
    text = table(["set", "texts", "right"], lines) + "\nAll mistakes:\n\n" + "\n".join(missed) + "\n"
    return text + "\n" + short_language_table()


def short_language_table() -> str:
    """Greetings and small talk of two words. Where two languages write a text alike, either is right."""
    right, doubtful, missed = 0, 0, []
    rows = read_csv("language_short.csv")
    for row in rows:
        found = languages.identify(row["text"])
        if found.code in row["language"].split("|"):
            right += 1
        else:
            doubtful += found.score < 0.5
            missed.append(f"- “{row['text']}” is {row['language']}, answered {found.code} ({found.score:.2f})")
    lines = [
        ["right", len(rows), accuracy(right, len(rows))],
        ["right, or a score below 0.5", len(rows), accuracy(right + doubtful, len(rows))],
    ]
    return table(["greetings and small talk", "texts", "share"], lines) + "\nMistakes:\n\n" + "\n".join(missed) + "\n"


_MARK = re.compile(r"\[([^|\]]+)\|(\w+)\]")


def read_marked(line: str) -> tuple[str, set[tuple[int, int, str]]]:
    """The plain text and its marked entities as (start, end, category)."""
    text, marks, last = "", set(), 0
    for match in _MARK.finditer(line):
        text += line[last : match.start()]
        marks.add((len(text), len(text) + len(match[1]), match[2]))
        text += match[1]
        last = match.end()
    return text + line[last:], marks


def score_marked(cases: list[tuple[str, set, list]]) -> str:
    """Precision and recall per category. An answer counts when its category is right and its span overlaps the mark."""
    found_right, answered, true = Counter(), Counter(), Counter()
    exact, missed = 0, []
    for text, marks, answers in cases:
        for start, end, category in marks:
            true[category] += 1
            same = [a for a in answers if a[2] == category and a[0] < end and start < a[1]]
            if same:
                found_right[category] += 1
                exact += (start, end, category) in same
            else:
                missed.append(f"- missed {category} “{text[start:end]}” in “{text}”")
        for start, end, category in answers:
            answered[category] += 1
            if not any(m[2] == category and start < m[1] and m[0] < end for m in marks):
                missed.append(f"- wrong {category} “{text[start:end]}” in “{text}”")
    lines = []
    for category in [*sorted(true | answered), "all"]:
        t = sum(true.values()) if category == "all" else true[category]
        a = sum(answered.values()) if category == "all" else answered[category]
        r = sum(found_right.values()) if category == "all" else found_right[category]
        lines.append([category, t, a, accuracy(min(r, a), a), accuracy(r, t)])
    share = exact / max(sum(found_right.values()), 1)
    return (
        table(["category", "marked", "answered", "precision", "recall"], lines)
        + f"\nOf the entities found, {share:.0%} have exactly the marked span. Mistakes:\n\n"
        + "\n".join(missed)
        + "\n"
    )


def marked_entities(items) -> list[tuple[int, int, str]]:
    return [(e.span.start, e.span.start + e.span.length, e.category) for e in items]


def entity_cases() -> list[tuple[str, set, list]]:
    cases = []
    for line in (DATA / "entities_en.txt").read_text(encoding="utf-8").splitlines():
        text, marks = read_marked(line)
        cases.append((text, marks, marked_entities(entities.recognize(text, "en"))))
    return cases


def pii_cases(language: str | None = None) -> list[tuple[str, set, list]]:
    cases = []
    for line in (DATA / "pii.txt").read_text(encoding="utf-8").splitlines():
        code, marked = line.split("\t", 1)
        text, marks = read_marked(marked)
        if language in (None, code):
            cases.append((text, marks, marked_entities(pii.recognize(text, code))))
    return cases


def names_table() -> str:
    """Names of people outside English: found at all, and how often what is called a person is one."""
    counted, missed = defaultdict(lambda: [0, 0, 0]), []
    for line in (DATA / "names.txt").read_text(encoding="utf-8").splitlines():
        language, marked = line.split("\t", 1)
        text, marks = read_marked(marked)
        answers = [one for one in marked_entities(pii.recognize(text, language)) if one[2] == "Person"]
        found = [mark for mark in marks if any(one[0] < mark[1] and mark[0] < one[1] for one in answers)]
        for name in (language, "all"):
            counted[name] = [
                old + new for old, new in zip(counted[name], map(len, (marks, answers, found)), strict=True)
            ]
        missed += [f"- missed “{text[a:b]}” in “{text}”" for a, b, _ in marks if (a, b, "Person") not in found]
        missed += [
            f"- wrong “{text[a:b]}” in “{text}”" for a, b, _ in answers if not any(m[0] < b and a < m[1] for m in marks)
        ]
    lines = [
        [name, marks, answers, accuracy(min(found, answers), answers), accuracy(found, marks)]
        for name, (marks, answers, found) in sorted(counted.items(), key=lambda item: item[0] == "all")
    ]
    head = ["people in", "marked", "answered", "precision", "recall"]
    return table(head, lines) + "\nMistakes:\n\n" + "\n".join(missed) + "\n"


def peak_memory() -> str:
    """Megabytes of this process at its largest; only Linux tells."""
    status = Path("/proc/self/status")
    if not status.exists():
        return "not measured"
    kilobytes = re.search(r"VmHWM:\s*(\d+)", status.read_text())[1]
    return f"{int(kilobytes) / 1024:.0f}"


def speed_table() -> str:
    """Latency of one call on a message of two sentences, after and including the first; memory after each engine."""
    message = "I waited two hours for the new card and nobody at Harbour Bank helped me. The app is slow but pretty!"
    calls = {
        "languages": lambda text: languages.identify(text),
        "sentiment": lambda text: sentiment.analyze(text, "en"),
        "sentiment with opinions": lambda text: sentiment.analyze(text, "en", True),
        "entities": lambda text: entities.recognize(text, "en"),
        "pii": lambda text: pii.recognize(text, "en"),
        "key phrases": lambda text: key_phrases.extract(text, "en"),
        "extractive summary": lambda text: summaries.extract(text, "en", 1),
        "abstractive summary": lambda text: summaries.shorten(text, "en", 1),
    }
    if len(sys.argv) > 2 and sys.argv[1] == "--speed":  # one engine in a process of its own
        call, start = calls[sys.argv[2]], time.perf_counter()
        call(message)
        first = time.perf_counter() - start
        times = []
        for number in range(60):
            begin = time.perf_counter()
            call(f"{message} {number}")
            times.append(1000 * (time.perf_counter() - begin))
        times.sort()
        return json.dumps([f"{first:.1f}", f"{times[30]:.1f}", f"{times[57]:.1f}", peak_memory()])
    lines = []
    for name in calls:
        command = [sys.executable, __file__, "--speed", name]
        lines.append([name, *json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)])
    machine = f"Python {platform.python_version()}, {platform.machine()}, one process per engine"
    return table(["engine", "first call, s", "median, ms", "95th, ms", "peak memory, MB"], lines) + f"\n{machine}.\n"


def main() -> None:
    if len(sys.argv) > 2 and sys.argv[1] == "--speed":
        print(speed_table())
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the tables into local_azure/engines/README.md")
    parser.add_argument("--vader-data", type=Path, help="folder of hutto_ICWSM_2014")
    arguments = parser.parse_args()
    parts = {
        "sentiment": sentiment_tables(),
        "opinions": opinion_table(),
        "languages": language_table(),
        "entities": score_marked(entity_cases()),
        "pii": score_marked(pii_cases()),
        "names": names_table(),
        "speed": speed_table(),
    }
    if arguments.vader_data:
        parts["vader-sets"] = vader_sets(arguments.vader_data)
    page = README.read_text(encoding="utf-8") if arguments.write else ""
    for name, text in parts.items():
        print(f"## {name}\n\n{text}")
        if arguments.write:
            begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
            if begin not in page or end not in page:
                raise SystemExit(f"{README} has no place for {name}: {begin} … {end}")
            page = page[: page.index(begin) + len(begin)] + f"\n\n{text}\n" + page[page.index(end) :]
    if arguments.write:
        README.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
