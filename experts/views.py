"""The expert pool as officers see it."""

from __future__ import annotations

from django import forms
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from experts import pool
from experts.models import Field
from portal.machine import NotAllowed

PAGE_SIZE = 50


class PoolFilter(forms.Form):
    """Words and a field."""

    q = forms.CharField(label=_("姓名、编号或工作单位"), max_length=60, required=False)
    field = forms.ChoiceField(label=_("专业"), required=False)

    def __init__(self, data: object) -> None:
        super().__init__(data)
        self.fields["field"].choices = [("", _("全部")), *Field.objects.values_list("code", "name")]


@login_required
def experts(request: HttpRequest) -> HttpResponse:
    """The pool, searched and page by page."""
    if not pool.may_see_pool(request.user):
        raise NotAllowed("experts")
    form = PoolFilter(request.GET)
    form.is_valid()
    today = timezone.localdate()
    asked = form.cleaned_data
    rows = pool.search(today, asked.get("q", ""), asked.get("field", ""))
    context = {
        "form": form,
        "page": Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page")),
        "contacts": pool.may_see_contacts(request.user),
        "narrowed": bool(asked.get("q") or asked.get("field")),
        "today": today,
    }
    return render(request, "experts/experts.html", context)
