"""Every address that the portal answers when it is read, filled with the rows of one case.

Hides: how the url configuration and the description of the API are read. What takes a row must be declared here or by the
caller; ``unknown`` names what nobody has declared, or what is no longer there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import product
from typing import Any

from django.urls import URLPattern, get_resolver
from drf_spectacular.generators import SchemaGenerator

API = "/api/v1/"
PLACE = re.compile(r"<[^>]+>|{[^}]+}")

# Beginnings of addresses that take a row which no case in review has: an organisation's register, what comes after the
# result, guidance, the pool's own affairs. The pages of acts are named by ``acts_of``.
ELSEWHERE = {
    "account/first-password/", "account/first-password/{}/", "account/tokens/", "act/", "act/{}/", "act/{}/{}/",
    "admissions/", "admissions/{}/proofs/", "applications/{}/correction/", "applications/{}/site-visit/photos/",
    "certificate-forms/", "certificate-forms/{}/", "settings/certificates/", "settings/certificates/{}/",
    "settings/certificates/{}/{}/", "certificates/",
    "certificates/documents/", "districts/", "expert-calls/", "expert-pins/", "experts/admissions/",
    "experts/admissions/proofs/", "experts/calls/", "experts/imports/", "experts/me/facts/", "experts/me/facts/{}/",
    "experts/me/facts/{}/{}/", "experts/pins/", "experts/pins/{}/", "findings/", "guidance-opinions/",
    "changes/", "changes/proofs/", "guidance-companions/", "guidance-opinions/{}/files/", "guidance-opinions/{}/photos/",
    "guidance-visits/", "guidance-visits/{}/photos/", "guidance/", "held-messages/", "incentive-confirmations/", "incentives/",
    "projects/incentives/",
    "renewals/", "sanctions/", "sanctions/proofs/", "sanctions/{}/proofs/",
    "invitations/", "invitations/panel/", "licences/", "members/", "message-texts/", "message-texts/{}/", "notices/",
    "notices/{}/receipts/", "notices/{}/versions/", "directory/", "objections/", "objections/proofs/",
    "objections/status/", "objections/{}/proofs/",
    "major-changes/", "major-changes/{}/proofs/", "open-data/", "open-data/{}/", "open-data/latest/", "opinions/",
    "opinions/files/", "projects/{}/guidance/",
    "organisation-changes/", "organisations/changes/", "organisations/invitations/",
    "organisations/{}/licences/", "outbox/", "outbox/undelivered/", "photos/", "pool-imports/", "programmes/",
    "applications/{}/issued-notices/", "applications/{}/approval/minutes/", "applications/{}/minutes/", "batches/",
    "conflicts/", "desk/batches/", "desk/exports/", "desk/stand-ins/",
    "exports/", "sitemap-", "issued-notices/", "kept-accounts/", "officer-conflicts/", "officers/", "overrides/", "phrases/",
    "supervision/certificates/", "supervision/reports/", "supervision/reports/proofs/", "inspections/",
    "inspections/draws/", "inspections/photos/", "rectifications/proofs/", "operating-reports/",
    "operating-reports/{}/proofs/", "inspections/{}/photos/", "inspection-draws/",
    "rectifications/", "rectifications/{}/proofs/",
    "settings/", "settings/accounts/", "settings/accounts/{}/", "settings/duties/", "settings/officers/",
    "settings/officers/duties/", "settings/policies/", "settings/policies/new/", "settings/policies/{}/", "settings/{}/",
    "stand-ins/", "vacancies/", "statistics/", "statistics/reports/",
    "queue/views/", "ratings/", "saved-views/", "settings/messages/", "settings/messages/{}/", "uploads/",
}  # fmt: skip
# Empty forms to be filled in: a workbook says in itself when it was made.
WORKBOOKS = ("/communities/template/", "/communities/import/", "/imports/template/", "/pool-imports/template/")
# Questions to the lists: beginning of the address -> what is asked of it.
ASKED = {
    "queue/": ["show=open", "show=done", "show=open&state=review", "show=open&q={word}", "show=all&sort=-state"],
    "projects/": ["q={word}", "search={word}", "ordering=-created_at"],
    "experts/": ["q={word}", "search={word}", "ordering=-load", "ordering=load", "state=serving"],
    "applications/": [
        "search={word}", "state=review", "state=tallying", "open=true", "mine=true", "ordering=-state_since",
        "ordering=due_on",
    ],
    "assignments/": ["search={word}", "state=signed", "state=accepted", "ordering=-state_since", "ordering=due_on"],
    "questions/": ["state=forwarded", "state=asked"],
    "notifications/": ["search={word}", "unread=true", "show=unread", "kind=due"],
}  # fmt: skip


def page_routes(patterns: Any, before: str = "") -> Iterator[str]:
    """Every address of the url configuration but those of the API, as it is written there."""
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield route
        elif not route.startswith("api/"):
            yield from page_routes(pattern.url_patterns, route)


@lru_cache(maxsize=1)
def api_routes() -> list[str]:
    """Every address of the API that is read."""
    paths = SchemaGenerator().get_schema(public=True)["paths"]
    return [path.removeprefix(API) for path, methods in paths.items() if "get" in methods]


def beginnings(route: str) -> list[str]:
    """What stands before each row that an address takes: "applications/{}/claims/"."""
    parts = PLACE.split(route)
    return ["{}".join(parts[: place + 1]) for place in range(len(parts) - 1)]


def unknown(declared: Iterable[str]) -> set[str]:
    """Beginnings that stand in the configuration and in no declaration, and the other way round."""
    routes = [*page_routes(get_resolver().url_patterns), *api_routes()]
    return {one for route in routes for one in beginnings(route)} ^ (ELSEWHERE | set(declared))


def filled(route: str, keys: dict[str, list[Any]]) -> list[str]:
    """The addresses of one route; KeyError for a beginning of which nobody has said what it takes."""
    parts = PLACE.split(route)
    values = [[] if one in ELSEWHERE else keys[one] for one in beginnings(route)]
    return ["".join(map(str, [*sum(zip(parts, chosen, strict=False), ()), parts[-1]])) for chosen in product(*values)]


def addresses(keys: dict[str, list[Any]], word: str) -> list[str]:
    """Everything that is read of the rows in ``keys`` (beginning -> rows), and every list, also searched for ``word``."""
    found = []
    for root, routes in (("/", page_routes(get_resolver().url_patterns)), (API, api_routes())):
        for route in routes:
            plain = [root + address for address in filled(route, keys)]
            found += plain + [
                f"{address}?{words.format(word=word)}" for address in plain for words in ASKED.get(route, ())
            ]
    return [address for address in dict.fromkeys(found) if not address.endswith(WORKBOOKS)]
