"""Places of approvals: how many people of which group a payout waits for. One person fills one place."""

from collections.abc import Mapping

# The group of everybody who may approve.
ANYBODY = "any"


def places_of(required: int, groups: Mapping[str, int] | None) -> dict[str, int]:
    """Return the places of a payout as its row has them: those of groups, and the rest, which anybody may fill."""
    named = dict(groups or {})
    rest = required - sum(named.values())
    return named | ({ANYBODY: rest} if rest > 0 else {})


def stricter_places(*several: Mapping[str, int]) -> dict[str, int]:
    """Return of each group the largest number of places."""
    found: dict[str, int] = {}
    for places in several:
        for group, count in places.items():
            found[group] = max(count, found.get(group, 0))
    return {group: count for group, count in found.items() if count}


def as_words(places: Mapping[str, int]) -> str:
    """Return the places in words: ``2 approvals, 1 of them by treasury``."""
    count = sum(places.values())
    by = [f"{number} of them by {group}" for group, number in sorted(places.items()) if group != ANYBODY]
    return ", ".join([f"{count} approval{'s' if count != 1 else ''}", *by])
