"""Text that comes from outside: arguments and settings."""


def is_utf8(text: str) -> bool:
    """Return False for an argument or a setting that is not UTF-8.

    Python keeps its bytes as surrogates, which no database or ledger takes.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
