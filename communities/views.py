"""Pages of accounts, organisations, members and communities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.core import signing
from django.core.paginator import Paginator
from django.db.models import Q
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import content_disposition_header, url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from communities import changes, importing, inviting, members, registration, sheets, wording
from communities.forms import (
    AccountForm,
    ChangeForm,
    CommunityFileForm,
    CommunityForm,
    ContactForm,
    InvitationForm,
    LicenceForm,
    OrganisationFilter,
    OrganisationForm,
    RoleForm,
    RowsForm,
)
from communities.models import Community, Invitation, Licence, Membership, Organisation, OrganisationChange
from communities.permissions import (
    can,
    city_duties,
    communities_visible_to,
    invitations_managed_by,
    memberships_of,
    visible_to,
)
from communities.workflow import ORGANISATION, ORGANISATION_CHANGE
from portal import attempts, files, kept
from portal.forms import act_links, add_problems
from portal.machine import NotAllowed
from portal.models import Event
from portal.problems import Refused

PAGE = 20
Rows = TypeVar("Rows", bound=RowsForm)


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


def next_of(request: HttpRequest) -> str:
    """Where the person wanted to go, if it is a page of ours; else ""."""
    target = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    return target if safe else ""


def refilled(request: HttpRequest, form: Rows) -> Rows:
    """The form with what was typed into it before the session ended."""
    found = kept.typed(request)
    if found is not None:
        form.refill(found)
        words = _("刚才登录已过期，内容没有保存；已为您填回，请核对后保存。")
        if form.is_multipart():
            words = _("刚才登录已过期，内容没有保存；已为您填回，请核对后保存。选过的文件须重新选择。")
        messages.warning(request, words)
    return form


def tried(form: BaseForm, keep: Callable[[], Any]) -> bool:
    """Do ``keep`` with what a filled-in form holds; what refuses it stands beside the fields. True when it was done."""
    if not form.is_bound or not form.is_valid():
        return False
    try:
        keep()
    except Refused as refused:
        if isinstance(form, CommunityForm):
            form.ask(refused.problems)
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


# --- members and invitations ------------------------------------------------------------------------------------------


@login_required
@require_POST
def invitation_new(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask somebody to act for the unit."""
    obj = permitted(request, pk, "manage_members")
    form = InvitationForm(request.POST)
    if tried(form, lambda: inviting.invite(request.user, obj, **form.cleaned_data)):
        messages.success(request, _("邀请已发出，对方接受后即成为单位成员。对方没有收到的，请核对用户名或电子邮箱。"))
        return redirect(obj)
    return organisation_page(request, obj, invitation=form)


@login_required
@require_POST
def invitation_resend(request: HttpRequest, pk: int) -> HttpResponse:
    """Send an unanswered invitation again; its old link ends."""
    return _with_invitation(request, pk, inviting.resend, _("邀请已重新发送，原来的链接失效。"))


@login_required
@require_POST
def invitation_withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    """Take an unanswered invitation back."""
    return _with_invitation(request, pk, inviting.withdraw, _("邀请已撤回，链接失效。"))


def _with_invitation(request: HttpRequest, pk: int, act: Callable[[Any, Invitation], None], done: str) -> HttpResponse:
    rows = invitations_managed_by(request.user).select_related("organisation", "invitee", "invited_by")
    invitation = get_object_or_404(rows, pk=pk)
    told(request, lambda: act(request.user, invitation), done)
    return redirect(invitation.organisation)


def told(request: HttpRequest, act: Callable[[], Any], done: str) -> bool:
    """Do ``act`` and say so on the next page, or why not. True when it was done."""
    try:
        act()
    except Refused as refused:
        for problem in refused.problems:
            messages.error(request, problem.text(_))
        return False
    messages.success(request, done)
    return True


def invitation(request: HttpRequest, key: str) -> HttpResponse:
    """Where an invitation is answered. Whoever is not signed in is told what it is and how to go on."""
    if key.isdecimal() and not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path())
    row = inviting.invitation_at(request.user, key)
    if row is None:
        return render(request, "communities/invitation.html", {"invitation": None}, status=404)
    if request.method == "POST" and request.user.is_authenticated:
        if request.POST.get("answer") == "decline":
            if told(request, lambda: inviting.decline(request.user, row), _("您已谢绝邀请。")):
                return redirect("my-work")
        elif told(request, lambda: inviting.accept(request.user, row), _("您已成为该单位的成员。")):
            return redirect(row.organisation)
        return redirect("invitation", key)
    context = {
        "invitation": row,
        "last_day": inviting.last_day(row),
        "sentences": [problem.text(_) for problem in inviting.problems_of(request.user, row)],
        "next": request.get_full_path(),
    }
    return render(request, "communities/invitation.html", context)


