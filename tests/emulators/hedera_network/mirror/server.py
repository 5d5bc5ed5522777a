"""The mirror node's HTTP side: routes, rate limits, and what goes wrong on the way."""

import json
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from aiohttp import web

from hedera_network.consensus import Consensus
from hedera_network.faults import either, strikes
from hedera_network.fees import CENT_EQUIVALENT, HBAR_EQUIVALENT
from hedera_network.identifiers import entity_id, timestamp
from hedera_network.mirror import transactions
from hedera_network.mirror.entities import View
from hedera_network.mirror.lies import Liar
from hedera_network.mirror.queries import BadRequest, NotFound, Query, parse_entity
from masspayout.kernel.ledger_time import NANOS_PER_SECOND

_PAGING = frozenset({"limit", "order"})
_LOGS = _PAGING | {"timestamp", "index", "topic0", "topic1", "topic2", "topic3"}
_KEPT_REQUESTS = 100_000

Json = dict[str, Any]


class MirrorServer:
    """Answers for one ledger.

    Attributes:
        requests: The path and query of each request, newest last.
        answers: The path and contents of the answers that ``keep_answers`` asked to keep.
        liar: The untrue answers, and how many were told.
    """

    def __init__(self, consensus: Consensus, nodes: Callable[[], list[tuple[int, int]]]) -> None:
        self._consensus, self._nodes = consensus, nodes
        self._recent: deque[float] = deque()
        self.requests: deque[str] = deque(maxlen=_KEPT_REQUESTS)
        self.keep_answers = False
        self.answers: list[tuple[str, int, Any]] = []
        self.liar = Liar()

    def application(self) -> web.Application:
        """Return the application, with every route."""
        application = web.Application(middlewares=[self._go_wrong, self._translate])
        for path, handler in {
            "accounts": self._accounts,
            "accounts/{id}": self._account,
            "accounts/{id}/tokens": self._relations,
            "balances": self._balances,
            "blocks": self._blocks,
            "contracts/{id}/results/logs": self._logs,
            "network/exchangerate": self._exchange_rate,
            "network/nodes": self._network_nodes,
            "tokens/{id}": self._token,
            "tokens/{id}/balances": self._token_balances,
            "transactions": self._transactions,
            "transactions/{id}": self._transactions_by_id,
        }.items():
            application.router.add_get(f"/api/v1/{path}", self._answering(handler))
        return application

    def _answering(self, show: Callable[[web.Request, View], Json]) -> Callable[[web.Request], Any]:
        async def handler(request: web.Request) -> web.Response:
            ledger = self._consensus.ledger
            with ledger.lock:
                self._consensus.catch_up()
                shown = show(request, View(ledger, self._seen_nanos()))
            return web.json_response(shown)

        return handler

    def _seen_nanos(self) -> int:
        """Return up to when the replica that answers has seen the ledger."""
        faults = self._consensus.faults
        lag = faults.mirror_lag_seconds + (faults.stale_seconds if strikes(faults.stale_percent) else 0)
        return self._consensus.ledger.complete_nanos() - int(lag * NANOS_PER_SECOND)

    @web.middleware
    async def _go_wrong(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if not request.path.startswith("/api/"):
            uncontrolled: web.StreamResponse = await handler(request)
            return uncontrolled
        faults = self._consensus.faults
        self.requests.append(request.raw_path)
        if strikes(faults.mirror_drop_percent):
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=503)
        if strikes(faults.mirror_error_percent):
            return _error(either(500, 503), "Internal server error")
        if strikes(faults.mirror_throttle_percent) or self._is_too_fast(faults.mirror_requests_per_second):
            return _error(429, "Too many requests", headers={"Retry-After": "1"})
        lie = self.liar.answer(request.path, faults)
        if lie is not None:
            return lie
        response: web.StreamResponse = await handler(request)
        if self.keep_answers and isinstance(response, web.Response) and response.text is not None:
            self.answers.append((request.raw_path, response.status, json.loads(response.text)))
        return response

    @web.middleware
    async def _translate(self, request: web.Request, handler: Any) -> web.StreamResponse:
        try:
            response: web.StreamResponse = await handler(request)
        except BadRequest as error:
            return _error(400, str(error))
        except NotFound:
            return _error(404, "Not found")
        except web.HTTPNotFound:
            return _error(404, "Not found")
        return response

    def _is_too_fast(self, limit: float) -> bool:
        now = time.monotonic()
        while self._recent and self._recent[0] < now - 1:
            self._recent.popleft()
        if limit and len(self._recent) >= limit:
            return True
        self._recent.append(now)
        return False

    def _account(self, request: web.Request, view: View) -> Json:
        query = _query(request, _PAGING | {"timestamp", "transactions", "transactiontype"})
        number = _entity(request)
        listed: Json = {"transactions": [], "links": {"next": None}}
        if query.last("transactions") != "false":
            account_query = _query(
                request, _PAGING | {"timestamp", "transactions"}, extra=[("account.id", str(number))]
            )
            listed = transactions.transactions(view.ledger, account_query, view.at_nanos)
        return {**view.account(number), **listed}

    def _accounts(self, request: web.Request, view: View) -> Json:
        return view.accounts(_query(request, _PAGING | {"account.id", "balance"}, default_order="asc"))

    def _relations(self, request: web.Request, view: View) -> Json:
        return view.relations(_entity(request), _query(request, _PAGING | {"token.id"}, default_order="asc"))

    def _balances(self, request: web.Request, view: View) -> Json:
        return view.balances(_query(request, _PAGING | {"account.id", "timestamp"}))

    def _blocks(self, request: web.Request, view: View) -> Json:
        query = _query(request, _PAGING | {"timestamp", "block.number"})
        return transactions.blocks(view.ledger, query, view.at_nanos)

    def _logs(self, request: web.Request, view: View) -> Json:
        return transactions.contract_logs(view.ledger, _entity(request), _query(request, _LOGS), view.at_nanos)

    def _token(self, request: web.Request, view: View) -> Json:
        _query(request, frozenset({"timestamp"}))
        return view.token(_entity(request))

    def _token_balances(self, request: web.Request, view: View) -> Json:
        query = _query(request, _PAGING | {"timestamp", "account.id", "account.balance"})
        return view.token_balances(_entity(request), query)

    def _transactions(self, request: web.Request, view: View) -> Json:
        accepted = _PAGING | {"timestamp", "account.id", "type", "result", "transactiontype"}
        return transactions.transactions(view.ledger, _query(request, accepted), view.at_nanos)

    def _transactions_by_id(self, request: web.Request, view: View) -> Json:
        query = _query(request, frozenset({"nonce", "scheduled"}))
        return transactions.transactions_by_id(view.ledger, request.match_info["id"], query, view.at_nanos)

    def _exchange_rate(self, request: web.Request, view: View) -> Json:
        _query(request, frozenset({"timestamp"}))
        hour = 3600
        began = view.at_nanos // NANOS_PER_SECOND // hour * hour
        rate = {"cent_equivalent": CENT_EQUIVALENT, "hbar_equivalent": HBAR_EQUIVALENT}
        return {
            "current_rate": {**rate, "expiration_time": began + hour},
            "next_rate": {**rate, "expiration_time": began + 2 * hour},
            "timestamp": timestamp(began * NANOS_PER_SECOND),
        }

    def _network_nodes(self, request: web.Request, view: View) -> Json:
        _query(request, _PAGING | {"file.id", "node.id"}, default_order="asc")
        period = {"from": timestamp(view.ledger.began_nanos), "to": None}
        nodes = [
            {
                "admin_key": None,
                "decline_reward": False,
                "description": "",
                "file_id": "0.0.102",
                "grpc_proxy_endpoint": None,
                "max_stake": None,
                "memo": entity_id(account),
                "min_stake": None,
                "node_account_id": entity_id(account),
                "node_cert_hash": "0x",
                "node_id": account - 3,
                "public_key": "0x",
                "reward_rate_start": 0,
                "service_endpoints": [{"domain_name": "", "ip_address_v4": "127.0.0.1", "port": port}],
                "stake": 1,
                "stake_not_rewarded": 0,
                "stake_rewarded": 0,
                "staking_period": None,
                "timestamp": period,
            }
            for account, port in self._nodes()
        ]
        return {"nodes": nodes, "links": {"next": None}}


def _query(
    request: web.Request,
    accepted: frozenset[str],
    *,
    default_order: str = "desc",
    extra: list[tuple[str, str]] | None = None,
) -> Query:
    parameters = [*request.query.items(), *(extra or [])]
    return Query(request.path, parameters, accepted | {name for name, _ in extra or []}, default_order=default_order)


def _entity(request: web.Request) -> int:
    try:
        return parse_entity(request.match_info["id"])
    except ValueError:
        raise BadRequest("Invalid parameter: id") from None


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response({"_status": {"messages": [{"message": message}]}}, status=status, headers=headers)
