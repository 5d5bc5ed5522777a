"""The payment protocol in simulation: seeds hold, traces repeat to the byte, and what breaks the protocol is noticed.

``make simulate SEEDS=N`` runs more seeds than these; ``docs/simulator.md`` says what is simulated.
"""

import os
import subprocess
import sys

import pytest
from sqlalchemy import URL

from places import ROOT
from simulator.campaigns import SEEDS_THAT_REACH_ALL, run, simulate
from simulator.comparing import compare
from simulator.mutants import MUTANTS, Mutant
from simulator.plans import LEDGERS
from simulator.rungs import sql_rung

# On a machine that is shared, a thousand seeds take minutes.
pytestmark = pytest.mark.timeout(1500)

SEEDS_FOR_A_MUTANT = 10_000
SEEDS_ON_SQL = 40


# Seeds that ended badly once, each among ten thousands that did not.
FOUND = {
    38050: "A mirror node's place was taken by one further behind while a statement was read: the rest was paid again.",
    86363: "A worker paid what the database in front of it did not know as started, and it was called off meanwhile.",
}


def simulated(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the simulator's command, as a person does."""
    return subprocess.run(
        [sys.executable, "-m", "simulator", *arguments],
        env={**os.environ, **environment},
        cwd=ROOT / "tests",
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.longest
def test_nobody_is_paid_twice_and_nobody_forgotten_whatever_a_seed_does() -> None:
    campaign = run(range(1, SEEDS_THAT_REACH_ALL + 1), processes=1)
    assert [(each.seed, each.ledger, each.violation) for each in campaign.violations] == []
    assert campaign.never() == [], "what never happened proves nothing"
    assert campaign.payouts > SEEDS_THAT_REACH_ALL


@pytest.mark.parametrize("seed", FOUND)
def test_what_was_found_once_holds(seed: int) -> None:
    assert simulate(seed).violation is None, FOUND[seed]


@pytest.mark.longest
@pytest.mark.parametrize("first", range(1, 5 * SEEDS_ON_SQL, SEEDS_ON_SQL))
def test_dictionaries_and_sql_have_the_same_trace(first: int, database_url: URL) -> None:
    with sql_rung(database_url) as rung:
        for seed in range(first, first + SEEDS_ON_SQL):
            comparison = compare(seed, rung)
            assert comparison.difference == [], f"seed {seed}"
            assert comparison.on_sql.violation is None, f"seed {seed}"


@pytest.mark.parametrize("ledger", LEDGERS)
def test_a_seed_has_one_trace_to_the_byte(ledger: str) -> None:
    """Sets and dictionaries of strings are in another order in each process; traces are not."""
    arguments = ["--seed", "4711", "--ledger", ledger]
    first, second = (simulated(*arguments, PYTHONHASHSEED=seed) for seed in ("1", "2"))
    assert (first.returncode, first.stderr) == (0, "")
    assert len(first.stdout.splitlines()) > 100
    assert first.stdout == second.stdout


@pytest.mark.longest
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_what_breaks_the_protocol_is_noticed(mutant: Mutant) -> None:
    seeds = ["--first", str(mutant.first_seed), "--seeds", str(SEEDS_FOR_A_MUTANT)]
    found = simulated("--mutant", mutant.name, *seeds)
    assert found.returncode == 1, found.stdout + found.stderr
    assert "seed " in found.stdout


def test_a_failing_trace_is_shrunk_to_its_faults() -> None:
    mutant = "take no answer for death"
    lines = simulated("--mutant", mutant).stdout.splitlines()
    seed = next(line.split()[1] for line in lines if line.startswith("seed "))
    whole, shrunk = (simulated("--mutant", mutant, "--seed", seed, *more) for more in ([], ["--shrink"]))
    assert (whole.returncode, shrunk.returncode) == (1, 1)
    assert "that it is owed" in shrunk.stdout
    left = [int(line.split()[0]) for line in shrunk.stderr.splitlines() if line.endswith(" left")]
    assert 0 < left[-1] < left[0]
