"""Pages of accounts and units: registering, the licence, how a unit is reached, changes of its identity facts."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from communities import changes, inviting, registration
from communities.forms import (
    AccountForm,
    ChangeForm,
    ContactForm,
    InvitationForm,
    LicenceForm,
    OrganisationFilter,
    OrganisationForm,
)
from communities.models import Invitation, Licence, Membership, Organisation, OrganisationChange
from communities.permissions import can, city_duties, invitations_managed_by, memberships_of, visible_to
from communities.views.framing import next_of, page, permitted, refilled, tried
from communities.workflow import ORGANISATION, ORGANISATION_CHANGE
from portal import attempts, files
from portal.forms import act_links
from portal.models import Event

PAGE = 20


def register(request: HttpRequest) -> HttpResponse:
    """Make an account and sign in with it; whoever came by an invitation goes on there."""
    if request.user.is_authenticated:
        return redirect("my-work")
    if request.method == "POST":
        attempts.take(attempts.registrations(), attempts.address_of(request))
    form = AccountForm(request.POST or None)
    following = next_of(request)

    def keep() -> None:
        values = form.cleaned_data
        user = registration.open_account(values["username"], values["name"], values["email"], values["password1"])
        login(request, user)

    if tried(form, keep):
        if following:
            messages.success(request, _("账号已注册，您已登录。"))
            return redirect(following)
        messages.success(request, _("账号已注册，您已登录。下一步：登记您的单位。"))
        return redirect("organisations")
    return page(request, "communities/register.html", form, next=following)


@login_required
def organisations(request: HttpRequest) -> HttpResponse:
    """Own units; for city officers all, found by part of a name or code and by state."""
    looks_at_all = bool(city_duties(request.user))
    form = OrganisationFilter(request.GET)
    rows = visible_to(request.user).select_related("district").order_by("-state_since", "-pk")
    if looks_at_all and form.is_valid():
        words, state = form.cleaned_data["q"].strip(), form.cleaned_data["state"]
        if words:
            rows = rows.filter(Q(name__icontains=words) | Q(credit_code__icontains=words))
        if state:
            rows = rows.filter(state=state)
    context = {
        "rows": Paginator(rows, PAGE).get_page(request.GET.get("page")),
        "form": form if looks_at_all else None,
        "roles": memberships_of(request.user),
        "invitations": inviting.waiting_for(request.user),
    }
    return render(request, "communities/organisations.html", context)


@login_required
def organisation_new(request: HttpRequest) -> HttpResponse:
    """Begin the registration of a unit."""
    form = refilled(request, OrganisationForm(request.POST or None))
    made: list[Organisation] = []
    if tried(form, lambda: made.append(registration.open_organisation(request.user, form.cleaned_data))):
        messages.success(request, _("单位信息已保存。请上传营业执照，然后提交核验。"))
        return redirect(made[0])
    return page(request, "communities/organisation_form.html", form)


@login_required
def organisation(request: HttpRequest, pk: int) -> HttpResponse:
    """One unit: data, licence, members, communities, history, what can be done."""
    return organisation_page(request, get_object_or_404(visible_to(request.user).select_related("district"), pk=pk))


def organisation_page(
    request: HttpRequest,
    obj: Organisation,
    licence: LicenceForm | None = None,
    invitation: InvitationForm | None = None,
) -> HttpResponse:
    """The unit's page, also where one of its two small forms was refused."""
    user = request.user
    context = {
        "organisation": obj,
        "acts": act_links(ORGANISATION, obj, user),
        "may_edit": can(user, "edit", obj),
        "lacking": _lacking(obj) if can(user, "edit", obj) else [],
        "may_manage_members": can(user, "manage_members", obj),
        "may_change_contact": can(user, "change_contact", obj),
        "may_propose": can(user, "propose_change", obj),
        "part": memberships_of(user).get(obj.pk, ""),
        "roles": Membership.Role.choices,
        "may_end": can(user, "end_membership", obj),
        "may_register": can(user, "register_community", obj),
        "licence_form": licence or LicenceForm(),
        "invitation_form": invitation or InvitationForm(),
        "invitations": _unanswered(user, obj),
        "changes": obj.changes.order_by("-pk"),
        "waiting": next((changes.compared(row) for row in obj.changes.filter(state="waiting")), None),
        "licences": obj.licences.in_force(),
        "memberships": obj.memberships.select_related("user").order_by("until", "pk"),
        "communities": Paginator(obj.communities.select_related("district").order_by("-pk"), PAGE).get_page(
            request.GET.get("page")
        ),
        "events": Event.objects.in_thread(obj.thread).reverse(),
    }
    return render(request, "communities/organisation.html", context, status=422 if licence or invitation else 200)


