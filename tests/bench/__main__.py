"""Measure and compare; write build/bench.json; exit 1 when a ratio is over its limit."""

from __future__ import annotations

import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count as numbers
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402
from django.urls import reverse  # noqa: E402

from evaluation import printing, scoring  # noqa: E402
from evaluation.models import Application, Assignment, Programme, Project  # noqa: E402
from portal.demo import people, world  # noqa: E402
from portal.demo.journey import case_at  # noqa: E402
from portal.models import User  # noqa: E402
from tests.bench import certificates, city, exporting, figures, pool, uploading  # noqa: E402

PROJECTS = int(os.environ.get("BENCH_PROJECTS", "10000"))
REQUESTS = int(os.environ.get("BENCH_REQUESTS", "200"))
LIMITS = {
    "queue": 5, "project": 10, "save_mark": 4, "api_list_50": 8, "self_assessment": 15, "autosave": 5, "scoring_room": 10,
    "panel_table": 8, "my_work": 15, "queue_100000": 1.5, "search_100000": 10, "search_common_100000": 20,
    "directory_100000": 1.5, "directory_district_100000": 1.5, "map_100000": 1.5, "directory_cached": 1.2,
    "public_notice": 3, "public_notice_cached": 1.2, "public_home_cached": 1.2,
    "statistics_100000": 10, "officers_statistics_100000": 10,
}  # fmt: skip
CROWD = 10 * PROJECTS  # the city once more, ten times as large
SEARCHED = {"search_100000": f"{CROWD // 2 + 4321}号", "search_common_100000": "示例"}  # one case, and all of them
PROOFS = 300
MILLISECONDS = {
    "evaluate_5x95": 10,
    "forecast": 20,
    "certificate_pdf": 100,
    "draw_2000": 300,
    "statistics_night": 120_000,
}
PANEL = 7  # members of the panel whose table is measured


@contextmanager
def gunicorn(application: str, settings_module: str) -> Iterator[str]:
    """Serve one WSGI application with two workers; yield its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", application, "--workers", "2", "--worker-class", "gthread",
               "--threads", "2", "--bind", f"127.0.0.1:{port}", "--log-level", "error"]  # fmt: skip
    server = subprocess.Popen(command, env={**os.environ, "DJANGO_SETTINGS_MODULE": settings_module, "DEBUG": "0"})
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(20)


def session_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def fetch(url: str, cookies: str, data: bytes | None = None, token: str = "", accept: str = "*/*") -> None:
    headers = {"Cookie": cookies, "X-CSRFToken": token, "Referer": url, "Accept": accept}
    if data is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    try:
        with urlopen(Request(url, data, headers), timeout=60) as answer:  # noqa: S310  our own address
            answer.read()
    except HTTPError as error:
        raise SystemExit(f"{url}: {error.code} {error.read()[:500].decode(errors='replace')}") from error


def fetch_unchanged(url: str, tag: str) -> None:
    """Ask as a visitor's browser does that has the page already; anything but 304 stops the run."""
    try:
        with urlopen(Request(url, headers={"If-None-Match": tag, "Accept": "*/*"}), timeout=60) as answer:  # noqa: S310  our own address
            raise SystemExit(f"{url}: {answer.status} instead of 304")
    except HTTPError as error:
        if error.code != 304:
            raise SystemExit(f"{url}: {error.code} instead of 304") from error


def median_ms(call: Callable[[], None], times: int) -> float:
    """Median time of one call after a short warming up, in milliseconds."""
    for _ in range(10):
        call()
    spent = []
    for _ in range(times):
        begin = time.perf_counter()
        call()
        spent.append((time.perf_counter() - begin) * 1000)
    return statistics.median(spent)


def cookies_of(client: Client) -> str:
    client.cookies["csrftoken"] = "c" * 32
    return "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())


def queries_of(act: Callable[[], Any]) -> int:
    with CaptureQueriesContext(connection) as captured:
        act()
    return len(captured)


