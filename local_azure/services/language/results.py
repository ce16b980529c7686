"""From documents to the reply: each document analysed on its own, errors beside results, statistics on request."""

import logging

from .kinds import numbered
from .positions import Positions, text_elements
from .requests import MOST_ELEMENTS, document_error, error_object

RECORD = 1000  # text elements that one text record, the unit of Azure's bill, covers

log = logging.getLogger("local_azure")


def engine_label(kind):
    """name/version of what answers: sent as header x-local-azure-engine and as the reply's modelVersion."""
    engine = kind.described()
    return f"{engine.name}/{engine.version}"


def analyse(kind, document, options, most=MOST_ELEMENTS):
    """The outcome of one document: {"id", "result": …, "characters"} or {"id", "error": …}. Blocking."""
    if error := document_error(document, kind, most):
        return {"id": document.id, "error": error}
    try:
        result = kind.analyse(kind.module(), document, options, Positions(document.text, options.unit))
    except Exception:  # one text that an engine stumbles over must not cost the others their answer
        log.exception("%s failed on a document", kind.name)
        message = "The engine failed on this document; the server's log says how."
        error = error_object("Internal server error.", "InvalidDocument", message, "InternalServerError")
        return {"id": document.id, "error": error}
    return {"id": document.id, "result": result, "characters": text_elements(document.text)}


def text_records(outcomes):
    """The text records of each document that was answered. An error costs none."""
    return [max(1, -(-outcome["characters"] // RECORD)) for outcome in outcomes if "result" in outcome]


def count(state, resource, kind, outcomes):
    """Add what was answered to the meter."""
    if records := sum(text_records(outcomes)):
        state.meter.add(resource, "Language", kind.name, "text records", records)


def collect(kind, outcomes, with_statistics):
    """The `results` object of a reply: outcomes in order, split into documents and errors."""
    good = [outcome for outcome in outcomes if "result" in outcome]
    bad = [{"id": outcome["id"], "error": outcome["error"]} for outcome in outcomes if "error" in outcome]
    records = text_records(outcomes)
    reply = {}
    if with_statistics:
        reply["statistics"] = {
            "documentsCount": len(outcomes),
            "validDocumentsCount": len(good),
            "erroneousDocumentsCount": len(bad),
            "transactionsCount": sum(records),
        }
    reply["documents"] = []
    for number, (outcome, transactions) in enumerate(zip(good, records, strict=True)):
        document = {"id": outcome["id"]}
        if with_statistics:
            document["statistics"] = {"charactersCount": outcome["characters"], "transactionsCount": transactions}
        document |= {"warnings": []} | numbered(outcome["result"], number)
        reply["documents"].append(document)
    return reply | {"errors": bad, "modelVersion": engine_label(kind)}
