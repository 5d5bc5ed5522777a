"""Settings of paying, for every ledger."""

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings

from masspayout.kernel.account_ids import canonical_account_id
from masspayout.kernel.errors import Invalid


class PayingSettings(BaseSettings):
    """The payer, the size of batches, and how long workers wait."""

    payer_account_id: str = Field(default="0.0.1001", description="The account that payouts are paid from.")

    @field_validator("payer_account_id")
    @classmethod
    def _spell_as_everywhere(cls, payer_account_id: str) -> str:
        """Return an account id in its canonical form: accounts are compared as text."""
        try:
            return canonical_account_id(payer_account_id)
        except Invalid as error:
            raise ValueError(error.message) from None

    batch_size: int = Field(
        default=100, ge=1, le=10_000, description="Holders in a batch, unless the ledger takes fewer in a transaction."
    )
    preflight_close_looks: int = Field(
        default=3000,
        ge=0,
        description="About how many recipients a preview asks the ledger one by one, where it tells of one at a time.",
    )
    claim_seconds: float = Field(
        default=30.0,
        ge=0,
        description="How long a worker may hold a batch without a sign of life before another may take it over.",
    )
    look_again_seconds: float = Field(
        default=0.25, gt=0, description="First pause before an undecided transaction is looked up again; it doubles."
    )
    look_again_max_seconds: float = Field(default=15.0, gt=0, description="The longest such pause.")
    transient_retries: int = Field(
        default=10,
        ge=0,
        le=100,
        description="How often in a row a batch is signed anew, after such pauses, when nobody is to blame.",
    )
    statement_seconds: float = Field(
        default=60.0,
        gt=0,
        description="How often the payer's statement is read while it pays, to find what the database does not know.",
    )
    require_synchronous: bool = Field(
        default=False,
        description="`true`: nothing is signed unless the server waits for a standby before it commits.",
    )
    listener_overlap_seconds: float = Field(
        default=300.0,
        ge=0,
        description="How far behind its cursor an event listener reads again, to find events that came late.",
    )