def main() -> int:
    call_command("migrate", verbosity=0)
    world.build(scale=0.04)
    officer = people.officer("intake")
    project = Project.objects.order_by("-pk").first()
    city.grow(PROJECTS, officer, project.organisation)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    rows = pages(officer, project) + engine(project) + upload(project) + draw(project) + exporting.rows()
    rows += certificates.rows(project)
    rows += crowd(officer, project)
    Path("build").mkdir(exist_ok=True)
    Path("build/bench.json").write_text(json.dumps(rows, ensure_ascii=False, indent=1))
    late = [row for row in rows if (row["ratio"] if row["ratio"] is not None else row["p50_ms"]) > row["limit"]]
    for row in rows:
        ratio = "" if row["ratio"] is None else f"{row['ratio']:6.2f}x"
        print(
            f"{row['name']:<18} {row['p50_ms']:8.2f} ms {ratio:>8}  {row['queries']!s:>4} queries  limit {row['limit']}"
        )
    for row in late:
        print(f"{row['name']} 超过限值 is over its limit", file=sys.stderr)
    return 1 if late else 0


def at(state: str, project: Project, number: int) -> Application:
    """One more real case of the same unit at ``state``."""
    return case_at(state, unit=project.organisation, district=project.community.district, number=number)


def pages(officer: User, project: Project) -> list[dict[str, Any]]:
    """Our pages over HTTP, each as a ratio to the bare view of the same run."""
    review = at("review", project, 901)
    assignment = Assignment.objects.filter(application=review, state="accepted").select_related("expert__user").first()
    save = reverse("mark-save", args=[assignment.pk, "4.2.1"])
    body = b"value=9&reason=x"
    expert, reader = session_of(assignment.expert.user), session_of(officer)
    watched = Application.objects.filter(state="form_check").order_by("-pk").first()
    addresses = {
        "queue": reverse("queue"),
        "my_work": reverse("my-work"),
        "project": reverse("project", args=[watched.project_id]),
        "api_list_50": "/api/v1/applications/?page_size=50",
    }
    cookies = cookies_of(reader)
    with gunicorn("tests.bench.reference", "tests.bench.reference_settings") as reference:
        base = median_ms(lambda: fetch(reference + "/", cookies), REQUESTS * 5)
        long = median_ms(lambda: fetch(reference + "/250/", cookies), REQUESTS * 2)
    rows = [{"name": "reference", "p50_ms": base, "ratio": 1.0, "queries": 3, "limit": 1}]
    with gunicorn("portal.wsgi", "portal.settings") as portal:
        for name, address in addresses.items():
            spent = median_ms(lambda address=address: fetch(portal + address, cookies), REQUESTS)
            count = queries_of(lambda address=address: reader.get(address))
            rows.append(_row(name, spent, base, count))
        pen = cookies_of(expert)
        spent = median_ms(lambda: fetch(portal + save, pen, body, "c" * 32), REQUESTS)
        count = queries_of(lambda: expert.post(save, body, content_type="application/x-www-form-urlencoded"))
        rows.append(_row("save_mark", spent, base, count))
        rows += public(portal, base, project)
        rows += desk(portal, base, project)
        rows += panel(portal, base, long, project, reverse("scoring", args=[assignment.pk]), expert)
    return rows


def public(portal: str, base: float, project: Project) -> list[dict[str, Any]]:
    """What visitors see: a notice made anew, and pages that they have already, asked for once more."""
    notice = at("notice", project, 907).notices.get().get_absolute_url()
    visitor = Client(headers={"host": "127.0.0.1"})
    rows = [_row(
        "public_notice", median_ms(lambda: fetch(portal + notice, ""), REQUESTS), base, queries_of(lambda: visitor.get(notice))
    )]  # fmt: skip
    for name, address in (("public_notice_cached", notice), ("public_home_cached", reverse("home"))):
        with urlopen(portal + address, timeout=60) as answer:  # noqa: S310  our own address
            tag = answer.headers["ETag"]
        spent = median_ms(lambda address=address, tag=tag: fetch_unchanged(portal + address, tag), REQUESTS)
        known = visitor.get(address)["ETag"]
        count = queries_of(lambda address=address, known=known: visitor.get(address, headers={"if-none-match": known}))
        rows.append(_row(name, spent, base, count))
    return rows


