"""Who acts for a unit: asking people, answering, changing a part, leaving."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from communities import inviting, members
from communities.forms import InvitationForm, RoleForm
from communities.models import Invitation, Membership
from communities.permissions import invitations_managed_by, visible_to
from communities.views.framing import permitted, told, tried
from communities.views.organisations import organisation_page


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
