"""Several workers of pytest: what one of them makes for a module, no other makes again."""

from __future__ import annotations

import os

import pytest


@pytest.mark.xdist_group("kept-together")
@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="of several workers")
def test_tests_of_a_group_are_known_to_be_one(request: pytest.FixtureRequest) -> None:
    """Where pytest and pytest-xdist fit together, the name says it to who shares out the tests."""
    assert request.node.nodeid.endswith("@kept-together"), (
        "this pytest does not read the names that pytest-xdist gives; make setup installs another"
    )
