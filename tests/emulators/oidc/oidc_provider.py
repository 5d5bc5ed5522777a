"""A real OpenID Connect provider to test on: oidc-provider, installed from npm when a test first asks for it."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

import npm

TOOLS = Path(__file__).resolve().parent
CLIENT_ID, CLIENT_SECRET = "masspayout", "the secret of the client"


@dataclass
class RealProvider:
    """A provider that runs, with people and clients that the tests set.

    Attributes:
        address: Its issuer.
        people: The claims of everybody who has an account, by subject.
    """

    address: str
    people: dict[str, dict[str, Any]] = field(default_factory=dict)

    def welcome(self, subject: str, **claims: Any) -> None:
        """Give a person these claims, and have them sign in when a browser comes next."""
        self.people[subject] = claims
        self._set(people=self.people, signedIn=subject)

    def change(self, subject: str, **claims: Any) -> None:
        """Change a person's claims."""
        self.people[subject] = self.people[subject] | claims
        self._set(people=self.people)

    def remove(self, subject: str) -> None:
        """Delete a person's account."""
        del self.people[subject]
        self._set(people=self.people, signedIn=None)

    def register(self, service_address: str, **metadata: Any) -> None:
        """Register the service as a client, at its address."""
        client = {
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "redirect_uris": [f"{service_address}/sign-in/oidc/callback"],
            "post_logout_redirect_uris": [f"{service_address}/sign-in"],
            "backchannel_logout_uri": f"{service_address}/auth/backchannel-logout",
            "backchannel_logout_session_required": True,
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
        } | metadata
        self._set(clients={CLIENT_ID: {name: value for name, value in client.items() if value is not None}})

    def log(self) -> list[str]:
        """Return what went wrong or right at the provider."""
        return [str(line) for line in self._set()["log"]]

    def _set(self, **state: Any) -> Any:
        return httpx.post(f"{self.address}/test", json=state, timeout=60).json()


@contextmanager
def running_provider(*, only_in_userinfo: bool = False) -> Iterator[RealProvider]:
    """Run a provider on a free port.

    Args:
        only_in_userinfo: Claims about people are at the userinfo endpoint, and not in identity tokens.
    """
    npm.node_modules(TOOLS)
    node = shutil.which("node")
    assert node is not None
    command = [node, "--no-warnings", str(TOOLS / "provider.mjs"), "userinfo" if only_in_userinfo else "token"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("Listening on "), f"the provider did not start: {line!r}"
        yield RealProvider(line.split()[-1])
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
