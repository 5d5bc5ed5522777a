"""Settings from the environment or a ``.env`` file. ``docs/settings.md`` lists them; a test keeps the two together."""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsConfigDict

from masspayout.kernel.errors import Invalid
from masspayout.kernel.invalid_values import own_sentence, requirement
from masspayout.kernel.text import is_utf8
from masspayout.settings.access import AccessSettings
from masspayout.settings.audit import AuditSettings
from masspayout.settings.control import ControlSettings
from masspayout.settings.dashboard import DashboardSettings
from masspayout.settings.database import DatabaseSettings
from masspayout.settings.evm import EvmSettings
from masspayout.settings.hedera import HederaSettings
from masspayout.settings.http import HttpSettings
from masspayout.settings.oidc import OidcSettings
from masspayout.settings.paying import PayingSettings
from masspayout.settings.sandbox import SandboxSettings
from masspayout.settings.signing import SigningSettings
from masspayout.settings.webhooks import WebhookSettings


class Settings(
    SandboxSettings,
    HederaSettings,
    EvmSettings,
    SigningSettings,
    PayingSettings,
    ControlSettings,
    AuditSettings,
    WebhookSettings,
    OidcSettings,
    AccessSettings,
    HttpSettings,
    DashboardSettings,
    DatabaseSettings,
):
    """The settings of the operator. Every field is an environment variable of the same name in capitals."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", env_ignore_empty=True, extra="ignore", frozen=True
    )

    app_env: Literal["production", "development"] = Field(
        default="production", description="`development` logs every SQL statement."
    )
    log_format: Literal["text", "json"] = Field(
        default="text", description="How logs are written to standard error: lines for people, or JSON objects."
    )
    ledger: Literal["sandbox", "hedera", "evm"] = Field(default="sandbox", description="Which ledger to pay on.")

    @property
    def secrets(self) -> list[str]:
        """The secrets among the settings, which no log may show."""
        values = (getattr(self, name) for name in type(self).model_fields)
        secrets = [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
        # An error of the server may repeat the password alone, without the address that it is part of.
        if self.sandbox_url is not None and self.sandbox_url.password:
            secrets.append(self.sandbox_url.password)
        return secrets

    @property
    def written(self) -> Iterator[tuple[str, str]]:
        """The name and the text of each setting, secrets too."""
        for name in type(self).model_fields:
            value = getattr(self, name)
            yield name, value.get_secret_value() if isinstance(value, SecretStr) else str(value)

    @property
    def pays_from_contract(self) -> bool:
        """True if an asset's contract, where it has one, is the payer of its distributions."""
        return self.ledger == "evm"


def _reason(problem: ErrorDetails) -> str:
    """Return the fault of a setting, as a part of a sentence."""
    sentence = own_sentence(problem)
    if sentence is None:
        return f"use {requirement(problem)}"
    return sentence[:1].lower() + sentence[1:].rstrip(".")


def _shown(problem: ErrorDetails) -> str:
    """Return the wrong value, unless the setting is a secret."""
    field = Settings.model_fields.get(str(problem["loc"][0]))
    return "…" if field is not None and field.annotation is SecretStr else repr(problem["input"])


def load_settings() -> Settings:
    """Read the settings from the environment and ``.env``.

    Raises:
        Invalid: A setting has a value that it cannot have; every such setting is named.
    """
    try:
        settings = Settings()
    except UnicodeDecodeError:
        raise Invalid("The file .env is not UTF-8 text.", "Save it as UTF-8.") from None
    except ValidationError as error:
        wrong = "; ".join(
            f"{str(problem['loc'][0]).upper()}={_shown(problem)}: {_reason(problem)}" for problem in error.errors()
        )
        raise Invalid(
            f"The settings are wrong: {wrong}.",
            "Fix them in the environment or in .env; docs/settings.md says what each one takes.",
        ) from None
    strange = [name.upper() for name, value in settings.written if not is_utf8(value)]
    if strange:
        raise Invalid(f"These settings are not UTF-8 text: {', '.join(strange)}.", "Write them in UTF-8.")
    return settings
