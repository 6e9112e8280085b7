"""The page of a panel's discussion: what the members said, newest last, and the field to say something."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from evaluation import discussing, wording
from evaluation.models import Application
from evaluation.views.framing import fetch
from portal.forms import add_problems
from portal.problems import Refused

PAGE_SIZE = 50


class MessageForm(forms.Form):
    """One message, about the case or about one item."""

    required_css_class = "required"
    item = forms.ChoiceField(label=gettext_lazy("关于"), required=False)
    text = forms.CharField(
        label=gettext_lazy("内容"),
        max_length=discussing.LONGEST,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
    )

    def __init__(self, application: Application, data: Any = None) -> None:
        super().__init__(data)
        items = [(item.code, f"{item.code} {item.name}") for item in application.standard.items(application.stage)]
        self.fields["item"].choices = [("", _("整个案卷")), *items]


@login_required
def discussion(request: HttpRequest, pk: int) -> HttpResponse:
    """The discussion of this round; without ``page`` its last page."""
    application = fetch(request, pk)
    problem = discussing.obstacle(request.user, application)
    if problem is not None:
        context = {"application": application, "sentence": problem.text(_)}
        return render(request, "evaluation/discussion_closed.html", context, status=403)
    if request.method != "POST":
        return _page(request, application)
    form = MessageForm(application, request.POST)
    if form.is_valid():
        try:
            row = discussing.post(request.user, application, form.cleaned_data["text"], form.cleaned_data["item"])
        except Refused as refused:
            add_problems(form, refused.problems)
        else:
            return redirect(f"{request.path}#message-{row.pk}")
    return _page(request, application, form, 422)


def _page(request: HttpRequest, application: Application, form: Any = None, status: int = 200) -> HttpResponse:
    pages = Paginator(discussing.messages_of(request.user, application), PAGE_SIZE)
    page = pages.get_page(request.GET.get("page") or pages.num_pages)
    writes = discussing.may_write(request.user, application)
    standard = application.standard
    context = {
        "application": application,
        "page": page,
        "rows": [(row, wording.item_title(standard, row.item_code) if row.item_code else "") for row in page],
        "form": (form or MessageForm(application)) if writes else None,
    }
    return render(request, "evaluation/discussion.html", context, status=status)


@login_required
def discussion_count(request: HttpRequest, pk: int) -> JsonResponse:
    """How many messages there are, for the page that asks now and then whether somebody said more."""
    return JsonResponse({"count": discussing.messages_of(request.user, fetch(request, pk)).count()})
