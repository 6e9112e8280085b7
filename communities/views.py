"""Pages of accounts, organisations, members and communities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Q
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from communities import members, registration, sheets
from communities.forms import AccountForm, CommunityForm, LicenceForm, MemberForm, OrganisationFilter, OrganisationForm
from communities.models import Community, Licence, Membership, Organisation
from communities.permissions import can, city_duties, communities_visible_to, memberships_of, visible_to
from communities.workflow import ORGANISATION
from portal import files
from portal.forms import act_links, add_problems
from portal.machine import NotAllowed
from portal.models import Event
from portal.problems import Refused

PAGE = 20


def register(request: HttpRequest) -> HttpResponse:
    """Make an account and sign in with it."""
    if request.user.is_authenticated:
        return redirect("my-work")
    form = AccountForm(request.POST or None)

    def keep() -> None:
        values = form.cleaned_data
        user = registration.open_account(values["username"], values["name"], values["email"], values["password1"])
        login(request, user)

    if tried(form, keep):
        messages.success(request, _("账号已注册，您已登录。下一步：登记您的单位。"))
        return redirect("organisations")
    return page(request, "communities/register.html", form)


def tried(form: BaseForm, keep: Callable[[], Any]) -> bool:
    """Do ``keep`` with what a filled-in form holds; what refuses it stands beside the fields. True when it was done."""
    if not form.is_bound or not form.is_valid():
        return False
    try:
        keep()
    except Refused as refused:
        add_problems(form, refused.problems)
        return False
    return True


def page(request: HttpRequest, template: str, form: BaseForm, **context: Any) -> HttpResponse:
    """The page of one form: 422 where what was sent stands corrected in it."""
    return render(request, template, {"form": form, **context}, status=422 if form.is_bound else 200)


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
    context = {"rows": Paginator(rows, PAGE).get_page(request.GET.get("page")), "form": form if looks_at_all else None}
    return render(request, "communities/organisations.html", context)


@login_required
def organisation_new(request: HttpRequest) -> HttpResponse:
    """Begin the registration of a unit."""
    form = OrganisationForm(request.POST or None)
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
    request: HttpRequest, obj: Organisation, licence: LicenceForm | None = None, member: MemberForm | None = None
) -> HttpResponse:
    """The unit's page, also where one of its two small forms was refused."""
    user = request.user
    context = {
        "organisation": obj,
        "acts": act_links(ORGANISATION, obj, user),
        "may_edit": can(user, "edit", obj),
        "may_manage_members": can(user, "manage_members", obj),
        "may_end": can(user, "end_membership", obj),
        "may_register": can(user, "register_community", obj),
        "licence_form": licence or LicenceForm(),
        "member_form": member or MemberForm(),
        "licences": obj.licences.order_by("-pk"),
        "memberships": obj.memberships.select_related("user").order_by("until", "pk"),
        "communities": obj.communities.select_related("district").order_by("pk"),
        "events": Event.objects.of(obj).reverse(),
    }
    return render(request, "communities/organisation.html", context, status=422 if licence or member else 200)


@login_required
def organisation_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Change what a unit says of itself, before it is handed in."""
    obj = permitted(request, pk, "edit")
    form = OrganisationForm(request.POST or None, instance=obj)
    if tried(form, lambda: registration.change_organisation(request.user, obj, form.cleaned_data)):
        messages.success(request, _("单位信息已保存。"))
        return redirect(obj)
    return page(request, "communities/organisation_form.html", form, organisation=obj)


def permitted(request: HttpRequest, pk: int, right: str) -> Organisation:
    """The unit, if it is visible (else 404) and ``right`` holds (else 403)."""
    obj = get_object_or_404(visible_to(request.user), pk=pk)
    if not can(request.user, right, obj):
        raise NotAllowed(right)
    return obj


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
@require_POST
def member_new(request: HttpRequest, pk: int) -> HttpResponse:
    """Let an existing account act for the unit."""
    obj = permitted(request, pk, "manage_members")
    form = MemberForm(request.POST)
    if tried(form, lambda: members.add_member(request.user, obj, **form.cleaned_data)):
        messages.success(request, _("已增加成员。"))
        return redirect(obj)
    return organisation_page(request, obj, member=form)


@login_required
@require_POST
def member_end(request: HttpRequest, pk: int) -> HttpResponse:
    """Somebody leaves the unit."""
    rows = Membership.objects.filter(organisation__in=visible_to(request.user))
    membership = get_object_or_404(rows.select_related("organisation", "user"), pk=pk)
    try:
        members.end_membership(request.user, membership)
    except Refused as refused:
        for problem in refused.problems:
            messages.error(request, problem.text(_))
        return redirect(membership.organisation)
    messages.success(request, _("成员已退出，访问权限即时终止。"))
    return redirect("organisations" if membership.user_id == request.user.pk else membership.organisation)


@login_required
def community_new(request: HttpRequest, pk: int) -> HttpResponse:
    """Register a community of the unit."""
    obj = permitted(request, pk, "register_community")
    form = CommunityForm(request.POST or None)
    made: list[Community] = []
    if tried(form, lambda: made.append(sheets.register_community(request.user, obj, form.cleaned_data))):
        messages.success(request, _("小区已登记。"))
        return redirect(made[0])
    return community_form(request, form, organisation=obj)


def community_form(request: HttpRequest, form: CommunityForm, **context: Any) -> HttpResponse:
    """The form; where a namesake was pointed out, with the question whether this is another community."""
    if form.is_bound and "name" in form.errors:
        form.ask_whether_another()
    return page(request, "communities/community_form.html", form, **context)


@login_required
def community(request: HttpRequest, pk: int) -> HttpResponse:
    """One community with its projects and history."""
    rows = communities_visible_to(request.user).select_related("district", "organisation")
    obj = get_object_or_404(rows, pk=pk)
    projects = obj.projects.select_related("programme", "standard").order_by("-pk")
    if obj.organisation_id not in memberships_of(request.user):
        # Officers see a case once it was handed in.
        projects = projects.filter(applications__version__gt=0).distinct()
    context = {
        "community": obj,
        "projects": projects,
        "may_edit": can(request.user, "register_community", obj.organisation) and sheets.open_fields(obj),
        "may_apply": can(request.user, "register_community", obj.organisation),
        "events": Event.objects.of(obj).reverse(),
    }
    return render(request, "communities/community.html", context)


@login_required
def community_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Change what no case leans on yet."""
    rows = communities_visible_to(request.user).select_related("organisation", "district")
    obj = get_object_or_404(rows, pk=pk)
    if not can(request.user, "register_community", obj.organisation):
        raise NotAllowed("register_community")
    free = sheets.open_fields(obj)
    form = CommunityForm(request.POST or None, instance=obj, free=free)
    if tried(form, lambda: sheets.change_community(request.user, obj, form.cleaned_data)):
        messages.success(request, _("小区信息已保存。"))
        return redirect(obj)
    return community_form(request, form, community=obj, organisation=obj.organisation, free=free)
