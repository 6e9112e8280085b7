"""Pages of officers: who holds which duty, giving one, one person with their duties, ending one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Prefetch, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from communities import standing_in
from communities.forms import districts
from communities.models import Officer
from evaluation import appointing, handling
from evaluation.permissions import can_city, may_see_queue
from evaluation.views.hub import require
from portal.forms import add_problems
from portal.models import User
from portal.problems import Refused

PAGE, SHOWN = 30, 20
DATE = {"type": "date"}


def day_field(label: Any, **more: Any) -> forms.DateField:
    return forms.DateField(label=label, widget=forms.DateInput(attrs=DATE, format="%Y-%m-%d"), **more)


def asked(field: forms.Field) -> forms.Field:
    """A field that must be filled in, of which the domain says so, together with everything else that is wrong."""
    field.required = field.widget.is_required = False
    field.is_asked = True  # type: ignore[attr-defined]  # read by _field.html
    return field


BASIS_HELP = gettext_lazy("文号、会议纪要等；写入留痕。")


def basis_field(help_text: Any = BASIS_HELP) -> forms.Field:
    """On what basis something is changed."""
    area = forms.Textarea(attrs={"rows": 2})
    return asked(forms.CharField(label=gettext_lazy("依据"), max_length=1000, widget=area, help_text=help_text))


class GiveForm(forms.Form):
    """A duty for a person. What is legal is decided in ``appointing``."""

    required_css_class = "required"
    user = forms.CharField(
        label=gettext_lazy("用户名"), max_length=150,
        help_text=gettext_lazy("登录用的用户名。还没有账号的，先请系统管理员建立账号。"),
    )  # fmt: skip
    duty = asked(forms.ChoiceField(label=gettext_lazy("职责")))
    districts = forms.MultipleChoiceField(
        label=gettext_lazy("区县"), required=False, widget=forms.SelectMultiple(attrs={"size": 8}),
        help_text=gettext_lazy("只有区县审核员选择；按住 Ctrl 键可以选几个。"),
    )  # fmt: skip
    since = day_field(gettext_lazy("起"))
    until = day_field(gettext_lazy("止"), required=False, help_text=gettext_lazy("最后一天；没有期限的留空。"))
    basis = basis_field(gettext_lazy("任命文号等；写入留痕。"))

    def __init__(self, data: Any = None, initial: Any = None) -> None:
        super().__init__(data, initial=initial)
        self.fields["duty"].choices = [("", _("请选择")), *Officer.Duty.choices]
        self.fields["districts"].choices = [(row.pk, f"{row.pk} {row.name}") for row in districts()]


class EndForm(forms.Form):
    """The last day of a duty."""

    required_css_class = "required"
    until = day_field(
        gettext_lazy("最后一天"), help_text=gettext_lazy("填昨天，即自今天起不再担任。已经办理的事项和留痕都保留。")
    )
    basis = basis_field(gettext_lazy("任免文号等；写入留痕。"))


@login_required
def officers(request: HttpRequest) -> HttpResponse:
    """People who hold, held or will hold a duty, by name, with those they hold."""
    require(request, "see_settings")
    today, text, duty = timezone.localdate(), request.GET.get("q", "")[:60], request.GET.get("duty", "")
    rows = Officer.objects.select_related("district").order_by("since", "pk")
    if request.GET.get("show") != "all":
        rows = rows.filter(Q(until=None) | Q(until__gte=today))
    if duty in Officer.Duty.values:
        rows = rows.filter(duty=duty)
    people = User.objects.filter(pk__in=rows.order_by().values("user")).order_by("name", "pk")
    if text:
        people = people.filter(Q(name__icontains=text) | Q(username__icontains=text))
    page = Paginator(people.prefetch_related(Prefetch("duties", rows, "held")), PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page, "text": text, "duty": duty, "all": request.GET.get("show") == "all", "today": today,
        "duties": Officer.Duty.choices, "gives": can_city(request.user, "keep_duties"),
    }  # fmt: skip
    return render(request, "evaluation/settings/officers.html", context)


@login_required
def officer_give(request: HttpRequest) -> HttpResponse:
    """Give a duty to an account."""
    require(request, "keep_duties")
    initial = {"user": request.GET.get("user", "")[:150], "since": timezone.localdate()}
    form = GiveForm(request.POST or None, initial)
    if request.method == "POST" and form.is_valid():
        try:
            rows = appointing.give(request.user, _appointment(form.cleaned_data))
        except Refused as refused:
            add_problems(form, refused.problems)
        else:
            messages.success(
                request, _("已任命%(who)s为%(duty)s。") % {"who": rows[0].user, "duty": rows[0].get_duty_display()}
            )
            return redirect("officer", rows[0].user_id)
    status = 422 if request.method == "POST" else 200
    return render(request, "evaluation/settings/officer_give.html", {"form": form}, status=status)


def _appointment(said: dict[str, Any]) -> appointing.Appointment:
    user = appointing.person_named(said["user"])
    return appointing.Appointment(
        user, said["duty"], said["since"], said["basis"], tuple(said["districts"]), said["until"]
    )


@login_required
def officer(request: HttpRequest, pk: int) -> HttpResponse:
    """One person: duties held, held before and to come, and what was done to them. Who held one stays to be seen."""
    require(request, "see_settings")
    person = get_object_or_404(User.objects.filter(duties__isnull=False).distinct(), pk=pk)
    today = timezone.localdate()
    rows = list(person.duties.select_related("district", "user").order_by("-since", "-pk"))
    keeps = can_city(request.user, "keep_duties") and person.pk != request.user.pk
    context = {
        "person": person, "today": today, "keeps": keeps, "own": person.pk == request.user.pk,
        "rows": [(row, _standing(row, today)) for row in rows], "hands": _handed_over_by(request.user),
        "history": Paginator(appointing.history_of(person), PAGE).get_page(request.GET.get("page")),
    }  # fmt: skip
    return render(request, "evaluation/settings/officer.html", context)


def _handed_over_by(user: User) -> set[int]:
    """Duties whose cases ``user`` may give to somebody else."""
    if not may_see_queue(user):
        return set()
    rows = standing_in.replaceable(user, timezone.localdate())
    return {row.pk for row in rows if row.duty in handling.DUTIES}


def _standing(row: Officer, today: Any) -> str:
    """ "now", "over" or "later"."""
    if row.until is not None and row.until < today:
        return "over"
    return "later" if row.since > today else "now"


@login_required
def officer_end(request: HttpRequest, pk: int) -> HttpResponse:
    """End one duty: first what would be left behind, then the last day."""
    require(request, "keep_duties")
    row = get_object_or_404(Officer.objects.select_related("user", "district"), pk=pk)
    today = timezone.localdate()
    form = EndForm(request.POST or None, initial={"until": row.until or today})
    if request.method == "POST" and form.is_valid():
        try:
            appointing.end(request.user, row, form.cleaned_data["until"], form.cleaned_data["basis"])
        except Refused as refused:
            add_problems(form, refused.problems)
        else:
            messages.success(
                request, _("已终止%(who)s的%(duty)s职责。") % {"who": row.user, "duty": row.get_duty_display()}
            )
            return redirect("officer", row.user_id)
    left = appointing.left_behind(row, today + timedelta(days=1)).with_case().by_deadline()
    context = {
        "row": row, "form": form, "left": left[:SHOWN], "left_count": left.count(),
    }  # fmt: skip
    status = 422 if request.method == "POST" else 200
    return render(request, "evaluation/settings/officer_end.html", context, status=status)
