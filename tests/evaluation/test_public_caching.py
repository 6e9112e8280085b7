"""Public pages are asked for again and answered 304 until something that they show has changed; nobody makes up a tag."""

import re
from datetime import timedelta
from xml.etree import ElementTree

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from communities.models import Community, District
from evaluation import notice_versions, outcome
from evaluation.models import (
    Certificate,
    IncentivePolicy,
    InspectionDraw,
    OpenDataFile,
    OpenDataSet,
    Programme,
    PublicNotice,
    PublicText,
)
from evaluation.workflow import CERTIFICATE, OBJECTION
from experts.draw import inspection
from experts.models import Call
from portal import conditional
from portal.accounts import Confirmed
from portal.models import PublicChange
from tests.evaluation import published, scenes

pytestmark = pytest.mark.django_db

ATOM = "{http://www.w3.org/2005/Atom}"
PAGES = ["home", "notices", "notice", "notice-version", "notice-feed", "certificate-check", "certificate", "directory",
         "directory-map", "public-community", "standards", "standard", "incentive-policies", "open-data", "statistics",
         "statistics-certificates", "monthly-reports", "robots",
         "inspection-receipts", "inspection-receipt", "inspection-receipt-file", "sitemap-index", "sitemap"]  # fmt: skip
# Tables that pages read and whose changes are not counted, with the reason why what is shown of them never changes alone.
SETTLED = {
    "portal_publicchange": "the counter itself",
    "portal_attempt": "who asks too often is answered 429, which has no tag",
    "evaluation_application": "behind a notice or certificate: only keys are read",
    "evaluation_project": "behind a notice or certificate: only keys are read",
    "evaluation_result": "approved before it is published",
    "evaluation_assignment": "which draw seated a panel: settled before the result",
    "evaluation_opendataset": "appears and goes with its files",
}


@pytest.fixture(scope="module", autouse=True)
def rows(django_db_setup, django_db_blocker):
    """One notice and one certificate for all tests of this module."""
    with scenes.configured(django_db_blocker):
        yield published.notice().pk, published.certificate("示例·甲小区", number=2).pk


