"""Failure codes: each with its class, a sentence, and the next step.

The class decides if the payout goes on. The codes are Hedera's response codes, which the other adapters map theirs to.
"""

from dataclasses import dataclass
from enum import StrEnum

from masspayout.kernel.next_steps import Action, NextStep, Part


class FailureClass(StrEnum):
    """The scope of a failure."""

    RECIPIENT = "RECIPIENT"  # one recipient: the others are paid without it
    EVERYBODY = "EVERYBODY"  # the payer or the token: the distribution stops
    TRANSIENT = "TRANSIENT"  # nobody: a new transaction may succeed


@dataclass(frozen=True, slots=True)
class Failure:
    """The meaning of a code for the people who run the payout."""

    code: str
    failure_class: FailureClass
    sentence: str
    next_step: NextStep


def _failure(code: str, failure_class: FailureClass, sentence: str, *next_step: Part) -> Failure:
    return Failure(code, failure_class, sentence, NextStep(*next_step))


def _failures(*failures: Failure) -> dict[str, Failure]:
    return {failure.code: failure for failure in failures}


_RECIPIENT, _EVERYBODY, _TRANSIENT = FailureClass.RECIPIENT, FailureClass.EVERYBODY, FailureClass.TRANSIENT

CONTRACT_PAUSED = "CONTRACT_PAUSED"
CUSTOM_FEE_NOT_CHARGEABLE = "CUSTOM_FEE_NOT_CHARGEABLE"
OTHER_AMOUNT_PAID = "OTHER_AMOUNT_PAID"
PAYER_IS_RECIPIENT = "PAYER_IS_RECIPIENT"
PAYER_NOT_ABLE = "PAYER_NOT_ABLE"
PAYMENT_NOT_REPORTED = "PAYMENT_NOT_REPORTED"
PAYMENT_TOKEN_CHANGED = "PAYMENT_TOKEN_CHANGED"  # noqa: S105 - a failure code, no secret
RECIPIENT_IS_ABLE = "RECIPIENT_IS_ABLE"
TOKEN_IS_PAUSED = "TOKEN_IS_PAUSED"  # noqa: S105 - a failure code, no secret
TRANSACTION_EXPIRED = "TRANSACTION_EXPIRED"
TRANSFER_LIST_TOO_LONG = "TRANSFER_LIST_SIZE_LIMIT_EXCEEDED"
TRANSFER_NEEDS_MORE_GAS = "TRANSFER_NEEDS_MORE_GAS"

