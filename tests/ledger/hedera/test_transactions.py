"""Transactions for several nodes: what is stored, what is sent of it, and what is not once it was altered."""

import pytest
from hiero_sdk_python.hapi.services.transaction_contents_pb2 import SignedTransaction as SignedMessage
from hiero_sdk_python.hapi.services.transaction_pb2 import TransactionBody
from hypothesis import given
from hypothesis import strategies as st

from hedera_network.wallet import make_key
from masspayout.kernel.errors import LedgerRejected
from masspayout.kernel.movements import Payment
from masspayout.ledger.hedera.transactions import LARGEST_BYTES, StoredTransaction, build, read_stored, sign
from masspayout.ledger.port import Transfer
from masspayout.ledger.signing.local import LocalSigner
from masspayout.ledger.signing.port import KeyType
from masspayout.ledger.signing.private_keys import read_private_key

NODES = ["0.0.3", "0.0.4", "0.0.5"]
NUMBER = 1_700_000_000_000_000_005
SIGNERS = {
    key_type: LocalSigner(read_private_key(make_key(key_type).to_string_raw().encode(), source="x", key_type=key_type))
    for key_type in KeyType
}


def transfer(token_id: str = "0.0.7001", payments: int = 9, units: int = 2**40, memo: str = "") -> Transfer:
    paid = [Payment(f"0.0.{4_294_967_296 + number}", units + number) for number in range(payments)]
    return Transfer(NUMBER, "0.0.1001", token_id, paid, memo, None, "0.0.1001@testnet")


async def stored(key_type: KeyType, wanted: Transfer) -> tuple[bytes, StoredTransaction]:
    unsigned = build(wanted, NODES, valid_seconds=120, max_fee_tinybars=7)
    signed_bytes = await sign(unsigned, SIGNERS[key_type])
    return signed_bytes, read_stored(signed_bytes)


def body_of(one: StoredTransaction, node: str) -> TransactionBody:
    return TransactionBody.FromString(SignedMessage.FromString(one.by_node[node].signedTransactionBytes).bodyBytes)


@pytest.mark.parametrize("key_type", list(KeyType))
@pytest.mark.parametrize("token_id", ["0.0.7001", "0.0.0"])
async def test_what_is_stored_is_one_transaction_for_each_node(key_type: KeyType, token_id: str) -> None:
    wanted = transfer(token_id, memo="payout")

    _, read = await stored(key_type, wanted)

    assert (read.transaction_id, read.token_id) == ("0.0.1001@1700000000.000000005", token_id)
    assert list(read.by_node) == NODES
    for node in NODES:
        body = body_of(read, node)
        assert f"0.0.{body.nodeAccountID.accountNum}" == node
        assert (body.transactionValidDuration.seconds, body.transactionFee, body.memo) == (120, 7, "payout")
        moved = body.cryptoTransfer
        changes = moved.tokenTransfers[0].transfers if moved.tokenTransfers else moved.transfers.accountAmounts
        amounts = {f"0.0.{change.accountID.accountNum}": change.amount for change in changes}
        assert amounts == {
            "0.0.1001": -sum(payment.amount_units for payment in wanted.payments),
            **dict(wanted.payments),
        }


@pytest.mark.parametrize("key_type", list(KeyType))
async def test_the_largest_transfer_fits(key_type: KeyType) -> None:
    _, read = await stored(key_type, transfer(units=2**59, memo="m" * 100))
    assert all(one.ByteSize() < LARGEST_BYTES / 5 for one in read.by_node.values())


@pytest.mark.parametrize("key_type", list(KeyType))
@given(data=st.data())
async def test_altered_bytes_are_refused_or_still_what_was_signed(key_type: KeyType, data: st.DataObject) -> None:
    signed_bytes, before = await stored(key_type, transfer(payments=2))
    position = data.draw(st.integers(0, len(signed_bytes) - 1))
    altered = bytearray(signed_bytes)
    altered[position] ^= data.draw(st.integers(1, 255))
    try:
        after = read_stored(bytes(altered))
    except LedgerRejected:
        return
    for node, transaction in after.by_node.items():
        assert body_of(after, node) == body_of(before, node)
        assert transaction.signedTransactionBytes


@given(st.binary(max_size=200))
def test_what_is_none_of_ours_is_refused(content: bytes) -> None:
    with pytest.raises(LedgerRejected):
        read_stored(content)


async def test_two_transactions_in_one_are_refused() -> None:
    first, _ = await stored(KeyType.ED25519, transfer(payments=1))
    second, _ = await stored(KeyType.ED25519, transfer(payments=2))
    with pytest.raises(LedgerRejected):
        read_stored(first + second)


ADDRESS = Payment("0x" + "1" * 40, 1)
CANNOT_BE_BUILT = {
    "INVALID_ACCOUNT_AMOUNTS": transfer(units=2**62),
    "INVALID_ACCOUNT_ID": Transfer(NUMBER, "0.0.1001", "0.0.7001", [ADDRESS], "", None, "x"),
}


@pytest.mark.parametrize("code", CANNOT_BE_BUILT)
def test_a_transfer_that_the_network_cannot_hold_is_refused(code: str) -> None:
    with pytest.raises(LedgerRejected) as refused:
        build(CANNOT_BE_BUILT[code], NODES, valid_seconds=120, max_fee_tinybars=7)
    assert refused.value.code == code
