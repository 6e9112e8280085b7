"""What machines read of the public pages: the feed of notices, the map of the site, and what robots may visit."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime, time
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.sitemaps import Sitemap
from django.contrib.sitemaps.views import sitemap as sitemap_part
from django.contrib.syndication.views import Feed
from django.db.models import Max, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.feedgenerator import Atom1Feed
from django.utils.html import escape
from django.utils.translation import gettext as _

from evaluation import directory
from evaluation.models import PublicNotice, Standard
from experts.models import Call
from portal import conditional

NEWEST = 50  # notices in the feed
SECTION = 5000  # addresses in one part of the map


# What XML cannot hold: a name that some program sent may have it.
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def moment(day: date) -> datetime:
    """The beginning of a day."""
    return timezone.make_aware(datetime.combine(day, time.min))


def with_corrections(rows: QuerySet[PublicNotice]) -> QuerySet[PublicNotice]:
    """Notices with when they were last corrected."""
    return rows.annotate(corrected_at=Max("versions__published_at", filter=Q(versions__version__gt=1)))


def changed_at(notice: PublicNotice) -> datetime:
    """When a notice last said something else: opened, corrected, or ended."""
    told = (moment(notice.opened_on), notice.closed_at, getattr(notice, "corrected_at", None))
    return max(when for when in told if when is not None)


class DailyAtom(Atom1Feed):
    """Atom whose day is that of the newest notice; of none it is today, since the hour would say that it changes always."""

    def latest_post_date(self) -> datetime:
        return super().latest_post_date() if self.items else moment(timezone.localdate())


class NoticeFeed(Feed):
    """公示, newest first, in the reader's language. One that ended says so and counts as changed."""

    feed_type = DailyAtom

    def title(self) -> str:
        return _("智慧小区评价结果公示")

    def subtitle(self) -> str:
        return _("智慧小区评价结果的公示，新的在前。")

    def link(self) -> str:
        return str(settings.SITE_URL + reverse("notices"))

    def feed_url(self) -> str:
        return str(settings.SITE_URL + reverse("notice-feed"))

    def items(self) -> QuerySet[PublicNotice]:
        rows: QuerySet[PublicNotice] = with_corrections(PublicNotice.objects.order_by("-opened_on", "-pk"))[:NEWEST]
        return rows

    def item_title(self, item: PublicNotice) -> str:
        return CONTROL.sub("", _("%(community)s %(stage)s结果公示") % item.figures)

    def item_description(self, item: PublicNotice) -> str:
        return str(escape(notice_in_words(item)))  # readers take a summary for HTML

    def item_link(self, item: PublicNotice) -> str:
        return str(settings.SITE_URL + item.get_absolute_url())

    def item_guid(self, item: PublicNotice) -> str:
        return self.item_link(item)

    def item_pubdate(self, item: PublicNotice) -> datetime:
        return moment(item.opened_on)

    def item_updateddate(self, item: PublicNotice) -> datetime:
        return changed_at(item)

    def item_categories(self, item: PublicNotice) -> Iterable[str]:
        return [CONTROL.sub("", str(item.figures[name])) for name in ("district", "programme")]

    def get_feed(self, obj: Any, request: HttpRequest) -> Any:
        feed = super().get_feed(obj, request)
        feed.feed["language"] = "en" if translation.get_language() == "en" else "zh-Hans"
        return feed


def notice_in_words(notice: PublicNotice) -> str:
    """What a notice says in one sentence: for feeds, search engines and previews of its address."""
    said = {**notice.figures, "from": notice.opened_on.isoformat(), "until": notice.closes_on.isoformat()}
    words = (
        _("%(district)s%(community)s，%(programme)s%(stage)s，拟定等级：%(level_name)s。公示期 %(from)s 至 %(until)s。")
        % said
    )
    if getattr(notice, "corrected_at", None):
        words += _("本公示已更正。")
    if notice.was_cut_short:
        words += _("因异议成立，本次公示已终止。")
    if notice.figures.get("standard_notice"):
        words += _(notice.figures["standard_notice"]) + _("。")
    return CONTROL.sub("", words)


@conditional.public
def notice_feed(request: HttpRequest) -> HttpResponseBase:
    """The feed of notices as Atom."""
    response: HttpResponseBase = NoticeFeed()(request)
    return response


class OwnSitemap(Sitemap):
    """Addresses under the portal's own name, however it was asked for."""

    limit = SECTION

    def get_domain(self, site: Any = None) -> str:
        return urlsplit(settings.SITE_URL).netloc

    def get_protocol(self, protocol: str | None = None) -> str:
        return urlsplit(settings.SITE_URL).scheme


class PageSitemap(OwnSitemap):
    """The pages that are always there."""

    def items(self) -> list[str]:
        return [
            "home", "notices", "directory", "directory-map", "standards", "calls", "certificate-check", "statistics",
            "monthly-reports", "open-data",
        ]  # fmt: skip

    def location(self, item: str) -> str:
        return reverse(item)


class NoticeSitemap(OwnSitemap):
    """Every notice."""

    def items(self) -> QuerySet[PublicNotice]:
        return with_corrections(PublicNotice.objects.only("pk", "opened_on", "closed_at").order_by("pk"))

    def lastmod(self, item: PublicNotice) -> datetime:
        return changed_at(item)


class StandardSitemap(OwnSitemap):
    """Every standard."""

    def items(self) -> QuerySet[Standard]:
        return Standard.objects.only("pk").order_by("pk")


class CallSitemap(OwnSitemap):
    """Every call for experts."""

    def items(self) -> QuerySet[Call]:
        rows: QuerySet[Call] = Call.objects.only("number").order_by("pk")
        return rows


class CommunitySitemap(OwnSitemap):
    """Every community that a notice or a certificate named."""

    def items(self) -> QuerySet[Any]:
        return directory.known_communities()

    def location(self, item: int) -> str:
        return reverse("public-community", args=[item])


SITEMAPS: dict[str, type[OwnSitemap]] = {
    "pages": PageSitemap, "notices": NoticeSitemap, "communities": CommunitySitemap, "standards": StandardSitemap,
    "calls": CallSitemap,
}  # fmt: skip


@conditional.public
def sitemap_index(request: HttpRequest) -> HttpResponse:
    """The parts of the map, each of so many addresses."""
    parts = []
    for section, kind in SITEMAPS.items():
        whole = settings.SITE_URL + reverse("sitemap", args=[section])
        parts += [{"location": whole if page == 1 else f"{whole}?p={page}"} for page in kind().paginator.page_range]
    return render(request, "sitemap_index.xml", {"sitemaps": parts}, content_type="application/xml")


@conditional.public
def sitemap(request: HttpRequest, section: str) -> HttpResponse:
    """One part of the map."""
    response: HttpResponse = sitemap_part(request, SITEMAPS, section)
    return response


# Nothing there is for readers of search engines; that they are not listed is said by the pages themselves (noindex).
CLOSED = ("/api/", "/act/", "/account/", "/desk/", "/queue/", "/settings/", "/work/", "/sign-in/")


@conditional.public
def robots(request: HttpRequest) -> HttpResponse:
    """Which addresses robots may visit, and where the map is."""
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in CLOSED)]
    lines += ["", f"Sitemap: {settings.SITE_URL}{reverse('sitemap-index')}", ""]
    return HttpResponse("\n".join(lines), content_type="text/plain; charset=utf-8")
