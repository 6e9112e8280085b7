"""The directory for everybody: the list, the map with its table, and one page of each community.

Hides: how the filter stands in the address. What it says that is not there narrows nothing, and is said beside its field.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.conf import settings
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from evaluation import city_map, directory
from evaluation.directory import Choice, Directory, Narrowing
from evaluation.views.feeds import CONTROL
from portal import conditional

PAGE = 20


class DirectoryFilter(forms.Form):
    """By district, level, programme, year and part of a name; only what occurs can be chosen."""

    q = forms.CharField(label=_("小区或单位名称"), required=False, max_length=60)
    district = forms.ChoiceField(label=_("区县"), required=False)
    level = forms.ChoiceField(label=_("等级"), required=False)
    programme = forms.ChoiceField(label=_("评价类别"), required=False)
    year = forms.ChoiceField(label=_("发证年份"), required=False)

    def __init__(self, data: Mapping[str, Any], labels: Mapping[str, Mapping[str, str]]) -> None:
        by_name = {name: code for code, name in labels["district"].items()}
        said = {name: data.get(name, "") for name in self.base_fields}
        # Addresses from before districts were told by their codes go on leading somewhere.
        super().__init__({**said, "district": by_name.get(said["district"], said["district"])})
        self.fields["year"].widget.attrs["inputmode"] = "numeric"
        for facet, known in labels.items():
            self.fields[facet].choices = [("", _("全部")), *known.items()]

    def narrowing(self) -> Narrowing:
        """What it says, as far as it is legal."""
        self.is_valid()
        said = self.cleaned_data
        return Narrowing(
            said.get("district", ""), said.get("level", ""), said.get("programme", ""), int(said.get("year") or 0),
            said.get("q", ""),
        )  # fmt: skip

    def count(self, facet: str, choices: Iterable[Choice]) -> None:
        """Write beside each choice how many there are of it."""
        said = [(row.value, row.label if row.count is None else _with_count(row)) for row in choices]
        self.fields[facet].choices = [("", _("全部")), *said]


def _with_count(row: Choice) -> str:
    return gettext("%(name)s（%(count)s）") % {"name": row.label, "count": row.count}


def _asked(request: HttpRequest, *hidden: str) -> tuple[DirectoryFilter, Directory, dict[str, Mapping[str, str]]]:
    """The form, the answer, and the names of what can be chosen; the ``hidden`` fields are not asked here."""
    day = timezone.localdate()
    everything = directory.cells(day)
    labels = {
        "district": directory.district_names(),
        "level": directory.level_names(everything),
        "programme": directory.programme_names(),
        "year": directory.years(everything),
    }
    form = DirectoryFilter({name: "" if name in hidden else value for name, value in request.GET.items()}, labels)
    found = Directory(form.narrowing(), day)
    for facet in labels:
        form.count(facet, found.choices(facet, labels[facet]))
    for name in hidden:
        del form.fields[name]
    return form, found, labels


def _query(narrowing: Narrowing, **more: str) -> str:
    """The filter as the end of an address, without what narrows nothing."""
    said = {
        "q": narrowing.words, "district": narrowing.district, "level": narrowing.level, "programme": narrowing.programme,
        "year": str(narrowing.year or ""), **more,
    }  # fmt: skip
    query = urlencode({name: value for name, value in said.items() if value})
    return f"?{query}" if query else ""


@conditional.public
def directory_list(request: HttpRequest) -> HttpResponse:
    """Certified communities: whoever holds a star certificate today."""
    form, found, _labels = _asked(request)
    context = {
        "form": form,
        "found": found,
        "rows": Paginator(found, PAGE).get_page(request.GET.get("page")),
        "map_query": _query(found.narrowing.without("district").without("words")),
        "narrowed": bool(_query(found.narrowing)),
        "most": directory.MOST,
    }
    return render(request, "evaluation/directory.html", context)


@conditional.public
def directory_map(request: HttpRequest) -> HttpResponse:
    """How many communities are certified in each district: drawn, and the same as a table."""
    form, found, labels = _asked(request, "q", "district")
    counted = found.by_district()
    levels = list(directory.level_names(found.counted))
    there = directory.districts_on(found.day)
    codes = [code for code in labels["district"] if code in counted or code in there]
    totals = {code: sum(counted.get(code, {}).values()) for code in codes}
    upper = city_map.bounds(totals.values())
    places = {
        code: {
            "code": code, "name": labels["district"][code], "short": city_map.short(labels["district"][code]),
            "count": totals[code], "words": _in_words(labels["district"][code], totals[code]),
            "levels": [counted.get(code, {}).get(level, 0) for level in levels], "shade": city_map.class_of(totals[code], upper),
            "address": reverse("directory") + _query(found.narrowing, district=code),
        }
        for code in codes
    }  # fmt: skip
    context = {
        "form": form,
        "levels": levels,
        "places": list(places.values()),
        "drawn": [(shape, places[shape.code]) for shape in city_map.city() if shape.code in places],
        "enlarged": [(shape, places[shape.code]) for shape in city_map.crowded() if shape.code in places],
        "beneath": [(shape, places[shape.code]) for shape in city_map.around_them() if shape.code in places],
        "crowded": city_map.CROWDED,
        "frame": city_map.enlarged(),
        "frame_width": city_map.ENLARGED_WIDTH,
        "width": city_map.WIDTH,
        "height": city_map.height(),
        "ranges": city_map.ranges(upper),
        "total": sum(totals.values()),
        "sums": [sum(row.get(level, 0) for row in counted.values()) for level in levels],
        "unmapped": [places[code]["name"] for code in city_map.unmapped(codes)],
        "list_query": _query(found.narrowing),
    }
    return render(request, "evaluation/directory_map.html", context)


def _in_words(name: str, count: int) -> str:
    """What is read aloud of one district."""
    said = ngettext("%(name)s：%(count)s 个获证小区", "%(name)s：%(count)s 个获证小区", count)
    return said % {"name": name, "count": count}


@conditional.public
def public_community(request: HttpRequest, pk: int) -> HttpResponse:
    """One community as notices and certificates told of it; the same 404 whether it is unknown or was never published."""
    found = directory.community_at(pk, timezone.localdate())
    if found is None:
        raise Http404
    context = {
        "community": found,
        "description": _described(found),
        "place": next((shape for shape in city_map.city() if shape.code == found.district), None),
        "drawn": city_map.city(),
        "width": city_map.WIDTH,
        "height": city_map.height(),
        "address": settings.SITE_URL + request.path,
        "today": found.day,
    }
    return render(request, "evaluation/public_community.html", context)


def _described(found: directory.PublicCommunity) -> str:
    """One sentence for search engines and previews of the address."""
    row = found.current
    said: dict[str, Any] = {"district": found.facts.get("district", ""), "name": found.name}
    if row is None:
        return CONTROL.sub("", gettext("%(district)s%(name)s的评价公示和证书。") % said)
    said |= {"level": row.level_name, "until": row.valid_until.isoformat()}
    words = (
        gettext("%(district)s%(name)s，%(level)s，证书有效期至 %(until)s。")
        if row.is_final
        else gettext("%(district)s%(name)s，设计预评 %(level)s（非最终星级），有效期至 %(until)s。")
    )
    return CONTROL.sub("", words % said)
