"""What mirror nodes answer, in the forms that their public description gives: numbers exact, times in nanoseconds."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from masspayout.ledger.hedera.mirror.responses import (
    Account,
    Block,
    ContractLogs,
    ExchangeRates,
    Token,
    TokenBalances,
    TokenRelationship,
    TokenRelationships,
    Transactions,
)
from masspayout.ledger.hedera.timestamps import format_timestamp, parse_timestamp
from masspayout.ledger.hedera.transfers import moved_units

TOKEN = {
    "admin_key": None, "auto_renew_account": "0.0.2", "auto_renew_period": None,
    "created_timestamp": "1234567890.000000001",
    "custom_fees": {
        "created_timestamp": "1234567890.000000001",
        "fixed_fees": [{"amount": 100, "collector_account_id": "0.0.5", "denominating_token_id": None}],
        "fractional_fees": [
            {"all_collectors_are_exempt": False, "amount": {"numerator": 12, "denominator": 29},
             "collector_account_id": "0.0.6", "denominating_token_id": "0.0.9", "maximum": 120, "minimum": 30,
             "net_of_transfers": True},
        ],
    },
    "decimals": "18", "deleted": None, "freeze_default": False, "freeze_key": {"_type": "ED25519", "key": "aa"},
    "initial_supply": "0", "kyc_key": None, "max_supply": "0", "name": "Token name", "pause_status": "UNPAUSED",
    "symbol": "SYM", "token_id": "0.0.1135", "total_supply": "9223372036854775807", "treasury_account_id": "0.0.2",
    "type": "FUNGIBLE_COMMON",
}  # fmt: skip


def test_a_token_has_exact_numbers_although_they_come_as_strings() -> None:
    token = Token.model_validate_json(json.dumps(TOKEN))
    assert (token.decimals, token.total_supply) == (18, 2**63 - 1)
    assert (token.freeze_key is not None, token.kyc_key) == (True, None)
    assert token.custom_fees.fractional_fees[0].net_of_transfers
    assert token.custom_fees.fixed_fees[0].denominating_token_id is None


def test_a_page_of_holders_keeps_large_balances_and_its_time() -> None:
    page = TokenBalances.model_validate_json(
        '{"timestamp": "1700000000.000000009", "balances": '
        '[{"account": "0.0.9", "balance": 9007199254740993, "decimals": 3}], "links": {"next": "/api/v1/x?limit=1"}}'
    )
    assert (page.timestamp, page.balances[0].balance) == (1_700_000_000_000_000_009, 9_007_199_254_740_993)
    assert page.links.next == "/api/v1/x?limit=1"
    assert (
        TokenBalances.model_validate_json('{"timestamp": null, "balances": [], "links": {"next": null}}').timestamp
        is None
    )


def test_an_account_may_lack_almost_everything() -> None:
    account = Account.model_validate_json(
        '{"account": "0.0.8", "alias": null, "auto_renew_period": null, "deleted": null, "key": null, "balance": '
        '{"timestamp": "0.000002345", "balance": 80, "tokens": [{"token_id": "0.0.200001", "balance": 8}]}, '
        '"max_automatic_token_associations": null, "receiver_sig_required": null, "evm_address": "0xac"}'
    )
    assert account.balance is not None
    assert (account.balance.balance, account.key, account.deleted) == (80, None, None)


def test_a_key_says_its_kind() -> None:
    key = Account.model_validate({"account": "0.0.8", "key": {"_type": "ECDSA_SECP256K1", "key": "02ab"}}).key
    assert key is not None
    assert (key.type_, key.key) == ("ECDSA_SECP256K1", "02ab")


def test_relationships_logs_blocks_and_rates() -> None:
    relation = TokenRelationships.model_validate_json(
        '{"tokens": [{"automatic_association": true, "balance": 5, "created_timestamp": "1.000000001", "decimals": 3, '
        '"freeze_status": "FROZEN", "kyc_status": "GRANTED", "token_id": "0.0.27335"}], "links": {"next": null}}'
    ).tokens[0]
    assert (relation.freeze_status, relation.automatic_association) == ("FROZEN", True)
    log = ContractLogs.model_validate_json(
        '{"logs": [{"address": "0x1f41", "bloom": "0x", "contract_id": "0.0.8001", "data": "0x01", "index": 0, '
        '"topics": ["0xf4"], "block_hash": "0x", "block_number": 10, "root_contract_id": "0.0.1", '
        '"timestamp": "12.000000001", "transaction_hash": "0x39", "transaction_index": 1}], "links": {"next": null}}'
    ).logs[0]
    assert (log.timestamp, log.index) == (12_000_000_001, 0)
    block = Block.model_validate({"number": 77, "timestamp": {"from": "1651560386.060890949", "to": None}})
    assert (block.timestamp.from_, block.timestamp.to) == (1_651_560_386_060_890_949, None)
    rates = ExchangeRates.model_validate(
        {"current_rate": {"cent_equivalent": 596987, "expiration_time": 1649689200, "hbar_equivalent": 30000}}
    )
    assert rates.current_rate.cent_equivalent == 596_987


@pytest.mark.parametrize("page", [Transactions, TokenBalances, TokenRelationships, ContractLogs])
@pytest.mark.parametrize("answer", ["{}", '{"links": {"next": null}}'])
def test_an_answer_without_a_list_is_no_empty_page(page: type[BaseModel], answer: str) -> None:
    with pytest.raises(ValidationError):
        page.model_validate_json(answer)


def test_the_states_of_a_relationship_may_be_null() -> None:
    relation = TokenRelationship.model_validate_json(
        '{"token_id": "0.0.9", "balance": 5, "freeze_status": null, "kyc_status": null, "automatic_association": null}'
    )
    assert (relation.balance, relation.freeze_status) == (5, None)


def test_a_transaction_moves_what_is_left_without_fees_and_rewards() -> None:
    found = Transactions.model_validate_json(
        json.dumps(
            {
                "transactions": [
                    {
                        "charged_tx_fee": 7, "consensus_timestamp": "1234567890.000000007", "max_fee": "33",
                        "node": "0.0.3",
                        "name": "CRYPTOTRANSFER", "nonce": 0, "parent_consensus_timestamp": None, "result": "SUCCESS",
                        "scheduled": False, "transaction_id": "0.0.8-1234567890-000000006",
                        "assessed_custom_fees": [
                            {"amount": 100, "collector_account_id": "0.0.10", "effective_payer_account_ids": ["0.0.8"],
                             "token_id": "0.0.90000"},
                        ],
                        "token_transfers": [
                            {"token_id": "0.0.90000", "account": "0.0.9", "amount": 1200, "is_approval": False},
                            {"token_id": "0.0.90000", "account": "0.0.10", "amount": 100, "is_approval": False},
                            {"token_id": "0.0.90000", "account": "0.0.8", "amount": -1300, "is_approval": False},
                        ],
                        "staking_reward_transfers": [{"account": "0.0.9", "amount": 200}],
                        "transfers": [
                            {"account": "0.0.3", "amount": 2}, {"account": "0.0.98", "amount": 5},
                            {"account": "0.0.800", "amount": -200}, {"account": "0.0.9", "amount": 250},
                            {"account": "0.0.8", "amount": -57},
                        ],
                    },
                ],
                "links": {"next": None},
            }
        )
    ).transactions[0]  # fmt: skip
    assert moved_units(found) == {
        ("0.0.90000", "0.0.9"): 1200,
        ("0.0.90000", "0.0.8"): -1300,
        ("0.0.0", "0.0.9"): 50,
        ("0.0.0", "0.0.8"): -50,
    }


@given(st.integers(0, 10**19))
def test_times_come_back_as_they_were_to_the_nanosecond(nanos: int) -> None:
    assert parse_timestamp(format_timestamp(nanos)) == nanos


@pytest.mark.parametrize(("text", "nanos"), [("5", 5 * 10**9), ("0.5", 5 * 10**8), ("100.000000005", 100 * 10**9 + 5)])
def test_a_shorter_fraction_is_a_fraction(text: str, nanos: int) -> None:
    assert parse_timestamp(text) == nanos


@pytest.mark.parametrize("text", ["", "x", "1.", "1.0000000001", "-1", "1,5", "\u0661"])
def test_anything_else_is_no_time(text: str) -> None:
    with pytest.raises(ValidationError):
        Block.model_validate({"number": 1, "timestamp": {"from": text, "to": None}})
