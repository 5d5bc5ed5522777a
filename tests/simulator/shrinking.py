"""Shrinking: of the faults of a trace that ends badly, only those that it takes."""

from collections.abc import Callable, Sequence

from simulator.campaigns import Outcome, simulate


def shrink(outcome: Outcome, tell: Callable[[str], None] = lambda _: None) -> Outcome:
    """Return the trace of a seed with as few of its faults as end it as badly, told.

    Parts of the faults are left out as long as the same goes wrong: halves first, then quarters, until each of what is
    left is needed.
    """
    left, passed_over, best = list(outcome.faults), frozenset[int](), outcome
    size = max(1, len(left) // 2)
    while left:
        shorter = _without_a_part(best, left, passed_over, size)
        if shorter is not None:
            best, passed_over = shorter
            left = list(best.faults)
            tell(f"{len(left)} faults are left")
            size = max(1, min(size, len(left) // 2))
        elif size == 1:
            break
        else:
            size //= 2
    return simulate(outcome.seed, [outcome.ledger], is_traced=True, passed_over=passed_over)


def _without_a_part(
    outcome: Outcome, left: Sequence[int], passed_over: frozenset[int], size: int
) -> tuple[Outcome, frozenset[int]] | None:
    """Return what comes of leaving out the first part of a size that is not needed; None when all of them are."""
    for begin in range(0, len(left), size):
        without = passed_over | set(left[begin : begin + size])
        found = simulate(outcome.seed, [outcome.ledger], passed_over=without)
        # What happens instead, once a fault does not, may be more.
        is_shorter = len(found.faults) < len(left)
        if is_shorter and found.violation is not None and _is_alike(found.violation, str(outcome.violation)):
            return found, without
    return None


def _is_alike(one: str, other: str) -> bool:
    """Whether two sentences tell of the same kind of violation: figures and names may differ."""
    return _words(one) == _words(other)


def _words(sentence: str) -> list[str]:
    return [word for word in sentence.split() if word.isalpha()][:6]
