"""Each fault once in every run of the tests; ``make storm`` deals them for as long as one likes."""

from pathlib import Path

import pytest
from sqlalchemy import URL

from clusters import require_debian_15
from storm.faults import FAULTS, available
from storm.rounds import FAULTS_OF_A_ROUND, deal, play

# Servers and workers take their time on a machine that is shared.
pytestmark = pytest.mark.timeout(900)

# Restores and failovers have tests of their own, at several points of a payout.
OF_THE_SERVER = ["database read-only", "table locked", "server killed", "disk full", "connections all taken"]
OF_OTHERS = sorted(set(FAULTS) - {*OF_THE_SERVER, "dump restored", "failover"})


@pytest.mark.longest
@pytest.mark.parametrize("faults", [OF_THE_SERVER, OF_OTHERS], ids=["of the server", "of workers and network"])
async def test_every_payout_outlives_every_fault(embedded_server: URL, tmp_path: Path, faults: list[str]) -> None:
    require_debian_15()
    played = await play(1, embedded_server, tmp_path, [name for name in faults if name in available()])
    assert played.idle == []
    assert played.violations == []


def test_every_fault_is_dealt_as_often_as_the_others() -> None:
    dealt = [name for seed in range(len(FAULTS)) for name in deal(seed)]
    kinds = available()
    assert set(dealt) == set(kinds)
    expected = len(FAULTS) * FAULTS_OF_A_ROUND / len(kinds)
    assert all(abs(dealt.count(name) - expected) <= 2 for name in kinds)
