"""Settings of a provider that nobody could sign in through, or that could be listened to: nothing starts with them."""

from pathlib import Path

import pytest

from masspayout.kernel.errors import Invalid
from masspayout.kernel.roles import Role
from masspayout.settings import load_settings

GOOD = {"OIDC_ISSUER": "https://login.example.com", "OIDC_CLIENT_ID": "masspayout"}


@pytest.fixture(autouse=True)
def _empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read no ``.env``."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"OIDC_CLIENT_ID": ""}, "set OIDC_CLIENT_ID as well"),
        ({"OIDC_ISSUER": "login.example.com"}, "write it with its scheme, as https://"),
        ({"OIDC_ISSUER": "ftp://login.example.com"}, "write it with its scheme"),
        ({"OIDC_ISSUER": "https://"}, "write it with its scheme"),
        ({"OIDC_ISSUER": "http://login.example.com"}, "use https:// for another machine"),
        ({"OIDC_SCOPES": "profile email"}, "openid must be among the scopes"),
        ({"OIDC_ROLES": "cfo=boss"}, "'boss' is no role"),
        ({"OIDC_ROLES": "=admin"}, "a value is missing"),
        ({"OIDC_ROLE_MAP": "cfo=approver"}, "it is not JSON"),
        ({"OIDC_ROLE_MAP": "[]"}, "it is no object"),
        ({"OIDC_ROLE_MAP": '{"cn=cfo": 5}'}, "'5' is no role"),
        ({"OIDC_CA_FILE": "nowhere.pem"}, "no certificates that can be read"),
        ({"OIDC_RECHECK_SECONDS": "0"}, "OIDC_RECHECK_SECONDS"),
        ({"PUBLIC_URL": "payouts.example.com"}, "without a path, as https://payouts.example.com"),
        ({"PUBLIC_URL": "https://example.com/payouts"}, "without a path"),
    ],
)
def test_a_wrong_setting_is_named_with_what_to_write(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], words: str
) -> None:
    for name, value in (GOOD | changes).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Invalid) as error:
        load_settings()
    assert words in error.value.message
    assert (next(iter(changes)) if "CLIENT_ID" not in words else "OIDC_ISSUER") in error.value.message


def test_good_settings_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (GOOD | {"PUBLIC_URL": "https://payouts.example.com/"}).items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert settings.public_url == "https://payouts.example.com"
    assert settings.roles_by_value == {role.value: role for role in Role}
    monkeypatch.setenv("OIDC_ISSUER", "http://127.0.0.1:8080/realms/x")
    monkeypatch.setenv("OIDC_ROLES", "cfo=approver, ops=operator ,")
    assert load_settings().roles_by_value == {"cfo": Role.APPROVER, "ops": Role.OPERATOR}
    monkeypatch.setenv("OIDC_ROLE_MAP", '{"cn=cfo,dc=example": "approver"}')
    assert load_settings().roles_by_value == {"cn=cfo,dc=example": Role.APPROVER}
