"""``masspayout demo``: the whole story on the sandbox, told with the commands that would do the same."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import typer

from masspayout.app import Payouts
from masspayout.cli.output import out, run
from masspayout.cli.progress import pay_with_progress
from masspayout.cli.reports import show_failures, show_verdict
from masspayout.cli.session import opened
from masspayout.context import Context
from masspayout.db.entities import Asset, Distribution, DistributionType, PayoutType
from masspayout.kernel.errors import Invalid, MassPayoutError
from masspayout.kernel.payout_terms import PayoutTerms
from masspayout.ledger.sandbox import Faults, SandboxAdministration, SandboxLedger
from masspayout.registers import assets

_HOLDERS = 3000
_FROZEN = 5
_UNASSOCIATED = 7
_DIVIDEND = Decimal("250000.00")
_BOND_DECIMALS = 2
_EURO_DECIMALS = 6

app = typer.Typer()


@dataclass(frozen=True, slots=True)
class _Cast:
    """The accounts and tokens of a run; every run has its own."""

    bond: str
    euro: str
    accounts: Sequence[str]

    @property
    def frozen(self) -> Sequence[str]:
        """Accounts that the euro token's issuer froze."""
        return self.accounts[100 : 100 + _FROZEN]

    @property
    def unassociated(self) -> Sequence[str]:
        """Accounts that never agreed to receive the euro token."""
        return self.accounts[1500 : 1500 + _UNASSOCIATED]


@app.command()
def demo() -> None:
    """Run a demo on the sandbox: import, plan, pay, see failures, fix, retry, reconcile."""
    run(_demo())


async def _demo() -> None:
    out.print("[bold]Mass Payout[/]: a dividend for 3,000 holders, on the built-in sandbox ledger.")
    async with opened() as context:
        if not isinstance(context.ledger, SandboxLedger):
            raise Invalid(f"The demo runs on the sandbox, but LEDGER={context.settings.ledger}.", "Unset LEDGER.")
        admin = context.ledger.admin
        actors = await _set_the_stage(context, admin)
        asset = await _import(context, actors)
        dividend = await _plan(context, asset)
        await _pay(context, dividend)
        await _fix_and_retry(context, admin, actors, dividend)
        await _reconcile(context, dividend)
        await admin.set_faults(Faults())
        _what_next(actors, dividend)


async def _set_the_stage(context: Context, admin: SandboxAdministration) -> _Cast:
    """Make a bond with a heavy-tailed register, a euro to pay in, a funded payer, and some trouble."""
    number = 5000 + 100 * len(await admin.tokens())
    actors = _Cast(
        bond=f"0.0.{number}",
        euro=f"0.0.{number + 1}",
        accounts=[f"0.0.{100 * number + position}" for position in range(_HOLDERS)],
    )
    chance = random.Random(number)  # noqa: S311 - the same register in every demo, and no secret
    balances = [round(chance.paretovariate(1.6) * 10_000) for _ in actors.accounts]
    _say("A bond on the ledger, held by 3,000 accounts; some cannot receive the payment token.")
    await admin.create_token(
        actors.bond,
        name="Harbour Bridge Bond",
        symbol="HBB",
        decimals=_BOND_DECIMALS,
        holders=zip(actors.accounts, balances, strict=True),
    )
    await admin.create_token(actors.euro, name="Demo Euro", symbol="EURD", decimals=_EURO_DECIMALS)
    await admin.deposit(actors.euro, 400_000 * 10**_EURO_DECIMALS, context.settings.payer_account_id)
    await admin.freeze(actors.frozen, actors.euro)
    await admin.dissociate(actors.unassociated, actors.euro)
    await admin.set_faults(Faults(lose_answer_percent=5, duplicate_percent=5))
    return actors


async def _import(context: Context, actors: _Cast) -> Asset:
    _say("Import it, with its holders.", f"masspayout asset import {actors.bond} --payment-token {actors.euro}")
    asset = await assets.import_asset(context.database, context.ledger, actors.bond, payment_token_id=actors.euro)
    result = await assets.sync(context.database, context.ledger, asset.id)
    out.print(f"  {asset.name} ({asset.symbol}): {result.holder_count:,} holders")
    return asset


async def _plan(context: Context, asset: Asset) -> Distribution:
    _say(
        "Plan a dividend, pro rata to balances, and review it.",
        f"masspayout distribution create {asset.token_id} --payout PERCENTAGE --amount {_DIVIDEND}",
    )
    terms = PayoutTerms(
        type=DistributionType.DIVIDEND,
        payout_type=PayoutType.PERCENTAGE,
        amount=_DIVIDEND,
        concept="Demo dividend",
    )
    payouts = Payouts(context)
    dividend = await payouts.create(asset, terms)
    seen = await payouts.preview(dividend)
    out.print(
        f"  {seen.payable_count:,} holders get {seen.total_amount:,f} EURD in {seen.transaction_count} transactions,"
    )
    out.print(f"  the largest {seen.largest_amount:,f}, the smallest {seen.smallest_amount:,f};")
    out.print(f"  {len(seen.unpayable)} accounts cannot receive it now.")
    return dividend


async def _pay(context: Context, dividend: Distribution) -> None:
    _say(
        "Pay it, over a network that loses 5 % of the answers and doubles 5 % of the messages.",
        f"masspayout distribution execute {dividend.id} --wait",
    )
    payouts = Payouts(context)
    await payouts.start(dividend.id)
    await pay_with_progress(payouts, dividend.id, "  paying")
    await _show_state(payouts, dividend)


async def _fix_and_retry(context: Context, admin: SandboxAdministration, actors: _Cast, dividend: Distribution) -> None:
    _say(
        "Fix these accounts, and pay the unpaid holders, and no others.",
        f"masspayout distribution retry {dividend.id} --wait",
    )
    await admin.unfreeze(actors.frozen, actors.euro)
    await admin.associate(actors.unassociated, actors.euro)
    payouts = Payouts(context)
    await payouts.retry(dividend.id)
    await pay_with_progress(payouts, dividend.id, "  retrying")
    await _show_state(payouts, dividend)


async def _reconcile(context: Context, dividend: Distribution) -> None:
    _say("Reconcile: the ledger's books against the database.", f"masspayout reconcile {dividend.id}")
    verdict = await Payouts(context).reconcile(dividend.id)
    show_verdict(verdict)
    if not verdict.agrees or verdict.ledger_amount != _DIVIDEND:
        raise MassPayoutError(
            f"The demo paid {verdict.ledger_amount} instead of {_DIVIDEND}.", "Please report this; it must not happen."
        )


async def _show_state(payouts: Payouts, dividend: Distribution) -> None:
    status = await payouts.status(dividend.id)
    out.print(f"  {status.progress.paid_count:,} of {status.progress.holder_count:,} holders are paid.")
    show_failures(status.failures)


def _what_next(actors: _Cast, dividend: Distribution) -> None:
    _say("What to try next:")
    for command in (
        f"masspayout distribution show {dividend.id}",
        f"masspayout distribution holders {dividend.id} --csv payout.csv",
        f"masspayout distribution batches {dividend.id}",
        f"masspayout pay YOUR-LIST.csv --payment-token {actors.euro}",
        "masspayout doctor",
    ):
        out.print(f"  [cyan]{command}[/]")
    out.print("Run from a checkout, the command is .venv/bin/masspayout.")


def _say(sentence: str, command: str = "") -> None:
    out.print(f"\n[bold]{sentence}[/]")
    if command:
        out.print(f"  [cyan]$ {command}[/]")
