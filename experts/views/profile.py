"""One expert: standing, term, load and what the apps above tell of them; the own page is where an expert confirms."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from communities.views.framing import page, told, tried
from experts import admitting, pool, standing
from experts.forms import FieldsForm
from experts.models import Admission, Expert
from experts.permissions import admissions_visible_to, as_person, can_expert, experts_visible_to
from experts.workflow import EXPERT
from portal import first_password
from portal.forms import act_links
from portal.machine import NotAllowed
from portal.models import Event


def fetch(request: HttpRequest, number: str) -> Expert:
    """The expert with this year's load, if visible; else 404."""
    visible = experts_visible_to(request.user).values("pk")
    found: Expert = get_object_or_404(pool.search(timezone.localdate()).filter(pk__in=visible), number=number)
    return found


@login_required
def expert(request: HttpRequest, number: str) -> HttpResponse:
    """The page of one expert, for officers who see the pool and for the person."""
    row, user, today = fetch(request, number), request.user, timezone.localdate()
    own = row.user_id in as_person(user)
    sees_history = can_expert(user, "see_history", row)
    renewal = row.admissions.filter(kind=Admission.Kind.RENEWAL).open().first() if own else None
    context = {
        "expert": row,
        "own": own,
        "today": today,
        "acts": act_links(EXPERT, row, user),
        "confirmation_waits": own and standing.confirmation_waits(row, today),
        "may_renew": standing.may_ask_renewal(user, row, today),
        "renewal": renewal,
        "may_change_fields": can_expert(user, "change_fields", row),
        "may_send_link": can_expert(user, "send_password_link", row) and first_password.is_awaited(row.user),
        "contacts": can_expert(user, "see_contact", row),
        "sees_history": sees_history,
        "admissions": admissions_visible_to(user).filter(expert=row).select_related("call").order_by("-pk"),
        "parts": standing.parts_of(user, row),
        "events": Event.objects.of(row).reverse() if sees_history else (),
    }
    return render(request, "experts/expert.html", context)


@login_required
def expert_fields(request: HttpRequest, number: str) -> HttpResponse:
    """Let an expert serve in other fields."""
    row = fetch(request, number)
    if not can_expert(request.user, "change_fields", row):
        raise NotAllowed("change_fields")
    form = FieldsForm(request.POST or None, fields=row.fields.all())

    def keep() -> None:
        values: dict[str, Any] = form.cleaned_data
        standing.change_fields(request.user, row, values["fields"], values["reason"])

    if tried(form, keep):
        messages.success(request, _("专业已变更。"))
        return redirect(row)
    return page(request, "experts/fields_form.html", form, expert=row)


@login_required
@require_POST
def expert_renewal(request: HttpRequest, number: str) -> HttpResponse:
    """Begin to ask for another term."""
    row = fetch(request, number)
    made: list[Admission] = []
    words = _("续聘申请已建立。请填写履职情况、上传所在单位同意书，然后提交。")
    if told(request, lambda: made.append(admitting.open_renewal(request.user, row)), words):
        return redirect("admission-edit", made[0].pk)
    return redirect(row)
