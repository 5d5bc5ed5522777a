"""Lost payouts: what was paid, and the database forgot altogether, is rebuilt as a closed payout from the ledger."""

import uuid
from collections import Counter
from collections.abc import Sequence

from masspayout.audit import record_created
from masspayout.db.entities import Asset, Distribution, DistributionType, ExecutionType, Payer, PayerEntry
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.entitlements import record_freeze
from masspayout.kernel.money import to_decimal
from masspayout.kernel.obligations import Mark
from masspayout.kernel.types import PaymentToken, Share
from masspayout.ledger.port import TokenInformation
from masspayout.registers import Binding, ledger_binding


async def rebuild(
    work: UnitOfWork,
    binding: Binding,
    token: TokenInformation,
    asset: Asset,
    payer: Payer,
    entries: Sequence[PayerEntry],
) -> uuid.UUID:
    """Write a closed payout of what some debits of a payer paid, with its key, so that it is never paid again.

    An account paid by several of them has one entitlement of the sum.

    Args:
        work: The transaction in which a person says so.
        binding: The ledger on which they were paid.
        token: The payment token.
        asset: The asset of the payout; the token that was paid stands for an unknown one.
        payer: The payer.
        entries: Debits in one token, of one payout. They are matched with its attempts.

    Returns:
        The distribution.
    """
    units: Counter[str] = Counter()
    for entry in entries:
        units.update({account: int(each) for account, each in zip(entry.accounts, entry.units, strict=True)})
    total_amount = to_decimal(units.total(), token.decimals)
    distribution = Distribution(
        asset_id=asset.id,
        type=DistributionType.SNAPSHOT,
        execution_type=ExecutionType.MANUAL,
        amount=total_amount,
        concept="Found on the ledger",
        obligation_key=await _free_key(work, entries[0]),
        executed_at=entries[0].occurred_at,
    )
    shares = [Share(account, 0, units[account]) for account in sorted(units, key=str.encode)]
    totals = await work.distributions.create_distribution_with_holders(
        distribution, shares, decimals=token.decimals, batch_size=len(shares)
    )
    record_created(work, distribution)
    payment_token = PaymentToken(token.token_id, token.decimals, payer.account)
    await record_freeze(work, binding, distribution, payment_token, totals, None, promised=total_amount)
    await ledger_binding.require_of_distribution(work, binding.identity, distribution)
    amounts = [to_decimal(sum(map(int, entry.units)), token.decimals) for entry in entries]
    await work.adoptions.close_rebuilt(distribution.id, [entry.id for entry in entries], amounts)
    return distribution.id


async def _free_key(work: UnitOfWork, entry: PayerEntry) -> str | None:
    """Return the key that an entry is marked with, unless a payout of this database has it."""
    mark = Mark.read(entry.mark)
    if mark is None or mark.obligation is None:
        return None
    found = await work.distributions.find_by_obligation(mark.obligation)
    return mark.obligation if found is None else None
