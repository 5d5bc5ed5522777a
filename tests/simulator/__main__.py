"""The command: ``python -m simulator --seeds 1000``; ``make simulate`` runs it."""

import argparse
import os
import sys
from typing import TYPE_CHECKING

from simulator.mutants import MUTANTS, plant
from simulator.plans import LEDGERS

if TYPE_CHECKING:
    from simulator.campaigns import Campaign, Outcome


def main() -> int:
    """Run seeds, or tell one; return 1 when something did not hold."""
    options = _options()
    ledgers = options.ledger.split(",")
    if options.mutant:
        plant(options.mutant)
    from simulator.campaigns import run, simulate  # noqa: PLC0415 - a mutant is planted before

    if options.seed is not None:
        return _tell(simulate(options.seed, ledgers, is_traced=True), shrinks=options.shrink)
    seeds = range(options.first, options.first + options.seeds)
    if options.rung == "B":
        return _compare(seeds, ledgers)
    campaign = run(
        seeds,
        ledgers,
        processes=1 if options.mutant else options.processes,
        tell=_show_progress if sys.stderr.isatty() else lambda _: None,
        stop_at_violation=bool(options.mutant),
    )
    return _report(campaign, shrinks=not options.mutant)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="simulator", description="The payment protocol, by seed.")
    parser.add_argument("--seeds", type=int, default=1000, help="how many seeds to run")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    parser.add_argument("--seed", type=int, help="tell the trace of this one")
    parser.add_argument("--shrink", action="store_true", help="tell it with as few faults as it takes to end badly")
    parser.add_argument("--ledger", default=",".join(LEDGERS), help="which ledgers, separated by commas")
    parser.add_argument("--rung", choices=["A", "B"], default="A", help="B: on PostgreSQL too, and compare")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--mutant", choices=[mutant.name for mutant in MUTANTS], help="break the protocol like that")
    return parser.parse_args()


def _tell(outcome: "Outcome", *, shrinks: bool) -> int:
    from simulator.shrinking import shrink  # noqa: PLC0415

    if shrinks and outcome.violation is not None:
        outcome = shrink(outcome, lambda line: print(line, file=sys.stderr))
    print("\n".join(outcome.trace))
    print(f"seed {outcome.seed} on {outcome.ledger}: {outcome.violation or 'everything holds'}")
    return int(outcome.violation is not None)


def _compare(seeds: range, ledgers: list[str]) -> int:
    from simulator.comparing import run  # noqa: PLC0415 - rung A needs no SQL

    bad = 0
    for comparison in run(seeds, ledgers, _show_count if sys.stderr.isatty() else lambda _: None):
        outcome = comparison.on_sql
        if outcome.violation is not None or comparison.difference:
            bad += 1
            print(f"seed {outcome.seed} on {outcome.ledger}: {outcome.violation or 'two traces'}")
            print("\n".join(comparison.difference))
    print(f"{len(seeds):,} seeds on dictionaries and on SQL, {bad} of them with two traces or a bad end")
    return int(bool(bad))


def _show_count(count: int) -> None:
    print(f"\r{count:,} seeds", end="", file=sys.stderr)


def _show_progress(campaign: "Campaign") -> None:
    rate = campaign.payouts / max(campaign.seconds, 0.001)
    print(
        f"\r{campaign.outcomes:,} seeds, {rate:,.0f} payouts/s, {len(campaign.violations)} violations",
        end="",
        file=sys.stderr,
    )


def _report(campaign: "Campaign", *, shrinks: bool) -> int:
    print(
        f"\n{campaign.outcomes:,} seeds, {campaign.payouts:,} payouts in {campaign.seconds:.1f} s: "
        f"{campaign.payouts / campaign.seconds:,.0f} payouts/s, {campaign.steps / campaign.payouts:,.0f} steps each"
    )
    for title, counts in (("faults", campaign.happened), ("reached", campaign.reached)):
        print(f"{title}: " + ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items())))
    for outcome in campaign.violations[:20]:
        print(f"seed {outcome.seed} on {outcome.ledger}: {outcome.violation}")
    never = campaign.never()
    if never:
        print(f"never happened: {', '.join(never)}")
    if campaign.violations and shrinks:
        print("\nThe first one, with its fewest faults:\n")
        _tell(campaign.violations[0], shrinks=True)
    return int(bool(campaign.violations or never))


if __name__ == "__main__":
    sys.exit(main())
