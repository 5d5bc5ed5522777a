"""The policy in force: what the database has for the installation and the asset, and what the environment adds.

All of them apply together: the environment of a process tightens, and loosens nothing.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from masspayout.controls.policy_content import (
    Limits,
    Need,
    PolicyContent,
    PolicyMode,
    Rule,
    When,
    amount_of,
    read_content,
)
from masspayout.db.entities import Distribution
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel.actors import Actor, ActorKind
from masspayout.kernel.approval_places import ANYBODY, stricter_places
from masspayout.kernel.errors import Conflict
from masspayout.kernel.money import add
from masspayout.kernel.next_steps import Field
from masspayout.settings import Settings

_DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class PolicyInForce:
    """The policy that a payout, or a change, is under.

    Attributes:
        number: The newest version that it is made of; None without any.
        stored: The content that the database has: the installation's, and the asset's where there is one.
        environment: The content that the settings of this process add.
    """

    number: int | None
    stored: Sequence[PolicyContent]
    environment: PolicyContent

    @property
    def contents(self) -> Sequence[PolicyContent]:
        """All that applies together."""
        return [*self.stored, self.environment]

    @property
    def is_guarded(self) -> bool:
        """True if payouts may need approvals, and changes another person."""
        return any(content.is_guarded for content in self.contents)

    def most_per_distribution(self, token_id: str) -> Decimal | None:
        """Return the most that one payout may be; None without a limit."""
        return _least(amount_of(content.limits.per_distribution, token_id) for content in self.contents)

    def most_per_day(self, token_id: str) -> Decimal | None:
        """Return the most that payouts of 24 hours may be together; None without a limit."""
        return _least(amount_of(content.limits.per_day, token_id) for content in self.contents)


def _least(amounts: Iterable[Decimal | None]) -> Decimal | None:
    return min((amount for amount in amounts if amount is not None), default=None)


def of_settings(settings: Settings) -> PolicyContent:
    """Return the policy that the environment of this process describes."""
    required = settings.approvals_required
    limits = Limits(per_distribution=settings.limit_per_distribution.by_token, per_day=settings.limit_per_day.by_token)
    if not required:
        return PolicyContent(limits=limits)
    threshold = settings.approval_threshold.by_token
    if not threshold:
        return PolicyContent(mode=PolicyMode.GUARDED, approvals=required, limits=limits)
    # A token without a threshold of its own needs approvals for every amount.
    amounts = {"*": Decimal(0)} | threshold
    rule = Rule(when=When(amount=amounts), need=(Need(n=required),))
    return PolicyContent(mode=PolicyMode.GUARDED, rules=(rule,), limits=limits)


async def in_force(work: UnitOfWork, settings: Settings, asset_id: uuid.UUID | None = None) -> PolicyInForce:
    """Return the policy in force of an asset, or of the installation alone."""
    versions = await work.policies.in_force(asset_id)
    return PolicyInForce(
        number=max((version.number for version in versions), default=None),
        stored=[read_content(version.content) for version in versions],
        environment=of_settings(settings),
    )


async def is_guarded(work: UnitOfWork) -> bool:
    """Return True if the installation's policy in the database is guarded, whatever the settings of this process."""
    return any(read_content(version.content).is_guarded for version in await work.policies.in_force())


async def require_person(work: UnitOfWork, actor: Actor) -> None:
    """Refuse an approval of an actor who is no person, or whom nothing but this machine's account tells to be one.

    Raises:
        Conflict: The actor is a program, signed in with a link, or is the operating system's user where the
            installation is guarded: whoever runs this machine could be several of those.
    """
    if actor.approval_refusal is not None:
        raise Conflict(actor.approval_refusal, "Sign in as yourself, with a password, and decide then.")
    if actor.kind is not ActorKind.COMMAND_LINE:
        return
    if await is_guarded(work):
        raise Conflict(
            f"The policy is guarded, and {actor.name} is known to this machine alone.",
            "Decide as a user, whose password is asked for: add ",
            Field.USER,
            ".",
        )


async def places_for(
    work: UnitOfWork, policy: PolicyInForce, distribution: Distribution, now: datetime | None
) -> dict[str, int]:
    """Return the approvals that a frozen payout needs, by group, under a policy."""
    payout = _Payout(work, distribution, now)
    places: dict[str, int] = {}
    for content in policy.contents:
        places = stricter_places(places, {ANYBODY: content.approvals})
        for rule in content.rules:
            if await payout.is_meant_by(rule.when):
                places = stricter_places(places, *({need.group: need.n} for need in rule.need))
    return places


class _Payout:
    """A payout as rules see it. Facts that cost a query are read when a rule needs them."""

    def __init__(self, work: UnitOfWork, distribution: Distribution, now: datetime | None) -> None:
        self._work = work
        self._distribution = distribution
        self._since = None if now is None else now - _DAY

    async def is_meant_by(self, when: When) -> bool:
        """Return True if all conditions of a rule hold."""
        distribution = self._distribution
        token_id, amount = str(distribution.payment_token_id), distribution.total_amount or Decimal(0)
        if when.types and distribution.type not in when.types:
            return False
        is_list = distribution.payout_type is None and distribution.contract_terms is None
        if when.list not in (None, is_list) or not _reaches(amount, when.amount, token_id):
            return False
        if when.assets and not await self._is_of(when.assets):
            return False
        if when.day_total:
            begun = await self._work.policies.begun_amount(token_id, self._since, distribution.id)
            if not _reaches(add(begun, amount), when.day_total, token_id):
                return False
        return await self._history_fits(when)

    async def _is_of(self, token_ids: Sequence[str]) -> bool:
        asset = await self._work.assets.get(self._distribution.asset_id)
        return asset.token_id.lower() in {token_id.lower() for token_id in token_ids}

    async def _history_fits(self, when: When) -> bool:
        policies, distribution = self._work.policies, self._distribution
        if when.new_recipient is not None:
            has_new = await policies.has_new_recipient(distribution.id)
            if has_new is not when.new_recipient:
                return False
        if when.changed_since_last is not None:
            has_changed = await policies.find_last_hash(distribution.id) != distribution.register_hash
            return has_changed is when.changed_since_last
        return True


def _reaches(amount: Decimal, amounts: dict[str, Decimal], token_id: str) -> bool:
    """Return True if an amount is as large as one of a rule; a token that the rule does not name is not meant."""
    least = amount_of(amounts, token_id)
    return not amounts or (least is not None and amount >= least)
