"""Settings of the payer's key."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings


class SigningSettings(BaseSettings):
    """The payer's key, in this process or with a custodian. The sandbox needs none."""

    signer: Literal["local", "dfns"] = Field(
        default="local", description="Who keeps the payer's key: `local` reads it here, `dfns` is the custodian DFNS."
    )
    payer_key: SecretStr = Field(
        default=SecretStr(""), description="The payer's private key: hexadecimal (raw or DER), or PEM."
    )
    payer_key_file: Path | None = Field(
        default=None, description="A file with the payer's private key: PEM, encrypted PEM, DER or hexadecimal."
    )
    payer_key_passphrase: SecretStr = Field(
        default=SecretStr(""), description="The passphrase of an encrypted key file."
    )
    payer_key_passphrase_file: Path | None = Field(
        default=None, description="A file with that passphrase on its first line."
    )
    payer_key_type: Literal["ED25519", "ECDSA_SECP256K1"] | None = Field(
        default=None, description="The kind of a raw key, which does not say so itself; `0x…` is ECDSA."
    )
    dfns_api_url: str = Field(default="https://api.dfns.io", description="Where the custodian's API is.")
    dfns_key_id: str | None = Field(default=None, description="The payer's key at the custodian: `key-…`.")
    dfns_wallet_id: str | None = Field(
        default=None, description="Instead of `DFNS_KEY_ID`: the wallet whose key it is: `wa-…`."
    )
    dfns_service_account_token: SecretStr = Field(
        default=SecretStr(""), description="The token of the service account that asks for signatures."
    )
    dfns_credential_id: str | None = Field(
        default=None, description="The credential of the service account that signs its requests: `cr-…`."
    )
    dfns_credential_key_file: Path | None = Field(
        default=None, description="The private key of that credential, as PEM; it moves no money itself."
    )
    dfns_origin: str = Field(
        default="https://app.dfns.io", description="The origin that signed requests name; your organisation's, if set."
    )
    dfns_timeout_seconds: float = Field(
        default=30.0, gt=0, description="How long to wait for the custodian's signature, approvals included."
    )
