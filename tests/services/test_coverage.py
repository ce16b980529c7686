"""COVERAGE.md says what is true: each operation of each client is in it, and is answered or refused as it says."""

import pytest
from azure.ai.textanalytics import AnalyzeSentimentAction
from azure.core.exceptions import HttpResponseError

from local_azure import coverage

pytest_plugins = ("language_server",)

CLIENTS = [pytest.param(client, id=client.service) for client in coverage.CLIENTS]
TEXT = ["The new branch in Leeds is lovely, and the staff were very kind to us. We shall come again on Monday."]
OWN = {"project_name": "p", "deployment_name": "d"}
# What each operation of the Language client is called with besides the text. One that is not here fails the test.
CALLS = {
    "analyze_sentiment": {},
    "begin_abstract_summary": {},
    "begin_analyze_actions": {"actions": [AnalyzeSentimentAction()]},
    "begin_analyze_healthcare_entities": {},
    "begin_extract_summary": {},
    "begin_multi_label_classify": OWN,
    "begin_recognize_custom_entities": OWN,
    "begin_single_label_classify": OWN,
    "detect_language": {},
    "extract_key_phrases": {},
    "recognize_entities": {},
    "recognize_linked_entities": {},
    "recognize_pii_entities": {},
}


def test_the_file_is_up_to_date():
    written = coverage.FILE.read_text(encoding="utf-8")
    assert written == coverage.text(), "run: python -m local_azure.coverage"


@pytest.mark.parametrize("client", CLIENTS)
def test_every_operation_of_the_client_is_listed(client):
    """A new operation in a newer SDK turns this red, and so does one that is gone."""
    for name in client.names:
        assert coverage.operations(name) == sorted(client.operations), name


@pytest.mark.parametrize("client", CLIENTS)
def test_states_are_the_three_that_are_explained(client):
    assert {state for state, _ in client.operations.values()} <= set(coverage.STATES)


@pytest.mark.parametrize("operation", sorted(coverage.CLIENTS[0].operations))
def test_each_operation_of_the_language_client_is_as_listed(sdk, operation):
    state, _ = coverage.CLIENTS[0].operations[operation]
    if state == coverage.ANSWERED:
        (result,) = sdk(operation, TEXT, **CALLS[operation])
        for one in result if isinstance(result, list) else [result]:
            assert not one.is_error
    else:
        assert state == coverage.REFUSED
        with pytest.raises(HttpResponseError, match="What runs locally"):
            sdk(operation, TEXT, **CALLS[operation])


def test_operations_are_read_from_the_class():
    class Newer:
        def detect_mood(self): ...
        def close(self): ...
        def _hidden(self): ...

    coverage.Newer = Newer
    try:
        assert coverage.operations("local_azure.coverage:Newer") == ["detect_mood"]
    finally:
        del coverage.Newer
