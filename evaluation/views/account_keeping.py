"""Pages of accounts, for the system administrator: the list, making one, one account with what may be done to it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop
from django.views.decorators.http import require_POST

from communities.models import Officer
from evaluation import account_keeping, appointing
from evaluation.views.appointing import asked, basis_field
from evaluation.views.hub import require
from portal import attempts, first_password
from portal.forms import add_problems
from portal.models import User
from portal.problems import Refused

PAGE = 30


class AccountForm(forms.Form):
    """A new account. What is legal is decided in ``account_keeping``."""

    required_css_class = "required"
    username = asked(forms.CharField(
        label=gettext_lazy("用户名"), max_length=150, help_text=gettext_lazy("登录用，建立后不能更改；字母、数字和 @ . + - _。")
    ))  # fmt: skip
    name = asked(forms.CharField(label=gettext_lazy("姓名"), max_length=100))
    email = asked(forms.CharField(
        label=gettext_lazy("电子邮箱"), max_length=254, widget=forms.EmailInput,
        help_text=gettext_lazy("设置密码的链接发到这里；请用本人的单位邮箱。"),
    ))  # fmt: skip
    basis = basis_field(gettext_lazy("任命文号、申请单等；写入留痕。"))


class BasisForm(forms.Form):
    """Why something is done to an account."""

    required_css_class = "required"
    basis = basis_field(gettext_lazy("任免文号、申请单等；写入留痕。"))


# act -> (button, what is said before it, what is said after it)
ACTS = {
    "deactivate": (
        gettext_noop("停用账号"), gettext_noop("立即退出所有浏览器和程序，不能再登录；已办理的事项和职责记录保留。"),
        gettext_noop("账号已停用。"),
    ),
    "reactivate": (gettext_noop("启用账号"), gettext_noop("可以用原来的密码登录。"), gettext_noop("账号已启用。")),
    "unlock": (
        gettext_noop("解除登录限制"), gettext_noop("多次输错密码后可以立即重试；密码不变。"), gettext_noop("登录限制已解除。"),
    ),
    "reset": (
        gettext_noop("作废密码并发送链接"),
        gettext_noop("原密码立即失效，所有登录退出；本人由邮件中的一次性链接另设密码，您不会知道新密码。"),
        gettext_noop("原密码已作废，设置密码的链接已发到本人邮箱。"),
    ),
}  # fmt: skip


@login_required
def accounts(request: HttpRequest) -> HttpResponse:
    """Every account, by user name."""
    require(request, "keep_accounts")
    text = request.GET.get("q", "")[:60]
    page = Paginator(account_keeping.accounts(text), PAGE).get_page(request.GET.get("page"))
    return render(request, "evaluation/settings/accounts.html", {"page": page, "text": text})


@login_required
def account_new(request: HttpRequest) -> HttpResponse:
    """Make an account; it may sign in and nothing more until a duty is given or a unit invites it."""
    require(request, "keep_accounts")
    form = AccountForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            user = account_keeping.open_account(request.user, **form.cleaned_data)
        except Refused as refused:
            add_problems(form, refused.problems)
        else:
            messages.success(
                request, _("账号“%(name)s”已建立，设置密码的链接已发到本人邮箱。") % {"name": user.username}
            )
            return redirect("account-kept", user.pk)
    status = 422 if request.method == "POST" else 200
    return render(request, "evaluation/settings/account_new.html", {"form": form}, status=status)


@login_required
def account_kept(request: HttpRequest, pk: int) -> HttpResponse:
    """One account: how it stands and what may be done to it."""
    require(request, "keep_accounts")
    return _page(request, get_object_or_404(User, pk=pk))


def _page(request: HttpRequest, person: User, failed: tuple[str, BasisForm] | None = None) -> HttpResponse:
    active, awaited = person.is_active, first_password.is_awaited(person)
    open_acts = ["unlock", "reset", "deactivate"] if active else ["reactivate"]
    forms_of = {act: BasisForm(auto_id=f"id_{act}_%s") for act in open_acts}
    if failed is not None:
        forms_of[failed[0]] = failed[1]
    context: dict[str, Any] = {
        "person": person, "own": person.pk == request.user.pk, "awaited": awaited,
        "locked": attempts.is_locked(person.username),
        "acts": [(act, *(_(words) for words in ACTS[act][:2]), forms_of[act]) for act in forms_of],
        "held": Officer.objects.on(timezone.localdate()).filter(user=person).select_related("district"),
        "history": Paginator(appointing.history_of(person), PAGE).get_page(request.GET.get("page")),
    }  # fmt: skip
    return render(request, "evaluation/settings/account.html", context, status=422 if failed else 200)


@login_required
@require_POST
def account_act(request: HttpRequest, pk: int, act: str) -> HttpResponse:
    """Do one thing to an account, on a basis."""
    require(request, "keep_accounts")
    person = get_object_or_404(User, pk=pk)
    if act not in ACTS:
        raise Http404
    form = BasisForm(request.POST, auto_id=f"id_{act}_%s")
    if form.is_valid():
        try:
            do(request.user, person, act, form.cleaned_data["basis"])
        except Refused as refused:
            add_problems(form, refused.problems)
        except attempts.TooMany as many:
            add_problems(form, [many.problem])
        else:
            messages.success(request, _(ACTS[act][2]))
            return redirect("account-kept", pk)
    return _page(request, person, (act, form))


def do(by: User, person: User, act: str, basis: str) -> None:
    """One of ``ACTS`` by its name."""
    if act in ("deactivate", "reactivate"):
        account_keeping.set_active(by, person, act == "reactivate", basis)
    elif act == "unlock":
        account_keeping.unlock(by, person, basis)
    else:
        account_keeping.reset_password(by, person, basis)