@pytest.fixture(autouse=True)
def files_of_this_test_only(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def notice(rows):
    return PublicNotice.objects.get(pk=rows[0])


@pytest.fixture
def certificate(rows):
    return Certificate.objects.get(pk=rows[1])


def address_of(name, notice, certificate):
    arguments = {
        "notice": [notice.pk],
        "certificate": [certificate.number],
        "standard": [notice.application.project.standard_id],
        "sitemap": ["notices"],
        "notice-version": [notice.pk, 1],
        "public-community": [certificate.application.project.community_id],
    }
    if name.startswith("inspection-receipt"):
        drawn = held_draw(notice, certificate)
        arguments |= {"inspection-receipt": [drawn.pk], "inspection-receipt-file": [drawn.pk]}
    return reverse(name, args=arguments.get(name, []))


def held_draw(notice, certificate):
    """A draw of inspections with its receipt."""
    frozen = inspection.freeze([certificate.number], "smart_community/2026", 10)
    receipt = inspection.receipt(frozen, "1" * 64, "2" * 64, None)
    said = {"programme": notice.application.project.programme, "organiser": notice.application.project.created_by}
    found, _new = InspectionDraw.objects.get_or_create(
        year=2026, defaults={**said, "state": "drawn", "frozen": frozen, "receipt": receipt, "drawn_at": timezone.now()}
    )
    return found


def again(client, address, tag, **more):
    return client.get(address, headers={"if-none-match": tag, **more})


@pytest.mark.parametrize("name", PAGES)
def test_a_page_that_has_not_changed_is_answered_304_with_one_question_to_the_database(
    client, notice, certificate, name
):
    address = address_of(name, notice, certificate)
    first = client.get(address)
    with CaptureQueriesContext(connection) as asked:
        second = again(client, address, first["ETag"])
    assert (first.status_code, second.status_code, second.content, second["ETag"]) == (200, 304, b"", first["ETag"])
    assert len(asked) == 1
    assert (second["Cache-Control"], first["Cache-Control"]) == ("no-cache", "no-cache")
    for response in (first, second):
        assert {part.strip().lower() for part in response["Vary"].split(",")} >= {"cookie", "accept-language"}
        assert response.cookies == {}  # the same for every visitor


@pytest.mark.parametrize("name", PAGES)
def test_every_table_that_a_page_reads_tells_its_changes(client, notice, certificate, name):
    address = address_of(name, notice, certificate)
    with CaptureQueriesContext(connection) as asked:
        assert client.get(address).status_code == 200
    read = set(re.findall(r'(?:FROM|JOIN) "(\w+)"', " ".join(query["sql"] for query in asked.captured_queries)))
    assert read - conditional.SHOWN - set(SETTLED) == set()


# What makes a page another one, and a page that must show it.
CHANGES = {
    "a new certificate": ("directory", lambda: published.certificate("示例·乙小区", number=3)),
    "a revoked certificate": (
        "certificate",
        lambda: CERTIFICATE.perform(Certificate.objects.get(), "revoke", by=None, reason="示例", sanction="示例-1"),
    ),
    "a certificate that is superseded": ("certificate", lambda: Certificate.objects.update(state="superseded")),
    "a certificate that is taken away": ("directory", lambda: Certificate.objects.all().delete()),
    "a new notice": ("notices", lambda: published.notice("示例·丙小区", number=4)),
    "a new notice in the feed": ("notice-feed", lambda: published.notice("示例·丙小区", number=4)),
    "a notice that ends": ("notice", lambda: PublicNotice.objects.update(closed_at=timezone.now())),
    "a running notice on the first page": ("home", lambda: published.notice("示例·丙小区", number=4)),
    "a call for experts": (
        "home",
        lambda: Call.objects.create(
            number="ZJ-1", title="示例征集", opens_on=published.today(), closes_on=published.today(),
            made_by=published.user("maker"),
        ),
    ),
    "a notice that is corrected": ("notice", lambda: corrected()),
    "a notice that is corrected, in the feed": ("notice-feed", lambda: corrected()),
    "an earlier version of a notice that is corrected": ("notice-version", lambda: corrected()),
    "a reply to an objection": ("notice", lambda: replied()),
    "replies that are not published any more": ("notice", lambda: Programme.objects.update(publishes_replies=False)),
    "a district by another name": ("directory-map", lambda: District.objects.filter(pk="500112").update(name="示例区")),
    "a certificate of a community": ("public-community", lambda: Certificate.objects.update(state="superseded")),
    "another value of an incentive": ("incentive-policies", lambda: IncentivePolicy.objects.update(unit="示例")),
    "another word of the authority": ("open-data", lambda: PublicText.objects.update(text="示例新条款")),
    "a set of open data": ("open-data", lambda: whole_set()),
}  # fmt: skip


def corrected():
    by, notice = published.officer("approver"), PublicNotice.objects.get()
    read = notice_versions.newest(notice).sha256
    notice_versions.correct(by, notice, {"address": "示例新址"}, "示例", Confirmed(by.pk), read)


def replied():
    said = {"kind": "person", "name": "示例某", "identity": "示例001", "contact": "023-00000000", "text": "示例"}
    objection = outcome.file_objection(PublicNotice.objects.get(), said, [])
    OBJECTION.perform(objection, "not_take", by=published.officer("supervisor"), reason="示例")


def whole_set():
    row = OpenDataSet.objects.create(day=published.today(), made_at=timezone.now())
    OpenDataFile.objects.create(
        whole=row, name="notices.csv", dataset="notices", kind="csv", size=1, sha256="0" * 64, rows=0
    )


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_published_or_ended_is_seen_at_once(client, notice, certificate, change):
    name, act = CHANGES[change]
    address = address_of(name, notice, certificate)
    tag = client.get(address)["ETag"]
    act()
    answer = again(client, address, tag)
    assert (answer.status_code, answer["ETag"] != tag) == (200, True)


def test_what_nobody_shows_changes_no_tag(client, notice):
    tag = client.get(reverse("home"))["ETag"]
    Community.objects.update(address="示例")
    published.user("somebody")
    assert again(client, reverse("home"), tag).status_code == 304


def test_the_standing_of_a_certificate_is_asked_anew_every_day(client, certificate, monkeypatch):
    tag = client.get(certificate.get_absolute_url())["ETag"]
    tomorrow = timezone.localdate() + timedelta(days=1)
    monkeypatch.setattr(conditional.timezone, "localdate", lambda: tomorrow)
    assert again(client, certificate.get_absolute_url(), tag).status_code == 200


def test_a_new_release_makes_every_page_new(client, notice, monkeypatch):
    tag = client.get(reverse("home"))["ETag"]
    monkeypatch.setattr(conditional, "release", lambda: "another")
    assert again(client, reverse("home"), tag).status_code == 200


def test_languages_large_type_and_addresses_have_tags_of_their_own(client, notice):
    chinese = client.get(reverse("notices"))["ETag"]
    english = client.get(reverse("notices"), headers={"accept-language": "en"})["ETag"]
    searched = client.get(reverse("notices"), {"q": "云"})["ETag"]
    client.cookies["care"] = "1"
    large = client.get(reverse("notices"))["ETag"]
    assert len({chinese, english, searched, large}) == 4


def test_whoever_is_signed_in_gets_pages_of_their_own_without_a_tag(client, notice):
    address = notice.get_absolute_url()
    tag = client.get(address)["ETag"]
    client.force_login(published.officer("supervisor"))
    answer = again(client, address, tag)
    assert (answer.status_code, "ETag" in answer, "csrfmiddlewaretoken" in answer.content.decode()) == (
        200,
        False,
        True,
    )


def test_a_sentence_that_waits_to_be_shown_once_is_shown(client, notice):
    tag = client.get(reverse("home"))["ETag"]
    client.cookies["messages"] = "whatever"
    assert again(client, reverse("home"), tag).status_code == 200


@pytest.mark.parametrize(
    "address", ["/notices/999999/", "/certificates/NONE/", "/standards/999999/", "/sitemap-none.xml"]
)
@pytest.mark.parametrize("stolen", ["of another page", "*", '"guessed"', "nonsense"])
def test_what_is_not_there_is_never_unchanged(client, notice, address, stolen):
    tag = client.get(reverse("notices"))["ETag"] if stolen == "of another page" else stolen
    answer = again(client, address, tag)
    assert (answer.status_code, "ETag" in answer) == (404, False)


def test_what_is_gone_is_not_unchanged(client, certificate):
    address, tag = certificate.get_absolute_url(), client.get(certificate.get_absolute_url())["ETag"]
    Certificate.objects.filter(pk=certificate.pk).delete()
    assert again(client, address, tag).status_code == 404


@pytest.mark.parametrize("name", ["care", "set_language"])
def test_how_pages_look_is_chosen_without_a_token_by_visitors_and_with_one_by_whoever_is_signed_in(name):
    visitor, member = Client(enforce_csrf_checks=True), Client(enforce_csrf_checks=True)
    member.force_login(published.user("member"))
    said = {"language": "en", "next": "/"}
    assert [one.post(reverse(name), said).status_code for one in (visitor, member)] == [302, 403]


# --- how changes are counted --------------------------------------------------------------------------------------


def test_every_shown_table_is_counted_by_the_database(notice, certificate):
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT tbl_name FROM sqlite_master WHERE type = 'trigger' AND name LIKE '%counts'")
            expected = sorted(3 * list(conditional.SHOWN))
        else:
            cursor.execute("SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname LIKE '%\\_counts'")
            expected = sorted(conditional.SHOWN)
        assert sorted(name for (name,) in cursor.fetchall()) == expected


def test_installing_again_counts_nothing_twice(certificate):
    conditional.install()
    before = conditional.version()
    Certificate.objects.filter(pk=certificate.pk).update(level=3)
    assert conditional.version() == before + 1


def test_adding_up_keeps_the_number_and_few_rows(monkeypatch):
    monkeypatch.setattr(conditional, "MOST", 3)
    PublicChange.objects.all().delete()
    PublicChange.objects.bulk_create(PublicChange() for _place in range(5))
    assert (conditional.add_up(), conditional.version(), PublicChange.objects.count(), conditional.add_up()) == (
        5,
        5,
        1,
        0,
    )


@pytest.mark.parametrize("name", ["care", "set_language"])
@pytest.mark.parametrize(
    "target", ["https://elsewhere.example/", "//elsewhere.example/", "/\x00", "x" * 9000, "/\r\nA: b"]
)
def test_how_pages_look_leads_nowhere_else(client, name, target):
    answer = client.post(reverse(name), {"language": "en", "next": target})
    assert answer.status_code == 302
    assert "elsewhere" not in answer["Location"]


# --- what machines read -------------------------------------------------------------------------------------------


def test_the_feed_names_every_notice_under_the_portals_own_address(client, notice, settings):
    text = client.get(reverse("notice-feed"), headers={"host": "localhost"}).content.decode()
    address = settings.SITE_URL + notice.get_absolute_url()
    assert (text.count("<entry>"), f'href="{address}"' in text, f"<id>{address}</id>" in text) == (1, True, True)
    assert ("示例·云栖里小区 竣工评价结果公示" in text, "参考样本，非官方标准文本。" in text) == (True, True)
    assert [name for name in notice.figures["panel"] if name in text] == []


def test_the_notices_page_tells_readers_of_its_feed(client, notice):
    page = client.get(reverse("notices")).content.decode()
    assert re.findall(r'<link rel="alternate" type="application/atom\+xml"[^>]*href="([^"]+)"', page) == [
        "/notices/feed.atom"
    ]


def test_a_hostile_name_stays_text_in_feed_and_preview(client):
    notice = published.notice('"><script>alert(1)</script>&\x0b\x1b', number=7)
    for address in (reverse("notice-feed"), notice.get_absolute_url()):
        assert "<script>alert" not in client.get(address).content.decode()
    feed = ElementTree.fromstring(client.get(reverse("notice-feed")).content)  # noqa: S314  our own
    assert [one.text for one in feed.iter(f"{ATOM}summary") if "<script>" in one.text] == []
    assert [one.text for one in feed.iter(f"{ATOM}title")][1].startswith('"><script>alert(1)</script>& ')


def test_the_map_names_notices_standards_and_pages_but_no_certificates(client, notice, certificate, settings):
    index = client.get(reverse("sitemap-index")).content.decode()
    parts = re.findall(r"<loc>([^<]+)</loc>", index)
    found = [
        address
        for part in parts
        for address in re.findall(
            r"<loc>([^<]+)</loc>", client.get(part.removeprefix(settings.SITE_URL)).content.decode()
        )
    ]
    assert settings.SITE_URL + notice.get_absolute_url() in found
    assert [address for address in found if certificate.number in address] == []
    assert [client.get(address.removeprefix(settings.SITE_URL)).status_code for address in found] == [200] * len(found)


def test_pages_of_single_certificates_and_objections_ask_not_to_be_listed(client, notice, certificate):
    hidden = [certificate.get_absolute_url(), "/certificates/NONE/", reverse("objection-status")]
    hidden += [reverse("objection-new", args=[notice.pk])]
    listed = [notice.get_absolute_url(), *(reverse(name) for name in ("notices", "directory", "home", "open-data"))]
    mark = '<meta name="robots" content="noindex">'
    assert [mark in client.get(address).content.decode() for address in hidden + listed] == [True] * 4 + [False] * 5


def test_a_notice_describes_itself_in_the_words_of_what_was_published(client, notice):
    page = client.get(notice.get_absolute_url()).content.decode()
    said = re.search(r'<meta name="description" content="([^"]+)">', page).group(1)
    assert said.startswith("渝北区示例·云栖里小区，智慧小区竣工评价，拟定等级：二星级。公示期 ")
    assert 'property="og:title" content="示例·云栖里小区 竣工评价结果公示"' in page