def fetch_membership(request: HttpRequest, pk: int) -> Membership:
    rows = Membership.objects.filter(organisation__in=visible_to(request.user))
    return get_object_or_404(rows.select_related("organisation", "user"), pk=pk)


@login_required
@require_POST
def member_role(request: HttpRequest, pk: int) -> HttpResponse:
    """Make a member an administrator or the other way round."""
    membership = fetch_membership(request, pk)
    form = RoleForm(request.POST)
    role = form.cleaned_data["role"] if form.is_valid() else ""
    told(request, lambda: members.change_role(request.user, membership, role), _("成员角色已变更。"))
    return redirect(membership.organisation)


@login_required
@require_POST
def member_end(request: HttpRequest, pk: int) -> HttpResponse:
    """Somebody leaves the unit."""
    membership = fetch_membership(request, pk)
    done = told(request, lambda: members.end_membership(request.user, membership), _("成员已退出，访问权限即时终止。"))
    left = done and membership.user_id == request.user.pk
    return redirect("organisations" if left else membership.organisation)


@login_required
def community_new(request: HttpRequest, pk: int) -> HttpResponse:
    """Register a community of the unit."""
    obj = permitted(request, pk, "register_community")
    form = refilled(request, CommunityForm(request.POST or None))
    made: list[Community] = []
    if tried(form, lambda: made.append(sheets.register_community(request.user, obj, form.cleaned_data))):
        messages.success(request, _("小区已登记。"))
        return redirect(made[0])
    return page(request, "communities/community_form.html", form, organisation=obj)


KEPT_SECONDS = 24 * 3600  # as long as a table that was looked at can be imported
SALT = "communities.import"


@login_required
def community_import(request: HttpRequest, pk: int) -> HttpResponse:
    """Many communities from a workbook: first looked at whole, then, as it was seen, imported."""
    obj = permitted(request, pk, "register_community")
    if "table" in request.POST:
        return community_import_confirmed(request, obj)
    form = CommunityFileForm(request.POST or None, request.FILES or None)
    read: list[importing.Table] = []

    def look() -> None:
        table = importing.read(form.cleaned_data["file"])
        importing.check(request.user, obj, table)
        read.append(table)

    if not tried(form, look):
        return page(request, "communities/community_import.html", form, organisation=obj, most=importing.MOST_ROWS)
    kept = signing.dumps([obj.pk, read[0].as_json()], salt=SALT, compress=True)
    context = {"organisation": obj, "rows": importing.shown(read[0]), "kept": kept}
    return render(request, "communities/community_import_preview.html", context)


def community_import_confirmed(request: HttpRequest, obj: Organisation) -> HttpResponse:
    """Import the table that was looked at. It is judged again: the register may have changed meanwhile."""
    form = CommunityFileForm({}, {})
    form.errors.clear()  # that no file came is no fault here
    try:
        unit, kept = signing.loads(request.POST["table"], salt=SALT, max_age=KEPT_SECONDS)
        if unit != obj.pk:
            raise signing.BadSignature
        made = importing.import_communities(request.user, obj, importing.Table.from_json(kept))
    except signing.BadSignature:
        form.add_error(None, _("预览已过期，请重新上传表格。"))
    except Refused as refused:
        add_problems(form, refused.problems)
    else:
        words = ngettext("已导入 %(n)s 个小区。", "已导入 %(n)s 个小区。", len(made)) % {"n": len(made)}
        messages.success(request, words)
        return redirect(obj)
    return page(request, "communities/community_import.html", form, organisation=obj, most=importing.MOST_ROWS)


@login_required
def community_template(request: HttpRequest) -> HttpResponse:
    """The empty workbook of the import."""
    name = _("小区导入模板") + ".xlsx"
    response = HttpResponse(importing.template(), content_type=files.KINDS["xlsx"].types[".xlsx"])
    response["Content-Disposition"] = content_disposition_header(True, name) or ""
    return response


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
        "sheet": wording.sheet(obj),
        "unsaid": wording.unsaid(obj),
        "events": wording.told(Event.objects.of(obj).reverse()),
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
    form = refilled(request, CommunityForm(request.POST or None, instance=obj, free=free))
    if tried(form, lambda: sheets.change_community(request.user, obj, form.cleaned_data)):
        messages.success(request, _("小区信息已保存。"))
        return redirect(obj)
    context = {"community": obj, "organisation": obj.organisation, "free": free}
    return page(request, "communities/community_form.html", form, **context)
