"""Whatever is sent, the answer is Azure's: never a 500, never a hang, always JSON with an error object or a result."""

import copy
import json
import random

import pytest

pytest_plugins = ("language_server",)

ROUTES = (
    "/language/:analyze-text?api-version=2024-11-01",
    "/language/analyze-text/jobs?api-version=2023-04-01",
    "/text/analytics/v3.1/analyze",
    "/text/analytics/v3.1/sentiment?opinionMining=true",
    "/text/analytics/v3.0/languages",
)
KINDS = ("LanguageDetection", "SentimentAnalysis", "KeyPhraseExtraction", "EntityRecognition", "PiiEntityRecognition")
TEXTS = (
    "",
    " ",
    "\x00",
    "\u202e abc",
    "e\u0301" * 9,
    "🏴\u200d☠️" * 3,
    "\n\r\n",
    "a" * 300,
    "4111 1111",
    "..",
    "ﷺ",
    "½",
    "@@",
)
ODD = (None, True, 0, -1, 1e308, "", "x", [], {}, [[]], {"": None}, "latest", 10**30)


def request(dice):
    """A request that would be right, but for a few places where something odd was put."""
    documents = [
        {"id": str(number), "text": dice.choice(TEXTS), "language": dice.choice(["en", "de", "", "xx", "zh-Hans"])}
        for number in range(dice.randrange(5))
    ]
    parameters = {"modelVersion": "latest", "stringIndexType": dice.choice(["Utf16CodeUnit", "TextElements_v8"])}
    parameters |= {"opinionMining": True, "sentenceCount": 2, "piiCategories": ["All"], "inclusionList": ["Person"]}
    kind = dice.choice(KINDS)
    body = {
        "kind": kind,
        "displayName": "x",
        "parameters": parameters,
        "analysisInput": {"documents": documents},
        "documents": documents,
        "tasks": [{"kind": dice.choice(KINDS), "parameters": parameters, "taskName": "x"}],
    }
    for _ in range(dice.randrange(3)):
        spoil(body, dice)
    return body


def spoil(value, dice):
    """Put something odd somewhere into a nest of objects and arrays."""
    while True:
        key = dice.choice(list(value) if isinstance(value, dict) else range(len(value)))
        inner = value[key]
        if not inner or not isinstance(inner, dict | list) or dice.random() < 0.3:
            value[key] = copy.deepcopy(dice.choice(ODD))
            return
        value = inner


@pytest.mark.parametrize("seed", range(8))
def test_odd_requests(http, seed):
    dice = random.Random(seed)
    for _ in range(60):
        route, body = dice.choice(ROUTES), json.dumps(request(dice))
        response = http("POST", route, data=body)
        where = f"{route} {body}"
        assert response.status_code in (200, 202, 400), where
        if response.status_code == 400:
            assert set(response.json()["error"]) >= {"code", "message"}, where
        elif response.status_code == 200:
            reply = response.json().get("results", response.json())
            asked = json.loads(body)["analysisInput" if "language/" in route else "documents"]
            asked = asked["documents"] if isinstance(asked, dict) else asked
            answered = sorted(one["id"] for one in reply["documents"] + reply["errors"])
            assert answered == sorted(one["id"] for one in asked), where
            assert not any(one["error"]["code"] == "InternalServerError" for one in reply["errors"]), where
        else:
            job = http("GET", response.headers["operation-location"])
            assert job.status_code == 200, where


@pytest.mark.parametrize("seed", range(2))
def test_broken_bytes(http, seed):
    dice = random.Random(seed)
    for _ in range(60):
        content = bytearray(json.dumps(request(dice)).encode())
        for _ in range(dice.randrange(1, 4)):
            content[dice.randrange(len(content))] = dice.randrange(256)
        response = http("POST", dice.choice(ROUTES), data=bytes(content))
        assert response.status_code in (200, 202, 400), bytes(content)
