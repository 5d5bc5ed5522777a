"""Untrue answers of a mirror node: those that gateways, wrong routes and half-started services give in its name."""

from collections import Counter

from aiohttp import web

from hedera_network.faults import Faults, strikes

_API = "/api/v1/"
_NOT_FOUND = '{"_status":{"messages":[{"message":"Not found"}]}}'

# Each as (status, type of content, body). A route that matches nothing answers exactly like an unknown transaction.
LIES = {
    "misrouted": (404, "application/json", _NOT_FOUND),
    "gateway": (404, "text/plain", "404 page not found\n"),
    "empty": (200, "application/json", "{}"),
    "moved": (301, "text/html", "<html>301 Moved Permanently</html>"),
    "bad request": (400, "text/html", "<html>400 Bad Request</html>"),
    "forbidden": (403, "text/plain", "RBAC: access denied"),
    "timeout": (408, "text/plain", "upstream request timeout"),
    "too early": (425, "text/plain", "too early"),
}


class Liar:
    """The untrue answers that ``Faults`` asks for.

    Attributes:
        told: How many there were of each kind; a test that asks for one fails when it is never told.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._faults: Faults | None = None
        self._count_by_faults = 0

    def answer(self, path: str, faults: Faults) -> web.Response | None:
        """Return the untrue answer to a request, or None when it is answered truly."""
        if faults is not self._faults:
            self._faults, self._count_by_faults = faults, 0
        if not faults.mirror_lie or not _is_meant(path, faults.mirror_lie_paths):
            return None
        if faults.mirror_lie_times and self._count_by_faults >= faults.mirror_lie_times:
            return None
        if not strikes(faults.mirror_lie_percent):
            return None
        self._count_by_faults += 1
        self.counts[faults.mirror_lie] += 1
        status, content_type, body = LIES[faults.mirror_lie]
        headers = {"Location": f"https://elsewhere.example{path}"} if status == 301 else None
        return web.Response(status=status, content_type=content_type, text=body, headers=headers)


def _is_meant(path: str, paths: tuple[str, ...]) -> bool:
    """Return whether one of some paths is meant: ``transactions`` is the list, ``transactions/`` all that is below."""
    asked = path.removeprefix(_API)
    return any(asked.startswith(one) if one.endswith("/") else asked == one for one in paths)