def _lacking(obj: Organisation) -> list[tuple[str, str]]:
    """What still keeps the registration from being handed in: (sentence, address of the field that mends it)."""
    addresses = {
        "undertaking": reverse("organisation-edit", args=[obj.pk]) + "#id_undertaking",
        "licence": "#id_file",
    }
    return [(problem.text(_), addresses[problem.place]) for problem in registration.lacking(obj)]


def _unanswered(user: Any, obj: Organisation) -> list[Invitation]:
    """Invitations of the unit that nobody has answered, for whoever manages its members; each knows whether it expired."""
    rows = invitations_managed_by(user).unanswered().filter(organisation=obj).select_related("invitee").order_by("-pk")
    now = timezone.now()
    found = list(rows)
    for row in found:
        row.last_day, row.has_expired = inviting.last_day(row), row.expires_at <= now
    return found


@login_required
def organisation_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Change what a unit says of itself, before it is handed in."""
    obj = permitted(request, pk, "edit")
    form = refilled(request, OrganisationForm(request.POST or None, instance=obj))
    if tried(form, lambda: registration.change_organisation(request.user, obj, form.cleaned_data)):
        messages.success(request, _("单位信息已保存。"))
        return redirect(obj)
    return page(request, "communities/organisation_form.html", form, organisation=obj)


@login_required
@require_POST
def organisation_licence(request: HttpRequest, pk: int) -> HttpResponse:
    """Hand in the licence."""
    obj = permitted(request, pk, "edit")
    form = LicenceForm(request.POST, request.FILES)
    if tried(form, lambda: registration.add_licence(request.user, obj, form.cleaned_data["file"])):
        messages.success(request, _("文件已上传。"))
        return redirect(obj)
    return organisation_page(request, obj, licence=form)


@login_required
def licence_file(request: HttpRequest, pk: int) -> HttpResponseBase:
    """A licence, for whoever sees its unit."""
    licence = get_object_or_404(Licence, pk=pk, organisation__in=visible_to(request.user))
    return files.send(
        licence.file,
        name=licence.name,
        content_type=licence.content_type,
        inline=True,
        request=request,
        sha256=licence.sha256,
    )


@login_required
def organisation_contact(request: HttpRequest, pk: int) -> HttpResponse:
    """Say anew how a verified unit is reached; holds at once."""
    obj = permitted(request, pk, "change_contact")
    form = refilled(request, ContactForm(request.POST or None, instance=obj))
    if tried(form, lambda: changes.change_contact(request.user, obj, form.cleaned_data)):
        messages.success(request, _("联系信息已更新。"))
        return redirect(obj)
    return page(request, "communities/organisation_form.html", form, organisation=obj, contact=True)


@login_required
def organisation_change_new(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask that other identity facts of a verified unit be approved."""
    obj = permitted(request, pk, "propose_change")
    form = refilled(request, ChangeForm(request.POST or None, request.FILES or None, instance=obj))
    made: list[OrganisationChange] = []

    def keep() -> None:
        made.append(changes.propose_change(request.user, obj, form.cleaned_data, form.cleaned_data["licence"]))

    if tried(form, keep):
        messages.success(request, _("变更申请已提交，等待受理员核验；核准以前仍按原信息办理。"))
        return redirect(made[0])
    waits = obj.changes.filter(state="waiting").first()
    return page(request, "communities/change_form.html", form, organisation=obj, waits=waits)


@login_required
def organisation_change(request: HttpRequest, pk: int) -> HttpResponse:
    """One change: the facts side by side, the licence, the decision."""
    change = get_object_or_404(ORGANISATION_CHANGE.visible_to(request.user), pk=pk)
    context = {
        "change": change,
        "organisation": change.organisation,
        "rows": changes.compared(change),
        "licences": change.licences.order_by("-pk"),
        "earlier": change.organisation.licences.in_force().exclude(change=change),
        "acts": act_links(ORGANISATION_CHANGE, change, request.user),
        "events": Event.objects.of(change).reverse(),
    }
    return render(request, "communities/change.html", context)
