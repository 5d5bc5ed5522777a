"""Settings of webhooks and of the encryption of their secrets."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings


class WebhookSettings(BaseSettings):
    """The addresses that webhooks may have, and their time-outs and retries."""

    secret_key: SecretStr = Field(
        default=SecretStr(""),
        description="What secrets in the database are encrypted with. Unset: a key in `DATA_DIR`, made on first use.",
    )
    webhook_allow_private: bool = Field(
        default=False, description="Whether webhooks may lead to private addresses and this machine, and by plain HTTP."
    )
    webhook_timeout_seconds: float = Field(
        default=10.0, gt=0, le=120, description="How long a webhook's target may take to answer."
    )
    webhook_tries: int = Field(
        default=15, ge=1, le=100, description="How often an event is sent to a webhook before it is given up."
    )
    webhook_retry_seconds: float = Field(
        default=5.0, gt=0, description="The first pause before an event is sent again; it doubles, up to an hour."
    )
    webhook_keep_days: int = Field(
        default=30, ge=1, description="How long events and deliveries that are done with are kept."
    )
