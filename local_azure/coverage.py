"""What of Microsoft's clients is answered: writes COVERAGE.md.   python -m local_azure.coverage

The operations are read from the client classes themselves: a test notices a new one in a newer SDK. What becomes of
each is said in the tables below, which the contract tests keep honest.
"""

import inspect
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from .services.language.kinds import KINDS, LANGUAGE_VERSIONS, OLDER_VERSIONS

FILE = Path(__file__).with_name("COVERAGE.md")
ANSWERED = "answered"
REFUSED = "refused as Azure refuses"
NOT_YET = "not yet"
STATES = (ANSWERED, REFUSED, NOT_YET)
NOT_OPERATIONS = ("close",)  # of the client object itself; nothing is sent


@dataclass(frozen=True)
class Client:
    """A client class of an SDK, synchronous and asynchronous, and what becomes of each operation: (state, remark)."""

    package: str
    service: str
    names: tuple[str, str]  # module:class, synchronous and asynchronous
    operations: dict[str, tuple[str, str]]


OWN_MODEL = "needs a model trained in your own Azure project"
CLIENTS = (
    Client(
        "azure-ai-textanalytics",
        "Azure Language",
        ("azure.ai.textanalytics:TextAnalyticsClient", "azure.ai.textanalytics.aio:TextAnalyticsClient"),
        {
            "analyze_sentiment": (ANSWERED, "with opinion mining, which is English only"),
            "begin_abstract_summary": (ANSWERED, "sentences of the text, shortened"),
            "begin_analyze_actions": (ANSWERED, "each action as its own operation: answered, or refused in its place"),
            "begin_analyze_healthcare_entities": (REFUSED, "no medical model is good enough and open"),
            "begin_extract_summary": (ANSWERED, ""),
            "begin_multi_label_classify": (REFUSED, OWN_MODEL),
            "begin_recognize_custom_entities": (REFUSED, OWN_MODEL),
            "begin_single_label_classify": (REFUSED, OWN_MODEL),
            "detect_language": (ANSWERED, ""),
            "extract_key_phrases": (ANSWERED, ""),
            "recognize_entities": (ANSWERED, ""),
            "recognize_linked_entities": (REFUSED, "no knowledge base to link to"),
            "recognize_pii_entities": (ANSWERED, "a filter that names a category the engine lacks is refused"),
        },
    ),
)


def operations(name):
    """The public operations of a client class, given as module:class."""
    module, _, cls = name.partition(":")
    members = inspect.getmembers(getattr(import_module(module), cls), callable)
    return sorted(found for found, _ in members if found[0] != "_" and found not in NOT_OPERATIONS)


def counted(client):
    """How many operations are in each state, in words."""
    states = [state for state, _ in client.operations.values()]
    return ", ".join(f"{states.count(state)} {state}" for state in STATES)


def table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def of_client(client):
    """The section of one client."""
    both = [set(operations(name)) for name in client.names]
    rows = []
    for operation in sorted(both[0] | both[1]):
        state, remark = client.operations.get(operation, (NOT_YET, ""))
        rows.append([f"`{operation}`", *("yes" if operation in one else "–" for one in both), state, remark])
    head = f"## {client.service}: `{client.package}`"
    names = ["Operation", "Sync", "Async", "Here", "Remark"]
    return f"{head}\n\n{len(rows)} operations: {counted(client)}.\n\n{table(names, rows)}"


def of_language():
    """The kinds of analysis by the versions of the API in which they can be asked for."""
    rows = []
    for kind in KINDS.values():
        older = ["yes" if kind.path and one >= kind.older_since else "–" for one in OLDER_VERSIONS]
        newer = ["yes" if one >= kind.since else "–" for one in LANGUAGE_VERSIONS]
        where = [way for way, there in (("call", kind.most), ("job", kind.in_jobs)) if there]
        rows.append([kind.name, *older, *newer, " and ".join(where), REFUSED if kind.missing else ANSWERED])
    names = ["Kind", *OLDER_VERSIONS, *LANGUAGE_VERSIONS, "As", "Here"]
    return f"### Azure Language by api-version\n\n{table(names, rows)}"


def text():
    """The whole of COVERAGE.md."""
    intro = """# Coverage

What the local Azure answers, of every operation that the SDK clients in this course have. *Refused as Azure refuses*
means an error in the service's own shape, with a sentence that says why and where to read more: nothing is made up. How
good the answers are is another matter, measured in `engines/README.md`.

This file is written by `python -m local_azure.coverage`; a test fails when it is out of date."""
    return "\n\n".join([intro, *map(of_client, CLIENTS), of_language()]) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
    print(f"{FILE.name} is written.")
