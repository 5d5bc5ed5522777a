"""Payment tokens with custom fees: who is exempt, and whose fault it is when a fee cannot be charged."""

from collections.abc import Callable

import pytest

from hedera_network.entities import FixedFee, FractionalFee
from ledger.hedera.conftest import Hedera
from masspayout.kernel.errors import Conflict
from masspayout.kernel.types import SignedTransaction
from masspayout.ledger.failures import FailureClass, describe_failure
from masspayout.ledger.hedera.hbar import HBAR
from masspayout.ledger.port import Ledger, Outcome, Refused, Settled

Trouble = Callable[[Hedera, str, str], None]


def number_of(account_id: str) -> int:
    return int(account_id.rpartition(".")[2])


async def pay(hedera: Hedera, token_id: str, *accounts: str) -> Outcome:
    return await outcome_of(hedera.ledger, await hedera.pay(token_id, dict.fromkeys(accounts, 100)))


async def outcome_of(ledger: Ledger, signed: SignedTransaction) -> Outcome:
    return await ledger.outcome(signed.transaction_id, signed.signed_bytes)


async def check(hedera: Hedera, token_id: str) -> None:
    await hedera.ledger.check_payer(hedera.payer, token_id)


@pytest.mark.parametrize("all_exempt", [False, True])
async def test_a_collector_is_exempt_from_its_own_fee_only_unless_the_others_say_so(
    hedera: Hedera, all_exempt: bool
) -> None:
    account, collector = hedera.operator.create_account(), hedera.operator.create_account()
    fees = [
        FractionalFee(1, 20, number_of(hedera.payer)),
        FractionalFee(1, 10, number_of(collector), all_collectors_are_exempt=all_exempt),
    ]
    token_id = hedera.make_token(account, collector, fractional_fees=fees)

    assert isinstance(await pay(hedera, token_id, account), Settled)

    assert hedera.operator.balance(account, token_id) == (100 if all_exempt else 90)
    assert ((await hedera.ledger.token(token_id)).drawback is None) == all_exempt
    if all_exempt:
        await check(hedera, token_id)
    else:
        with pytest.raises(Conflict, match="fractional fee"):
            await check(hedera, token_id)


async def test_the_payer_who_collects_the_only_fee_pays_all_of_it(hedera: Hedera) -> None:
    account = hedera.operator.create_account()
    token_id = hedera.make_token(account, fractional_fees=[FractionalFee(1, 10, number_of(hedera.payer))])
    await check(hedera, token_id)
    assert isinstance(await pay(hedera, token_id, account), Settled)
    assert hedera.operator.balance(account, token_id) == 100


def freeze(hedera: Hedera, account_id: str, token_id: str) -> None:
    hedera.operator.associate(account_id, token_id, frozen=True)


def dissociate(hedera: Hedera, account_id: str, token_id: str) -> None:
    hedera.operator.dissociate(account_id, token_id)


def revoke(hedera: Hedera, account_id: str, token_id: str) -> None:
    hedera.operator.update_token(token_id, kyc_key=True)
    hedera.operator.associate(account_id, token_id, kyc_granted=False)


def delete(hedera: Hedera, account_id: str, _: str) -> None:
    hedera.operator.update_account(account_id, deleted=True)


TROUBLES: dict[str, tuple[Trouble, str]] = {
    "frozen": (freeze, "ACCOUNT_FROZEN_FOR_TOKEN"),
    "dissociated": (dissociate, "TOKEN_NOT_ASSOCIATED_TO_ACCOUNT"),
    "no KYC": (revoke, "ACCOUNT_KYC_NOT_GRANTED_FOR_TOKEN"),
    "deleted": (delete, "ACCOUNT_DELETED"),
}


