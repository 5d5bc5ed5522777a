"""Terms of a payout: each is declared once, with all that the edges need to offer, check, store and show it.

A term is a field of ``PayoutTerms`` with a ``Term`` as its metadata. Options of the command line, models of the API,
the form of the dashboard, entries of the audit trail and lists of columns are made from these fields, so that none of
them can forget one.
"""

import uuid
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType, NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from masspayout.kernel.states import DistributionType, ExecutionType, Frequency, PayoutType
from masspayout.kernel.terms import Section, Term, Unit, one_line

_ALL = frozenset(ExecutionType)
_SINGLE = frozenset({ExecutionType.MANUAL, ExecutionType.SCHEDULED})
_SCHEDULED = frozenset({ExecutionType.SCHEDULED})
_RECURRING = frozenset({ExecutionType.RECURRING})
_AUTOMATIC = frozenset({ExecutionType.AUTOMATIC})


@dataclass(frozen=True, slots=True)
class PayoutTerms:
    """The terms of a payout as somebody wants it: one that is divided among holders, a payout list, or a series.

    ``id`` is the id of what is created; it is given where the same request may arrive twice.
    """

    type: DistributionType = field(
        default=DistributionType.DIVIDEND,
        metadata={
            "term": Term(
                label="Type",
                help="The type of the payout.",
                example="DIVIDEND",
                section=Section.PURPOSE,
                is_listed=True,
            )
        },
    )
    payout_type: PayoutType | None = field(
        default=None,
        metadata={
            "term": Term(
                label="Split",
                help="PERCENTAGE: pro rata to balances. FIXED: equal amounts.",
                example="PERCENTAGE",
                section=Section.AMOUNTS,
                is_required=True,
                short_name="payout",
            )
        },
    )
    amount: Decimal | None = field(
        default=None,
        metadata={
            "term": Term(
                label="Total to divide",
                hint="In whole tokens, with a point before the decimals.",
                help="The total, in whole payment tokens. AUTOMATIC may do without: then it is the deposit.",
                example="250000.00",
                unit=Unit.TOKENS,
                section=Section.AMOUNTS,
            )
        },
    )
    execution_type: ExecutionType = field(
        default=ExecutionType.MANUAL,
        metadata={
            "term": Term(
                label="Start",
                help="How it starts: by you, at a time, on a calendar or on deposits; these two create a series.",
                example="MANUAL",
                section=Section.START,
                short_name="execution",
            )
        },
    )
    concept: str | None = field(
        default=None,
        metadata={
            "term": Term(
                label="Name",
                hint="For example: Dividend 2026.",
                help="A name, in your own words. The same list is paid once for the same concept.",
                example="Dividend 2026",
                section=Section.PURPOSE,
                is_listed=True,
            )
        },
    )
    reference: str | None = field(
        default=None,
        metadata={
            "term": Term(
                label="Reference",
                hint="Such as the number of an invoice. The same payout is paid once for each reference.",
                help="A reference, such as the number of an invoice. The same payout is paid once for each reference.",
                example="INV-2026-0331",
                max_length=140,
                is_printable=True,
                is_exported=True,
                section=Section.PURPOSE,
                is_listed=True,
            )
        },
    )
    record_time: datetime | None = field(
        default=None,
        metadata={
            "term": Term(
                label="Record time",
                help="Take the balances of this time.",
                example="2026-03-31",
                section=Section.MORE,
                executions=_SINGLE,
            )
        },
    )
    scheduled_time: datetime | None = field(
        default=None,
        metadata={
            "term": Term(
                label="Pay at",
                help="SCHEDULED: when to pay.",
                question="when is it to be paid?",
                example="2030-03-31T09:00",
                section=Section.START,
                executions=_SCHEDULED,
                needed_by=_SCHEDULED,
                short_name="at",
            )
        },
    )
    frequency: Frequency | None = field(
        default=None,
        metadata={
            "term": Term(
                label="How often",
                help="RECURRING: how often.",
                question="how often is it due?",
                example="MONTHLY",
                section=Section.START,
                executions=_RECURRING,
                needed_by=_RECURRING,
            )
        },
    )
    start_time: datetime | None = field(
        default=None,
        metadata={
            "term": Term(
                label="First payment",
                help="RECURRING: the first payment; the others follow from it.",
                question="when is the first one due?",
                example="2030-03-31T09:00",
                section=Section.START,
                executions=_RECURRING,
                needed_by=_RECURRING,
                short_name="start",
            )
        },
    )
    end_time: datetime | None = field(
        default=None,
        metadata={
            "term": Term(
                label="Last payment",
                help="RECURRING: nothing is due after this time.",
                example="2035-03-31T09:00",
                section=Section.START,
                executions=_RECURRING,
                short_name="end",
            )
        },
    )
    time_zone: str | None = field(
        default=None,
        metadata={
            "term": Term(
                label="Time zone",
                hint="For the times above.",
                help="The IANA zone in which a series counts its days, and of times without an offset. Default: UTC.",
                example="Europe/Madrid",
                max_length=100,
                section=Section.START,
                executions=_RECURRING,
                short_name="zone",
            )
        },
    )
    catch_up_seconds: int | None = field(
        default=None,
        metadata={
            "term": Term(
                label="Catch-up window",
                hint="How late one may be paid after an outage: 90m, 24h, 7d. Unless given, 24h.",
                help="RECURRING: how late one may be paid after an outage. Default: a day.",
                example="86400",
                unit=Unit.SECONDS,
                bounds=(60, 3660 * 86_400),
                section=Section.START,
                executions=_RECURRING,
                short_name="catch_up",
            )
        },
    )
    trigger_condition: str | None = field(
        default=None,
        metadata={
            "term": Term(
                label="Minimum deposit",
                hint="Smaller deposits start no payout.",
                help="AUTOMATIC: the trigger: ON_DEPOSIT, or with a minimum deposit, ON_DEPOSIT >= 1000.",
                question="what starts it?",
                example="ON_DEPOSIT",
                max_length=100,
                section=Section.START,
                executions=_AUTOMATIC,
                needed_by=_AUTOMATIC,
                short_name="trigger",
            )
        },
    )
    excluded_accounts: Sequence[str] = field(
        default=(),
        metadata={
            "term": Term(
                label="Exclude accounts",
                hint="Separated by spaces.",
                help="Accounts that get nothing.",
                example="0.0.5000",
                section=Section.MORE,
                short_name="exclude",
            )
        },
    )
    included_accounts: Sequence[str] = field(
        default=(),
        metadata={
            "term": Term(
                label="Also pay",
                hint="Treasury, payer or contract account.",
                help="The accounts of treasury, payer and contract that are also paid.",
                example="0.0.5000",
                section=Section.MORE,
                short_name="include",
            )
        },
    )
    again: int = field(
        default=1,
        metadata={
            "term": Term(
                label="Pay again",
                hint="2 pays the same once more, 3 a third time.",
                help="2 pays once more what was paid for the same concept and reference; 3 a third time.",
                example="2",
                bounds=(1, 1_000_000),
                section=Section.MORE,
                executions=_SINGLE,
                is_listed=True,
                is_stored=False,
            )
        },
    )
    id: uuid.UUID | None = None

    def __post_init__(self) -> None:
        for name, term in TERMS.items():
            if term.is_printable and getattr(self, name) is not None:
                object.__setattr__(self, name, one_line(term, getattr(self, name)))

    @property
    def makes_series(self) -> bool:
        """True for payouts that come again and again."""
        return self.execution_type not in _SINGLE