FAILURES = _failures(
    _failure(
        "TOKEN_NOT_ASSOCIATED_TO_ACCOUNT",
        _RECIPIENT,
        "The account is not associated with the payment token.",
        "Ask the holder to associate the token, then retry.",
    ),
    _failure(
        "NO_REMAINING_AUTOMATIC_ASSOCIATIONS",
        _RECIPIENT,
        "The account has no automatic association left for the payment token.",
        "Ask the holder to associate the token, then retry.",
    ),
    _failure(
        "ACCOUNT_FROZEN_FOR_TOKEN",
        _RECIPIENT,
        "The account is frozen for the payment token.",
        "Have the token's freeze key holder unfreeze it, then retry.",
    ),
    _failure(
        "ACCOUNT_KYC_NOT_GRANTED_FOR_TOKEN",
        _RECIPIENT,
        "The account has no KYC granted for the payment token.",
        "Have the token's KYC key holder grant it, then retry.",
    ),
    _failure(
        "ACCOUNT_DELETED",
        _RECIPIENT,
        "The account was deleted.",
        "Agree on another account with the holder and pay that one with a payout list.",
    ),
    _failure(
        "ACCOUNT_EXPIRED_AND_PENDING_REMOVAL",
        _RECIPIENT,
        "The account has expired and is about to be removed.",
        "Ask the holder to renew the account, then retry.",
    ),
    _failure(
        "INVALID_ACCOUNT_ID",
        _RECIPIENT,
        "The ledger knows no such account.",
        "Check the account id with the holder.",
    ),
    _failure(
        "INVALID_SIGNATURE",
        _RECIPIENT,
        "The account takes transfers only with its own signature.",
        "Ask the holder to lift the receiver signature, then retry.",
    ),
    _failure(
        "INVALID_TRANSFER_ACCOUNT_ID",
        _RECIPIENT,
        "The account cannot receive transfers.",
        "Agree on another account with the holder and pay that one with a payout list.",
    ),
    _failure(
        "TRANSFER_TO_FEE_COLLECTION_ACCOUNT_NOT_ALLOWED",
        _RECIPIENT,
        "The account collects the network's fees, and takes nothing else.",
        "Agree on another account with the holder and pay that one with a payout list.",
    ),
    _failure(
        "CONTRACT_EXPIRED_AND_PENDING_REMOVAL",
        _RECIPIENT,
        "The account is a contract that has expired and is about to be removed.",
        "Ask the holder to renew the contract, then retry.",
    ),
    _failure(
        "TOKENS_PER_ACCOUNT_LIMIT_EXCEEDED",
        _RECIPIENT,
        "The account is associated with as many tokens as it may be.",
        "Ask the holder to dissociate another token, then retry.",
    ),
    _failure(
        "MAX_ENTITIES_IN_PRICE_REGIME_HAVE_BEEN_CREATED",
        _RECIPIENT,
        "The network makes no more associations now, and the account is not associated with the payment token.",
        "Ask the holder to associate the payment token when the network takes associations again, then retry.",
    ),
    _failure(
        "TRANSFER_REVERTED",
        _RECIPIENT,
        "The payment token refused the transfer to this account.",
        "Find out from the token's issuer why, then retry.",
    ),
    _failure(
        "WRONG_AMOUNT_ARRIVED",
        _RECIPIENT,
        "The account would not have got the whole amount: the payment token takes fees, or the account passes it on.",
        "Ask the holder for another account, or pay in a token that takes no fees.",
    ),
    _failure(
        "HOLDING_CHANGED",
        _RECIPIENT,
        "The holder's bonds are no longer those that were planned for: some were transferred or redeemed.",
        "When this payout has ended, plan the redemption again: it takes in who holds bonds then.",
    ),
    _failure(
        "HOLDING_LOCKED",
        _RECIPIENT,
        "Some of the holder's bonds are locked, on hold or frozen: they would be paid for, and not redeemed.",
        "Have them released by the bond's issuer, then retry.",
    ),
    _failure(
        "ALREADY_REDEEMED",
        _RECIPIENT,
        "The contract redeemed the holder's bonds in another transaction.",
        "Nothing need be done: the holder got the principal then.",
    ),
    _failure(
        "REDEMPTION_REFUSED",
        _RECIPIENT,
        "The bond does not let the holder's bonds be redeemed: the holder is blocked, say, or lacks KYC.",
        "Ask the bond's issuer why, then retry.",
    ),
    _failure(
        OTHER_AMOUNT_PAID,
        _RECIPIENT,
        "The contract paid another amount for this than was planned, now or before, and pays it once.",
        "See how much with ",
        Action.RECONCILE,
        ", and settle the difference with the holder.",
    ),
    _failure(
        PAYER_IS_RECIPIENT,
        _RECIPIENT,
        "The account is the payer itself.",
        "Nothing need be done: the holder has the amount already.",
    ),
    _failure(
        TOKEN_IS_PAUSED,
        _EVERYBODY,
        "The payment token is paused.",
        "Have the token's pause key holder unpause it, then retry.",
    ),
    _failure(
        "TOKEN_WAS_DELETED",
        _EVERYBODY,
        "The payment token was deleted.",
        "Cancel what is left and pay in another token.",
    ),
    _failure(
        "INSUFFICIENT_TOKEN_BALANCE",
        _EVERYBODY,
        "The payer does not hold enough of the payment token.",
        "Fund the payer, then retry.",
    ),
    _failure(
        "INSUFFICIENT_PAYER_BALANCE",
        _EVERYBODY,
        "The payer cannot pay the ledger's fees.",
        "Fund the payer with the ledger's own currency, then retry.",
    ),
    _failure(
        PAYER_NOT_ABLE,
        _EVERYBODY,
        "The payer itself is frozen, deleted or not associated with the payment token.",
        "Fix the payer's account, then retry.",
    ),
    _failure(
        CUSTOM_FEE_NOT_CHARGEABLE,
        _EVERYBODY,
        "A custom fee of the payment token cannot be charged: its collector, or the payer, cannot hold that currency.",
        "See with ",
        Action.EXAMINE,
        " which account it is, have it fixed, then retry.",
    ),
    _failure(
        RECIPIENT_IS_ABLE,
        _EVERYBODY,
        "The ledger refused the transfer with a code of a recipient, and the only recipient can receive the token.",
        "Look the transaction up in the ledger's explorer, check payer and fee collectors, then retry.",
    ),
    _failure(
        "INSUFFICIENT_ACCOUNT_BALANCE",
        _EVERYBODY,
        "The payer does not hold enough of the ledger's own currency.",
        "Fund the payer, then retry.",
    ),
    _failure(
        "INSUFFICIENT_TX_FEE",
        _EVERYBODY,
        "A transaction costs more than it may.",
        "Raise HEDERA_MAX_FEE_HBAR, then retry.",
    ),
    _failure(
        "INSUFFICIENT_SENDER_ACCOUNT_BALANCE_FOR_CUSTOM_FEE",
        _EVERYBODY,
        "The payer cannot pay the custom fees of the payment token.",
        "Fund the payer with what the token's fees are charged in, then retry.",
    ),
    _failure(
        "INVALID_PAYER_SIGNATURE",
        _EVERYBODY,
        "The payer's key does not sign for the payer's account.",
        "Correct the key or PAYER_ACCOUNT_ID, check with ",
        Action.EXAMINE,
        ", then retry.",
    ),
    _failure(
        "PAYER_ACCOUNT_NOT_FOUND",
        _EVERYBODY,
        "The network knows no such payer.",
        "Correct PAYER_ACCOUNT_ID or HEDERA_NETWORK, then retry.",
    ),
    _failure(
        "CUSTODIAN_REFUSED",
        _EVERYBODY,
        "The custodian of the payer's key refused to sign.",
        "Look the request up at the custodian, fix what it names, then retry.",
    ),
    _failure(
        CONTRACT_PAUSED,
        _EVERYBODY,
        "The asset's LifeCycle Cash Flow contract is paused.",
        "Unpause the contract: what it stopped goes on by itself.",
    ),
    _failure(
        "CONTRACT_ROLE_MISSING",
        _EVERYBODY,
        "The paying contract does not let the sending account pay.",
        "Have the contract's admin give it the role that pays, then retry.",
    ),
    _failure(
        "REDEEMER_ROLE_MISSING",
        _EVERYBODY,
        "The bond does not let the paying contract redeem it.",
        "Have the bond's admin give the contract the role of a redeemer at maturity, then retry.",
    ),
    _failure(
        "NOT_PAYMENT_DATE",
        _EVERYBODY,
        "The date from which the contract pays this lies ahead: it was put off.",
        "Retry after that date.",
    ),
    _failure(
        PAYMENT_TOKEN_CHANGED,
        _EVERYBODY,
        "The paying contract pays in another token by now than was planned.",
        "Have the contract's token manager change it back, then retry.",
    ),
    _failure(
        "CONTRACT_PAYS_BY_ITS_RULE",
        _EVERYBODY,
        "The paying contract works out the amounts itself, and these are not the ones that it would pay.",
        "Plan the payout with ",
        Action.PLAN_BY_CONTRACT,
        ", or pay from a contract of your own.",
    ),
    _failure(
        "CONTRACT_REVERTED",
        _EVERYBODY,
        "The paying contract reverted the whole payment.",
        "Look the transaction up in the chain's explorer, then retry.",
    ),
    _failure(
        PAYMENT_NOT_REPORTED,
        _EVERYBODY,
        "The transaction was executed, and the paying contract reported no payment to this account.",
        "See with ",
        Action.EXAMINE,
        " whether the contract is still there, then retry: no holder is paid twice.",
    ),
    _failure(
        TRANSACTION_EXPIRED,
        _TRANSIENT,
        "The transaction reached the ledger too late.",
        "It was signed anew several times; retry when the ledger answers in time.",
    ),
    _failure(
        "TRANSACTION_OUT_OF_GAS",
        _TRANSIENT,
        "The transaction needed more gas than was estimated.",
        "It was signed anew several times; retry with fewer holders in a batch.",
    ),
    _failure(
        TRANSFER_NEEDS_MORE_GAS,
        _TRANSIENT,
        "The payment token needs more gas for a transfer to this account than it was given.",
        "It was tried with more several times; ask the account's holder, or the token's issuer, what the gas is for.",
    ),
    _failure(
        "TRANSACTION_NOT_TRIED",
        _TRANSIENT,
        "The node could not say whether the transaction would succeed.",
        "It was asked several times: see the log of the worker for the node's words, then retry.",
    ),
    _failure(
        "INVALID_TRANSACTION_START",
        _TRANSIENT,
        "The transaction began to be valid ahead of the network's time.",
        "Compare the clocks with ",
        Action.EXAMINE,
        ", set the wrong one by a time server, then retry.",
    ),
    _failure(
        TRANSFER_LIST_TOO_LONG,
        _RECIPIENT,
        "The batch has more recipients than a transaction may pay.",
        "It is split: nothing need be done.",
    ),
    _failure(
        "GAS_LIMIT_EXCEEDED",
        _RECIPIENT,
        "Paying this account takes more gas than a transaction may use.",
        "Raise EVM_GAS_LIMIT if the chain allows more, then retry.",
    ),
    _failure(
        "NONCE_TAKEN",
        _TRANSIENT,
        "Another transaction of the sender took the place of ours.",
        "It was signed anew several times; use the sender's key for nothing else, then retry.",
    ),
    _failure(
        "REFUSED_BY_NODE",
        _EVERYBODY,
        "The node refused the transaction.",
        "See the log of the worker for the node's words, then retry.",
    ),
    *(
        _failure(
            code,
            _TRANSIENT,
            "The network is starting, or catching up with its own work.",
            "It was signed anew several times; retry when the network is ready.",
        )
        for code in ("WAITING_FOR_LEDGER_ID", "CREATING_SYSTEM_ENTITIES", "SYSTEM_TASK_QUEUE_FULL")
    ),
    _failure(
        "THROTTLED_AT_CONSENSUS",
        _TRANSIENT,
        "The ledger was too busy.",
        "It was signed anew several times; retry when the ledger has calmed down.",
    ),
)


def describe_failure(code: str) -> Failure:
    """Return the meaning of a code. An unknown code stops the distribution: a person must look."""
    return FAILURES.get(code) or _failure(
        code,
        FailureClass.EVERYBODY,
        f"The ledger answered {code}.",
        "Look the code up in the ledger's documentation, then retry.",
    )