@pytest.mark.parametrize("fee", ["fixed in the token", "net of transfers"])
@pytest.mark.parametrize("trouble", TROUBLES)
async def test_a_collector_in_trouble_stops_everybody_and_is_known_beforehand(
    hedera: Hedera, trouble: str, fee: str
) -> None:
    accounts = [hedera.operator.create_account() for _ in range(3)]
    collector = hedera.operator.create_account()
    token_id = hedera.make_token(*accounts, collector)
    fixed = FixedFee(1, number_of(collector), number_of(token_id))
    fractional = FractionalFee(1, 10, number_of(collector), net_of_transfers=True)
    if fee == "net of transfers":
        hedera.operator.update_token(token_id, fractional_fees=(fractional,))
    else:
        hedera.operator.update_token(token_id, fixed_fees=(fixed,))
    await check(hedera, token_id)
    make, code = TROUBLES[trouble]
    make(hedera, collector, token_id)

    with pytest.raises(Conflict, match=rf"{collector}.*{code}") as refused:
        await check(hedera, token_id)
    assert refused.value.hint
    for recipients in (accounts, accounts[:1]):
        assert await pay(hedera, token_id, *recipients) == Refused("CUSTOM_FEE_NOT_CHARGEABLE")
    assert describe_failure("CUSTOM_FEE_NOT_CHARGEABLE").failure_class is FailureClass.EVERYBODY


@pytest.mark.parametrize("who", ["payer", "collector"])
async def test_whoever_cannot_hold_what_a_fee_is_charged_in_is_named(hedera: Hedera, who: str) -> None:
    account, collector = hedera.operator.create_account(), hedera.operator.create_account()
    other = hedera.make_token(collector)
    token_id = hedera.make_token(account, fixed_fees=[FixedFee(2, number_of(collector), number_of(other))])
    await check(hedera, token_id)
    unable = hedera.payer if who == "payer" else collector
    hedera.operator.dissociate(unable, other)
    with pytest.raises(Conflict, match=rf"{unable}.*{other}.*TOKEN_NOT_ASSOCIATED_TO_ACCOUNT"):
        await check(hedera, token_id)
    assert await pay(hedera, token_id, account) == Refused("CUSTOM_FEE_NOT_CHARGEABLE")


async def test_a_collector_of_hbar_that_was_deleted_is_named(hedera: Hedera) -> None:
    account, collector = hedera.operator.create_account(), hedera.operator.create_account()
    token_id = hedera.make_token(account, fixed_fees=[FixedFee(2, number_of(collector))])
    await check(hedera, token_id)
    hedera.operator.update_account(collector, deleted=True)
    with pytest.raises(Conflict, match=rf"{collector}.*ACCOUNT_DELETED"):
        await check(hedera, token_id)
    assert await pay(hedera, token_id, account) == Refused("CUSTOM_FEE_NOT_CHARGEABLE")


async def test_a_fee_that_the_payer_does_not_pay_needs_no_collector(hedera: Hedera) -> None:
    account, collector = hedera.operator.create_account(), hedera.operator.create_account()
    fees = [
        FixedFee(2, number_of(hedera.payer)),
        FixedFee(2, number_of(collector), all_collectors_are_exempt=True),
    ]
    token_id = hedera.make_token(account, fixed_fees=fees)
    hedera.operator.update_account(collector, deleted=True)
    await check(hedera, token_id)
    assert isinstance(await pay(hedera, token_id, account), Settled)


async def test_a_single_recipient_who_is_fine_is_not_blamed(hedera: Hedera) -> None:
    """The code comes without its subject: whatever was the matter, it is not the one who could be paid by now."""
    account, other = hedera.operator.create_account(), hedera.operator.create_account()
    token_id = hedera.make_token(account, other)
    hedera.operator.associate(account, token_id, frozen=True)
    alone = await hedera.pay(token_id, {account: 1})
    together = await hedera.pay(token_id, {account: 1, other: 1})
    assert await outcome_of(hedera.ledger, alone) == Refused("ACCOUNT_FROZEN_FOR_TOKEN")
    hedera.operator.associate(account, token_id, frozen=False)
    assert await outcome_of(hedera.ledger, alone) == Refused("RECIPIENT_IS_ABLE")
    assert describe_failure("RECIPIENT_IS_ABLE").failure_class is FailureClass.EVERYBODY
    assert await outcome_of(hedera.ledger, together) == Refused("ACCOUNT_FROZEN_FOR_TOKEN")
    # Also for whoever has only the bytes.
    assert await outcome_of(hedera.adapter(), alone) == Refused("RECIPIENT_IS_ABLE")


async def test_the_fee_collection_account_is_a_recipient_that_cannot_be_paid(hedera: Hedera) -> None:
    outcome = await pay(hedera, HBAR, "0.0.802")
    assert outcome == Refused("TRANSFER_TO_FEE_COLLECTION_ACCOUNT_NOT_ALLOWED")
    assert describe_failure(outcome.code).failure_class is FailureClass.RECIPIENT