def _declared() -> Iterator[Term]:
    """Yield the terms with what follows from their fields: name, type and option."""
    hints = get_type_hints(PayoutTerms)
    for each in fields(PayoutTerms):
        if "term" in each.metadata:
            term: Term = each.metadata["term"]
            kind = _kind_of(hints[each.name])
            yield replace(
                term, name=each.name, kind=kind, default=each.default, short_name=term.short_name or each.name
            )


def _kind_of(hint: Any) -> type:
    if isinstance(hint, UnionType):
        (hint,) = (each for each in get_args(hint) if each is not NoneType)
    return list if get_origin(hint) is not None else hint


TERMS = MappingProxyType({term.name: term for term in _declared()})

# What a single payout stores, as a series does for each of its payouts; and a payout list.
DISTRIBUTION_TERMS = tuple(name for name, term in TERMS.items() if term.is_stored and term.is_of_single)
LIST_TERMS = tuple(name for name, term in TERMS.items() if term.is_stored and term.is_listed)
OWN_WORDS = tuple(name for name, term in TERMS.items() if term.is_own_words)

# The terms that say when to pay, of which each kind of execution has its own.
TIMING = tuple(
    name for name, term in TERMS.items() if term.section is Section.START and len(term.executions) < len(_ALL)
)


def timing_misfits(execution: ExecutionType, given: Collection[str]) -> tuple[list[str], list[str]]:
    """Return the terms that a kind of execution needs and misses, and those that make no sense with it.

    Args:
        execution: The start of the payout.
        given: The names of ``TIMING`` that are given.
    """
    missing = [name for name in TIMING if execution in TERMS[name].needed_by and name not in given]
    return missing, sorted(name for name in given if execution not in TERMS[name].executions)
