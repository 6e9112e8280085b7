"""Public pages for visitors who are not signed in: asked again for one that has not changed, the answer is 304.

Hides: how a change of anything public is noticed (triggers of the database count it in the transaction that makes it, so
nothing that writes can forget to tell), what else a page depends on, and that nobody makes up the tag of a page.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connections, models, transaction
from django.db.models import Sum
from django.http import HttpRequest, HttpResponseNotModified
from django.http.response import HttpResponseBase
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers
from django.utils.crypto import salted_hmac
from django.utils.http import parse_etags

from portal.models import PublicChange
from portal.tasks import swept

View = Callable[..., HttpResponseBase]
MOST = 1000  # counted changes that lie about before they are added up
AT_ONCE = 5000
# Whose answer is made for them alone: signed in, or with a sentence that waits to be shown once.
OWN_COOKIES = (settings.SESSION_COOKIE_NAME, "messages")
SHOWN: set[str] = set()  # tables of which public pages show something


# --- what changes -------------------------------------------------------------------------------------------------


def shows(*tables: type[models.Model]) -> None:
    """Say that public pages show rows of these models; the app that does says it when it is ready."""
    SHOWN.update(model._meta.db_table for model in tables)


def version() -> int:
    """How many changes of anything public have been committed; it only grows."""
    found = PublicChange.objects.aggregate(total=Sum("amount"))["total"]
    return int(found or 0)


@swept
def add_up() -> int:
    """Replace many counted changes by their sum; return how many went.

    Rows instead of one counter: two who publish at once never wait for each other. Two who add up at once count twice,
    which makes pages be fetched once more and nothing worse.
    """
    if PublicChange.objects.count() <= MOST:
        return 0
    with transaction.atomic():
        rows = list(PublicChange.objects.order_by("pk").values_list("pk", "amount")[:AT_ONCE])
        PublicChange.objects.create(amount=sum(amount for _pk, amount in rows))
        return PublicChange.objects.filter(pk__in=[pk for pk, _amount in rows]).delete()[0]


def install(using: str = "default", **more: Any) -> None:
    """Have the database count the changes of every shown table; a receiver of ``post_migrate``.

    Not a migration: the embedded database loses the triggers of a table whenever a migration gives it another column.
    """
    connection = connections[using]
    with connection.cursor() as cursor:
        present = set(connection.introspection.table_names(cursor))
        if PublicChange._meta.db_table not in present:
            return
        for table in sorted(SHOWN & present):
            for statement in TRIGGERS[connection.vendor]:
                cursor.execute(statement.format(table=table, counter=PublicChange._meta.db_table))


TRIGGERS = {
    "sqlite": [
        "CREATE TRIGGER IF NOT EXISTS {table}_VERB_counts AFTER VERB ON {table} "
        "BEGIN INSERT INTO {counter} (amount) VALUES (1); END".replace("VERB", verb)
        for verb in ("INSERT", "UPDATE", "DELETE")
    ],
    "postgresql": [
        "CREATE OR REPLACE FUNCTION count_public_change() RETURNS trigger AS $$ "
        "BEGIN INSERT INTO {counter} (amount) VALUES (1); RETURN NULL; END $$ LANGUAGE plpgsql",
        "DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_trigger WHERE tgname = '{table}_counts' "
        "AND tgrelid = '{table}'::regclass) THEN "
        "CREATE TRIGGER {table}_counts AFTER INSERT OR UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION count_public_change(); END IF; END $$",
    ],
}


# --- what is answered ---------------------------------------------------------------------------------------------


@cache
def release() -> str:
    """A hash of what makes pages out of rows: code, templates and words of this release."""
    root, digest = Path(settings.BASE_DIR), sha256(settings.SITE_URL.encode())
    for folder, pattern in (("templates", "*"), ("portal", "*.mo"), *((app, "*.py") for app in APPS)):
        for path in sorted((root / folder).rglob(pattern)):
            if path.is_file():
                digest.update(sha256(path.read_bytes()).digest())
    return digest.hexdigest()


APPS = ("portal", "communities", "experts", "evaluation")


def tag_of(request: HttpRequest) -> str:
    """The tag of this page as it would be made now. It cannot be guessed, and is handed out with a page only."""
    parts = (
        release(), str(version()), timezone.localdate().isoformat(), translation.get_language() or "",
        request.COOKIES.get("care", ""), request.scheme or "", request.get_host(), request.get_full_path(),
    )  # fmt: skip
    return f'W/"{salted_hmac("portal.conditional", repr(parts), algorithm="sha256").hexdigest()[:40]}"'


def is_visitor(request: HttpRequest) -> bool:
    """Whether what is answered is the same for everybody who is not signed in."""
    own = any(name in request.COOKIES for name in OWN_COOKIES) or "Authorization" in request.headers
    return request.method in ("GET", "HEAD") and not own and not settings.DEBUG


def public(view: View) -> View:
    """Let visitors' copies of a page be asked for anew each time, and answer 304 while nothing that it shows has changed.

    A page that is not there, or that holds somebody's own token, gets no tag; ``*`` matches nothing.
    """

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not is_visitor(request):
            return view(request, *args, **kwargs)
        # Taken before anything is read: what is committed in between belongs to the next tag.
        tag = tag_of(request)
        response: HttpResponseBase
        if tag in parse_etags(request.headers.get("If-None-Match", "")):
            response = HttpResponseNotModified()
        else:
            response = view(request, *args, **kwargs)
            if response.status_code != 200 or request.META.get("CSRF_COOKIE_NEEDS_UPDATE"):
                return response
        response["ETag"] = tag
        response.setdefault("Cache-Control", "no-cache")
        patch_vary_headers(response, ("Accept-Language", "Cookie"))
        return response

    return answer
