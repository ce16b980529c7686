"""COVERAGE.md says what is true: every operation of every client is in it, and it is the one that the code writes."""

import pytest

from local_azure import coverage

CLIENTS = [pytest.param(client, id=client.package) for client in coverage.CLIENTS]


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
