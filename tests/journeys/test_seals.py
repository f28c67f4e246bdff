"""Seals in the running portal: made and published by a worker."""

import pytest

from audit import publishing
from audit.models import Seal, Unsealed
from tests.journeys.conftest import wait_for

pytestmark = pytest.mark.journey


def test_a_worker_seals_and_publishes_by_itself(portal):
    portal.world.declare()
    wait_for(lambda: Seal.objects.exists() and not Unsealed.objects.exists(), "the worker to seal", 30)
    path = portal.logs / "heads.jsonl"
    wait_for(lambda: path.exists() and [*publishing.read_lines(path)], "the head to go outside", 30)
