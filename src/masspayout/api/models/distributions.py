"""Distributions and what belongs to them as JSON."""

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

from pydantic import BaseModel, Field, create_model

from masspayout.api.models.base import (
    AccountId,
    Amount,
    Count,
    NextStepText,
    RequestModel,
    ResponseModel,
    Text,
    Time,
)
from masspayout.api.models.holding import PauseResponse
from masspayout.api.models.terms import OfAssetResponse, request_fields, response_fields
from masspayout.db.entities import AttemptStatus, BatchStatus, Distribution, DistributionStatus, DistributionType
from masspayout.kernel.payout_terms import TERMS
from masspayout.payments import BreakKind

if TYPE_CHECKING:
    _TermsResponse = OfAssetResponse
    _TermsRequest = RequestModel
    _ListTermsRequest = BaseModel
else:
    _TermsResponse = create_model("_TermsResponse", __base__=OfAssetResponse, **response_fields(Distribution))
    _TermsRequest = create_model(
        "_TermsRequest",
        __base__=RequestModel,
        **request_fields(term for term in TERMS.values() if term.is_divided),
    )
    _ListTermsRequest = create_model(
        "_ListTermsRequest",
        **request_fields((term for term in TERMS.values() if term.is_listed), type=DistributionType.SNAPSHOT),
    )


class DistributionResponse(_TermsResponse):
    """One payout of one asset. Amounts are in whole payment tokens."""

    series_id: UUID | None = Field(description="The series that made it.")
    status: DistributionStatus
    frozen_at: Time | None = Field(description="From then on nothing changes about who is owed what.")
    snapshot_at: Time | None = Field(description="The balances are those of this time.")
    register_hash: str | None = Field(description="Over who is owed what; an approval is bound to it.")
    payment_token_id: str | None
    payment_token_decimals: int | None
    payer_account_id: str | None
    ledger_identity: str | None = Field(description="The ledger that it was frozen on, and is paid on.")
    entitlement_count: Count | None
    payable_count: Count | None = Field(description="How many get more than nothing.")
    batch_count: Count | None
    total_amount: Amount | None = Field(description="What all of them get together.")
    remainder_amount: Amount | None = Field(description="What stays with the payer.")
    executed_at: Time | None
    failure_code: str | None
    failure_message: str | None
    failure_next_step: NextStepText | None = Field(description="What to do about it.")
    approvals_required: Count = Field(description="How many people other than its creator have to approve.")
    created_by_name: str | None
    sent_back_at: Time | None = Field(description="Set while an approver's return of it stands.")
    sent_back_by_name: str | None
    sent_back_reason: str | None
    pause: PauseResponse | None = Field(default=None, description="The pause that keeps it from beginning or going on.")
    created_at: Time | None
    updated_at: Time | None


class DistributionDetailResponse(DistributionResponse):
    """A distribution, and how far it is."""

    paid_count: Count
    failed_count: Count
    paid_amount: Amount
    failures: dict[str, int] = Field(
        description="How many are unpaid for which reason.", examples=[{"TOKEN_NOT_ASSOCIATED": 2}]
    )


class PreviewResponse(ResponseModel):
    """The result that executing a distribution would have. Amounts are in whole payment tokens."""

    payable_count: Count
    rounded_away_count: Count = Field(description="How many get nothing, because their share is below one unit.")
    total_amount: Amount
    remainder_amount: Amount
    largest_amount: Amount
    smallest_amount: Amount
    transaction_count: Count
    funds_amount: Amount = Field(description="What the payer has.")
    shortfall_amount: Amount = Field(description="What the payer lacks.")
    unpayable: dict[str, str] = Field(
        description="The accounts that cannot receive it now, with the code of the reason.",
        examples=[{"0.0.2001": "TOKEN_NOT_ASSOCIATED"}],
    )
    unchecked_count: Count = Field(description="The number of recipients that were not checked.")
    takes_seconds: Count = Field(description="About how long it takes.")
    fee_amount: Amount = Field(description="About what the ledger charges, in its own currency.")
    fee_symbol: str | None = Field(description="That currency; null where nothing is charged.")
    fee_funds_amount: Amount | None = Field(description="The funds for fees of the account that is charged.")


class EntitlementResponse(ResponseModel):
    """The entitlement of one holder in one distribution."""

    account_id: str
    balance: int = Field(description="In smallest units of the asset.")
    payment_amount: Amount | None
    paid: bool | None
    failure_code: str | None
    batch_number: int | None


class BatchResponse(ResponseModel):
    """A numbered part of a distribution that goes to the ledger together."""

    id: UUID
    distribution_id: UUID
    batch_number: int
    status: BatchStatus
    total_holders: Count
    successful_payments: Count | None
    failed_payments: Count | None
    total_amount: Amount | None
    transaction_id: str | None = Field(description="Its latest transaction.")
    error_message: str | None
    executed_at: Time | None
    created_at: Time | None
    updated_at: Time | None


class AttemptResponse(ResponseModel):
    """One signed ledger transaction for a batch, or part of one."""

    id: UUID
    batch_payout_id: UUID
    transaction_id: str
    status: AttemptStatus
    recipient_count: Count
    total_amount: Amount
    expires_at: Time
    outcome_code: str | None
    outcome_detail: str | None
    submitted_at: Time | None
    settled_at: Time | None
    created_at: Time | None


class BreakResponse(ResponseModel):
    """One account about which ledger and database disagree."""

    kind: BreakKind
    account_id: str
    database_amount: Amount
    ledger_amount: Amount


class ReconciliationResponse(ResponseModel):
    """The payments on the ledger against those in the database, account by account."""

    distribution_id: UUID
    agrees: bool
    due_count: Count
    due_amount: Amount
    paid_count: Count
    paid_amount: Amount
    unpaid_count: Count
    ledger_count: Count
    ledger_amount: Amount
    unseen_count: Count = Field(description="Payments that the ledger confirmed, and its books do not show yet.")
    delay_seconds: Count = Field(description="How far the books may be behind the ledger; after that, ask again.")
    breaks: list[BreakResponse]


class DistributionRequest(_TermsRequest):
    """A distribution or series to create. MANUAL starts with `execute`, the others by themselves; two make a series."""


class ListQuery(_ListTermsRequest):
    """The terms of a payout list, beside the list itself, which is the body."""

    payment_token_id: AccountId | None = Field(
        default=None, description="What a list is paid in; unless given, what the asset pays in."
    )
    allow_unpayable: bool = Field(
        default=False, description="Take a list although some of its accounts cannot receive the token."
    )


class ApprovalRequest(RequestModel):
    """Of what somebody approves."""

    register_hash: Annotated[str, Field(pattern="^[0-9a-fA-F]{64}$")] = Field(
        description="The hash that you were shown: over who is owed what.", examples=["0" * 64]
    )


class ApprovalResponse(ResponseModel):
    """Somebody who approved."""

    actor_kind: str
    actor_name: str
    source_address: str | None
    register_hash: str
    approved_at: Time


class ApprovalsResponse(ResponseModel):
    """The approvals of a distribution, and the number that it needs."""

    given: Count = Field(description="How many approvals count.")
    required: Count
    approvals: list[ApprovalResponse]


class RetryRequest(RequestModel):
    """A selection of unpaid holders to retry. Without a body: all of them."""

    accounts: Annotated[list[AccountId], Field(min_length=1, max_length=1000)] | None = None
    failure_code: Annotated[Text, Field(max_length=100)] | None = None
