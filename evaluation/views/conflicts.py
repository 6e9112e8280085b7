"""Pages of officers who stand back: declaring, entering for another, asking for a release, agreeing to it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from communities.models import Officer
from evaluation import conflicts as domain
from evaluation.models import OfficerConflict, Project
from evaluation.permissions import can_city, projects_visible_to
from portal.forms import add_problems
from portal.machine import NotAllowed
from portal.models import User
from portal.problems import Problem, Refused, gettext_noop

ROWS_A_PAGE = 25


class ConflictForm(forms.Form):
    """Who stands back from what and why. What is legal is decided in the domain."""

    required_css_class = "required"
    officer = forms.ModelChoiceField(User.objects.none(), label=gettext_lazy("回避人员"))
    credit_code = forms.CharField(
        label=gettext_lazy("单位的统一社会信用代码"), max_length=30, required=False,
        help_text=gettext_lazy("该单位申报或提供咨询的所有案件都回避。与案卷编号填一项。"),
    )  # fmt: skip
    number = forms.CharField(label=gettext_lazy("案卷编号"), max_length=40, required=False)
    relation = forms.CharField(
        label=gettext_lazy("回避事由"), max_length=domain.LONGEST, widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("写明是什么利害关系，例如：配偶在该单位任职；三年内曾在该单位工作。"),
    )  # fmt: skip

    def __init__(self, user: User, data: Any = None, initial: Any = None) -> None:
        super().__init__(data, initial=initial)
        if can_city(user, "enter_conflict"):
            held = Officer.objects.on(timezone.localdate()).values("user")
            self.fields["officer"].queryset = User.objects.filter(pk__in=held).order_by("name", "pk")
            self.fields["officer"].initial = user.pk
        else:
            del self.fields["officer"]


class ReasonForm(forms.Form):
    """Why somebody may be let back."""

    reason = forms.CharField(
        label=gettext_lazy("解除理由"), max_length=domain.LONGEST, required=False,
        help_text=gettext_lazy("必填；写明为什么不再需要回避，同意的人据此判断。"),
    )  # fmt: skip


def _project(user: User, number: str) -> Project | None:
    """The case with this number among those that ``user`` sees; Refused for one that is not there."""
    if not number.strip():
        return None
    row: Project | None = projects_visible_to(user).filter(number__iexact=number.strip()).first()
    if row is None:
        raise Refused([Problem("project_unknown", "number", gettext_noop("没有这个编号的案卷，或您无权查看。"))])
    return row


@login_required
def conflicts(request: HttpRequest) -> HttpResponse:
    """Who stands back from what: one's own, for the supervisor everybody's; and a form to declare or enter one."""
    user = request.user
    if not can_city(user, "declare_conflict"):
        raise NotAllowed("declare_conflict")
    form = ConflictForm(
        user, request.POST if request.method == "POST" else None, {"number": request.GET.get("case", "")}
    )
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        try:
            code, project = said["credit_code"], _project(user, said["number"])
            domain.declare(user, said.get("officer") or user, said["relation"], code=code, project=project)
        except Refused as refused:
            add_problems(form, refused.problems)
        else:
            messages.success(request, _("回避已登记，即时生效：本人不再看到有关案件。"))
            return redirect("conflicts")
    page = Paginator(domain.conflicts_for(user), ROWS_A_PAGE).get_page(request.GET.get("page"))
    context = {"form": form, "page": page, "enters": can_city(user, "enter_conflict")}
    return render(request, "evaluation/conflicts.html", context, status=422 if form.errors else 200)


@login_required
def conflict(request: HttpRequest, pk: int) -> HttpResponse:
    """One of them with its dates; asking for a release, agreeing to it or not."""
    row: OfficerConflict = get_object_or_404(domain.conflicts_for(request.user), pk=pk)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            _act(request, row, form.cleaned_data["reason"])
        except Refused as refused:
            add_problems(form, refused.problems)
            row.refresh_from_db()
        else:
            return redirect(reverse("conflict", args=[pk]))
    return render(request, "evaluation/conflict.html", {**_offered(request.user, row), "form": form, "row": row},
                  status=422 if form.errors else 200)  # fmt: skip


def _act(request: HttpRequest, row: OfficerConflict, reason: str) -> None:
    action = request.POST.get("action")
    if action == "ask":
        domain.ask_release(request.user, row, reason)
        messages.success(request, _("已提出解除，待另一人同意。"))
    elif action == "agree":
        domain.agree_release(request.user, row)
        messages.success(request, _("回避已解除。"))
    elif action == "decline":
        domain.decline_release(request.user, row)
        messages.success(request, _("未同意解除，回避仍然有效。"))
    else:
        raise NotAllowed("conflict")


def _offered(user: User, row: OfficerConflict) -> dict[str, bool]:
    """What this person may do with it now."""
    standing, asked = row.released_at is None, row.release_asked_by_id is not None
    other = domain.is_another(user, row)
    return {
        "may_ask": standing and not asked and other and can_city(user, "ask_release"),
        "may_agree": standing and asked and other and can_city(user, "agree_release"),
    }
