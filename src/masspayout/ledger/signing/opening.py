"""The choice of the signer that the settings name."""

from masspayout.kernel.errors import Invalid
from masspayout.kernel.logs import keep_out
from masspayout.ledger.signing.dfns import DfnsSigner
from masspayout.ledger.signing.local import LocalSigner
from masspayout.ledger.signing.port import KeyType, Signer
from masspayout.ledger.signing.private_keys import read_private_key
from masspayout.ledger.signing.secret_files import read_secret_file
from masspayout.settings import Settings


async def open_signer(settings: Settings, *, raw_key_type: KeyType | None = None) -> Signer:
    """Return the signer of the payer, with its public key loaded.

    Args:
        settings: The settings, of which ``SIGNER``, ``PAYER_KEY…`` and ``DFNS_…`` count.
        raw_key_type: The type of a bare key where the ledger knows only one, unless ``PAYER_KEY_TYPE`` is set.

    Raises:
        Invalid: The key is missing or cannot be read; nothing of it is shown.
        LedgerUnavailable: The custodian cannot be reached.
        LedgerRejected: The custodian does not let us use the key.
    """
    if settings.signer == "dfns":
        return await DfnsSigner.open(settings)
    content, source = _key_content(settings)
    keep_out(content.decode(errors="replace"))
    key_type = raw_key_type if settings.payer_key_type is None else KeyType(settings.payer_key_type)
    passphrase = payer_passphrase(settings)
    return LocalSigner(read_private_key(content, source=source, passphrase=passphrase, key_type=key_type))


def payer_passphrase(settings: Settings) -> bytes | None:
    """Return the passphrase of the payer's key file, if it is set.

    Raises:
        Invalid: The passphrase is set twice, or its file cannot be read.
    """
    text = settings.payer_key_passphrase.get_secret_value()
    path = settings.payer_key_passphrase_file
    if text and path is not None:
        raise Invalid("PAYER_KEY_PASSPHRASE and PAYER_KEY_PASSPHRASE_FILE are both set.", "Leave one of them out.")
    if path is not None:
        first_line, *_ = read_secret_file(path, "PAYER_KEY_PASSPHRASE_FILE").splitlines() or [b""]
        return first_line
    return text.encode() or None


def _key_content(settings: Settings) -> tuple[bytes, str]:
    """Return the text of the key, and its source."""
    text = settings.payer_key.get_secret_value()
    path = settings.payer_key_file
    if text and path is not None:
        raise Invalid("PAYER_KEY and PAYER_KEY_FILE are both set.", "Leave one of them out.")
    if path is not None:
        return read_secret_file(path, "PAYER_KEY_FILE"), f"PAYER_KEY_FILE ({path})"
    if text:
        # A PEM on one line of .env has its line ends written as \n.
        return text.replace("\\n", "\n").encode(), "PAYER_KEY"
    raise Invalid(
        f"There is no key to sign for the payer {settings.payer_account_id}.",
        "Set PAYER_KEY_FILE (or PAYER_KEY), or SIGNER=dfns when a custodian keeps it.",
    )
