"""The content of a policy: how many people approve of what, and how much may be paid out.

    {"mode": "guarded", "approvals": 1,
     "rules": [{"when": {"amount": 10000}, "need": [{"group": "treasury", "n": 2}]}],
     "limits": {"per_distribution": 500000, "per_day": {"*": 1000000, "0.0.7002": 50}},
     "groups": {"treasury": ["ana", "ben", "cleo"]}}

Amounts are whole payment tokens: one for every token, or by token, where ``*`` is every other one. All rules that
match apply together: of each group the largest number counts.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema, model_validator

from masspayout.kernel.approval_places import ANYBODY, as_words
from masspayout.kernel.errors import Invalid
from masspayout.kernel.invalid_values import own_sentence, requirement
from masspayout.kernel.states import DistributionType

_EVERY_TOKEN = "*"  # noqa: S105 - the name of no secret
_MOST = 10


def _by_token(value: Any) -> Any:
    """Return an amount alone as the amount of every token."""
    return value if isinstance(value, Mapping) or value is None else {_EVERY_TOKEN: value}


Amount = Annotated[Decimal, Field(ge=0, allow_inf_nan=False, max_digits=48, decimal_places=18)]
_TokenId = Annotated[str, Field(pattern=r"^(\*|[0-9A-Za-z.]{1,100})$")]
_Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._@+-]{0,99}$")]
_NUMBER = {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": r"^[0-9]{1,30}(\.[0-9]{1,18})?$"}]}
_OF_TOKENS = {
    "type": "object",
    "propertyNames": {"pattern": r"^(\*|[0-9A-Za-z.]{1,100})$"},
    "additionalProperties": _NUMBER,
}
TokenAmounts = Annotated[
    dict[_TokenId, Amount], BeforeValidator(_by_token), WithJsonSchema({"anyOf": [*_NUMBER["anyOf"], _OF_TOKENS]})
]


class PolicyMode(StrEnum):
    """The mode of a policy."""

    OPEN = "open"  # one person may do all
    GUARDED = "guarded"  # payouts need approvals, and changes of the policy another person


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Need(_Part):
    """So many people of a group have to approve."""

    group: _Name = ANYBODY
    n: int = Field(ge=1, le=_MOST)


class When(_Part):
    """The payouts that a rule is about: those that everything that is given holds for.

    Attributes:
        assets: Payouts of these assets, by the ids of their tokens.
        types: Payouts of these types.
        amount: Payouts of this much or more.
        day_total: Payouts that bring what began in their token within 24 hours to this much or more.
        new_recipient: True: payouts to an account that was never paid before; False: all others.
        list: True: payout lists; False: all others.
        changed_since_last: True: payouts to other accounts or of other amounts than the last one of the same asset for
            the same concept; False: all others.
    """

    assets: tuple[_TokenId, ...] = Field(default=(), max_length=100)
    types: tuple[DistributionType, ...] = ()
    amount: TokenAmounts = {}
    day_total: TokenAmounts = {}
    new_recipient: bool | None = None
    list: bool | None = None
    changed_since_last: bool | None = None


class Rule(_Part):
    """People whose approval some payouts need."""

    when: When = When()
    need: tuple[Need, ...] = Field(min_length=1, max_length=10)


class Limits(_Part):
    """The most that may be paid out, at once and within 24 hours, by token."""

    per_distribution: TokenAmounts = {}
    per_day: TokenAmounts = {}


class PolicyContent(_Part):
    """The content of a version of the policy."""

    mode: PolicyMode = PolicyMode.OPEN
    approvals: int = Field(default=0, ge=0, le=_MOST)
    rules: tuple[Rule, ...] = Field(default=(), max_length=50)
    limits: Limits = Limits()
    groups: dict[_Name, Annotated[tuple[_Name, ...], Field(max_length=100)]] = Field(default={}, max_length=8)

    @model_validator(mode="after")
    def _check(self) -> "PolicyContent":
        asks = bool(self.approvals or self.rules)
        if self.is_guarded and not asks:
            raise ValueError("a guarded policy needs approvals of 1 or more, or a rule")
        if asks and not self.is_guarded:
            raise ValueError("an open policy has 0 approvals and no rules; approvals need the mode guarded")
        if ANYBODY in self.groups:
            raise ValueError(f"the group {ANYBODY} is everybody who may approve, and has no list of names")
        unknown = {need.group for rule in self.rules for need in rule.need} - {ANYBODY, *self.groups}
        if unknown:
            raise ValueError(f"a rule needs the group {min(unknown)}, which groups does not name")
        return self

    @property
    def is_guarded(self) -> bool:
        """True if payouts need approvals."""
        return self.mode is PolicyMode.GUARDED

    @property
    def largest_places(self) -> dict[str, int]:
        """The places of a payout that every rule matches."""
        places = {ANYBODY: self.approvals}
        for need in (need for rule in self.rules for need in rule.need):
            places[need.group] = max(need.n, places.get(need.group, 0))
        return {group: count for group, count in places.items() if count}

    def stored(self) -> dict[str, Any]:
        """Return the JSON form, without what is not given. ``limits`` is in it only if there are some."""
        return self.model_dump(mode="json", exclude_defaults=True) | {"mode": self.mode.value}

    @property
    def sentences(self) -> list[str]:
        """The content as sentences."""
        return list(_sentences(self))


def amount_of(amounts: Mapping[str, Decimal], token_id: str) -> Decimal | None:
    """Return the amount for a payment token; None when none is given."""
    by_token = {name.lower(): amount for name, amount in amounts.items()}
    return by_token.get(token_id.lower(), by_token.get(_EVERY_TOKEN))


def read_content(value: Any) -> PolicyContent:
    """Return the content of a JSON object.

    Raises:
        Invalid: It is no policy; every place of it that is wrong is named.
    """
    try:
        return PolicyContent.model_validate(value)
    except ValidationError as error:
        wrong = []
        for problem in error.errors():
            place = ".".join(map(str, problem["loc"]))
            if problem["type"] == "extra_forbidden":
                wrong.append(f"there is no {place}")
            else:
                sentence = own_sentence(problem)
                words = f"use {requirement(problem)}" if sentence is None else sentence[:1].lower() + sentence[1:-1]
                wrong.append(f"{place}: {words}" if place else words)
        raise Invalid(
            f"This is no policy: {'; '.join(wrong)}.", "Correct it; docs/policy.md describes every part."
        ) from None


def _sentences(content: PolicyContent) -> Iterator[str]:
    if content.approvals:
        yield f"Every payout needs {_needed({ANYBODY: content.approvals})}."
    elif not content.is_guarded:
        yield "One person may do everything: no payout needs an approval."
    for rule in content.rules:
        places: dict[str, int] = {}
        for need in rule.need:
            places[need.group] = max(need.n, places.get(need.group, 0))
        yield f"{_payouts(rule.when)} needs {_needed(places)}."
    if content.is_guarded:
        yield "A change of the policy needs the approval of another person."
    for words, amounts in (
        ("One payout may be", content.limits.per_distribution),
        ("Payouts of 24 hours may together be", content.limits.per_day),
    ):
        for token_id, amount in amounts.items():
            yield f"{words} {_amount(token_id, amount)} at most."
    for group, names in sorted(content.groups.items()):
        yield f"{group}: {', '.join(names) or 'nobody'}."


def _needed(places: Mapping[str, int]) -> str:
    if set(places) == {ANYBODY}:
        return as_words(places)
    parts = [
        as_words({ANYBODY: count}) + ("" if group == ANYBODY else f" by {group}")
        for group, count in sorted(places.items())
    ]
    return " and ".join(parts)


def _payouts(when: When) -> str:
    subject = "A payout"
    if when.list is not None:
        subject = "A payout list" if when.list else "A payout that is no list"
    conditions = [
        *([f"of the asset {_one_of(when.assets)}"] if when.assets else []),
        *([f"of the type {_one_of([kind.value for kind in when.types])}"] if when.types else []),
        *_amounts("of {} or more", when.amount),
        *_amounts("that brings a day's total to {} or more", when.day_total),
    ]
    for given, yes, no in (
        (when.new_recipient, "to an account that was never paid", "to accounts that were all paid before"),
        (when.changed_since_last, "that is not as the last one was", "that is as the last one was"),
    ):
        if given is not None:
            conditions.append(yes if given else no)
    return " ".join([subject, *conditions])


def _amounts(words: str, amounts: Mapping[str, Decimal]) -> list[str]:
    if not amounts:
        return []
    return [words.format(" or ".join(_amount(token_id, amount) for token_id, amount in amounts.items()))]


def _amount(token_id: str, amount: Decimal) -> str:
    return f"{amount:,f}" if token_id == _EVERY_TOKEN else f"{amount:,f} of {token_id}"


def _one_of(values: Sequence[str]) -> str:
    return " or ".join(values)