def crowd(officer: User, project: Project) -> list[dict[str, Any]]:
    """The officers' desk as the city grows tenfold: the queue against its own time before, the searches against the bare view."""
    reader, supervisor = session_of(officer), session_of(people.officer("supervisor"))
    queue, times = reverse("queue"), max(REQUESTS // 4, 10)
    with gunicorn("tests.bench.reference", "tests.bench.reference_settings") as reference:
        base = median_ms(lambda: fetch(reference + "/", cookies_of(reader)), REQUESTS * 2)
    with gunicorn("portal.wsgi", "portal.settings") as portal:
        pen = cookies_of(reader)
        reader.get(queue)  # what is kept in memory for good is read now
        before, asked = median_ms(lambda: fetch(portal + queue, pen), times), queries_of(lambda: reader.get(queue))
        seen = shown_to_the_public(portal, times)
        city.grow(CROWD - PROJECTS, officer, project.organisation, PROJECTS)
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")  # what the database does by itself in quiet minutes
        rows = directory_rows(portal, times, base, seen)
        count = queries_of(lambda: reader.get(queue))
        if count != asked:
            raise SystemExit(f"the queue asks {asked} queries of few cases and {count} of many")
        rows += [_row("queue_100000", median_ms(lambda: fetch(portal + queue, pen), times), before, count)]
        pen = cookies_of(supervisor)
        for name, words in SEARCHED.items():
            address = f"{queue}?{urlencode({'show': 'all', 'q': words})}"
            spent = median_ms(lambda address=address: fetch(portal + address, pen), times)
            rows.append(_row(name, spent, base, queries_of(lambda address=address: supervisor.get(address))))
        rows += statistics_of_all(portal, base, supervisor, times)
    return rows


def statistics_of_all(portal: str, base: float, supervisor: Client, times: int) -> list[dict[str, Any]]:
    """The nightly count of the whole city, and the statistics page as the public and as a supervisor see it."""
    figures.live_through()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    night = {"p50_ms": figures.night() * 1000, "ratio": None, "queries": None}
    pen = {True: cookies_of(supervisor), False: ""}
    pages = figures.pages(
        supervisor, lambda address, own: median_ms(lambda: fetch(portal + address, pen[own]), times), queries_of
    )
    rows = [_row(name, spent, base, count) for name, spent, count in pages]
    return [*rows, {"name": "statistics_night", **night, "limit": MILLISECONDS["statistics_night"]}]


CERTIFIED = 1000  # certified communities before the crowd
PUBLIC = {
    "directory_100000": "/directory/", "directory_district_100000": "/directory/?district=500112&level=三星级&page=2",
    "map_100000": "/directory/map/",
}  # fmt: skip


def shown_to_the_public(portal: str, times: int) -> dict[str, float]:
    """The directory and the map with a thousand certified communities: name -> milliseconds."""
    city.certify(CERTIFIED)
    return {
        name: median_ms(lambda path=path: fetch(portal + quote(path, "/?=&"), ""), times)
        for name, path in PUBLIC.items()
    }


def directory_rows(portal: str, times: int, base: float, seen: dict[str, float]) -> list[dict[str, Any]]:
    """The same with as many certified communities as the crowd has, each as a ratio to its own time before."""
    city.certify(CROWD - CERTIFIED, CERTIFIED)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    visitor = Client(headers={"host": "127.0.0.1"})
    rows = []
    for name, path in PUBLIC.items():
        spent = median_ms(lambda path=path: fetch(portal + quote(path, "/?=&"), ""), times)
        rows.append(_row(name, spent, seen[name], queries_of(lambda path=path: visitor.get(path))))
    with urlopen(portal + PUBLIC["directory_100000"], timeout=60) as answer:  # noqa: S310  our own address
        tag = answer.headers["ETag"]
    spent = median_ms(lambda: fetch_unchanged(portal + PUBLIC["directory_100000"], tag), times)
    known = visitor.get(PUBLIC["directory_100000"])["ETag"]
    count = queries_of(lambda: visitor.get(PUBLIC["directory_100000"], headers={"if-none-match": known}))
    return [*rows, _row("directory_cached", spent, base, count)]


def panel(portal: str, base: float, long: float, project: Project, room: str, expert: Client) -> list[dict[str, Any]]:
    """The scoring room as it opens, and the table of a whole panel, against a bare page of 250 rows (``long``)."""
    Programme.objects.filter(pk=project.programme_id).update(panel_size=PANEL)
    table = reverse("panel", args=[at("deliberation", project, 905).pk])
    organiser = session_of(people.officer("organiser"))
    pen, desk = cookies_of(expert), cookies_of(organiser)
    spent = {
        "scoring_room": median_ms(lambda: fetch(portal + room, pen), REQUESTS),
        "panel_table": median_ms(lambda: fetch(portal + table, desk), REQUESTS),
    }
    return [
        _row("scoring_room", spent["scoring_room"], base, queries_of(lambda: expert.get(room))),
        _row("panel_table", spent["panel_table"], long, queries_of(lambda: organiser.get(table))),
    ]


def desk(portal: str, base: float, project: Project) -> list[dict[str, Any]]:
    """The applicant's desk at its fullest: the self-assessment with 300 proofs, and one autosave of it."""
    draft = at("draft", project, 904)
    city.crowd(draft, PROOFS)
    writer = session_of(people.applicant_of(draft.project))
    pen = cookies_of(writer)
    page, save = reverse("application-items", args=[draft.pk]), reverse("claim-save", args=[draft.pk, "4.2.1"])
    words = numbers()

    def body() -> bytes:
        """Never the same twice: a save that changes nothing writes nothing."""
        return f"value=9&note={next(words)}".encode()

    def type_on() -> None:
        fetch(portal + save, pen, body(), "c" * 32, accept="application/json")

    form = "application/x-www-form-urlencoded"
    spent = {
        "self_assessment": median_ms(lambda: fetch(portal + page, pen), REQUESTS),
        "autosave": median_ms(type_on, REQUESTS),
    }
    queries = {
        "self_assessment": queries_of(lambda: writer.get(page)),
        "autosave": queries_of(
            lambda: writer.post(save, body(), content_type=form, headers={"accept": "application/json"})
        ),
    }
    return [_row(name, spent[name], base, queries[name]) for name in spent]


def _row(name: str, spent: float, base: float, queries: int) -> dict[str, Any]:
    return {"name": name, "p50_ms": spent, "ratio": spent / base, "queries": queries, "limit": LIMITS[name]}


def upload(project: Project) -> list[dict[str, Any]]:
    """A gigabyte of drawings into a draft of the project's unit."""
    draft = at("draft", project, 903)
    cookies = cookies_of(session_of(people.applicant_of(draft.project)))
    return uploading.rows(gunicorn, cookies, draft.pk)


def draw(project: Project) -> list[dict[str, Any]]:
    """A panel from 2,000 experts with 20,000 facts, from the reading of the pool to the last seat."""
    waiting = at("drawing", project, 906)
    pool.fill(waiting)
    spent = median_ms(lambda: pool.draw(waiting), 20)
    queries, limit = queries_of(lambda: pool.draw(waiting)), MILLISECONDS["draw_2000"]
    return [{"name": "draw_2000", "p50_ms": spent, "ratio": None, "queries": queries, "limit": limit}]


def engine(project: Project) -> list[dict[str, Any]]:
    """The engine and the certificate, in milliseconds."""
    done = at("certified", project, 902)
    certificate, result = done.certificate, done.results.get()
    standard = certificate.application.standard
    sheets = [scoring.Sheet(sheet["scorer"], sheet["leader"], sheet["marks"]) for sheet in result.sheets]
    stage = certificate.application.stage
    # Every other item without a mark, the rest as an expert gave them: all three levels are still to be reached.
    half = {item.code: sheets[0].marks[item.code] for item in standard.items(stage)[::2]}
    timings = {
        "evaluate_5x95": median_ms(lambda: scoring.evaluate(standard, stage, sheets), 50),
        "forecast": median_ms(lambda: scoring.forecast(standard, stage, half), 50),
        "certificate_pdf": median_ms(lambda: printing.certificate_pdf(certificate), 30),
    }
    return [
        {"name": name, "p50_ms": spent, "ratio": None, "queries": None, "limit": MILLISECONDS[name]}
        for name, spent in timings.items()
    ]


if __name__ == "__main__":
    settings.ALLOWED_HOSTS.append("127.0.0.1")
    sys.exit(main())
