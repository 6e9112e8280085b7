"""Pages of one's own account: who I am, my password, my messages, my calendar, my access tokens. One's own and only that."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse, reverse_lazy
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.utils.translation import activate
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from communities import access
from communities.models import AccessToken
from portal import accounts, attempts, audit, calendar_feed, first_password, preferences
from portal.forms import add_problems
from portal.forms_account import (
    AccessTokenForm,
    DeliveryForm,
    FirstPasswordForm,
    NotificationFilter,
    OwnAccountForm,
    OwnPasswordForm,
)
from portal.models import CalendarLink, Notification
from portal.problems import Refused

PAGE = 20


@login_required
def account(request: HttpRequest) -> HttpResponse:
    """Name, e-mail, telephone, language; and the way to everything else of one's own."""
    form = OwnAccountForm(request.user, request.POST or None)
    if form.is_bound and form.is_valid():
        try:
            accounts.change_account(request.user, form.cleaned_data, form.cleaned_data["password"])
        except Refused as refused:
            add_problems(form, refused.problems)
        else:
            activate(request.user.language)
            messages.success(request, _("账号信息已保存。"))
            response = redirect("account")
            response.set_cookie(settings.LANGUAGE_COOKIE_NAME, request.user.language, samesite="Lax")
            return response
    return render(request, "portal/account.html", {"form": form}, status=422 if form.is_bound else 200)


class PasswordChange(auth_views.PasswordChangeView):
    """Another password; what was got with the old one ends: other browsers, and tokens given for it."""

    template_name = "portal/password.html"
    form_class = OwnPasswordForm
    success_url = reverse_lazy("account")

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        audit.record(self.request.user, "user.password", by=self.request.user)
        access.end_those_by_password(self.request.user)
        messages.success(self.request, _("密码已修改，其他浏览器上的登录已退出。"))
        return response

    def form_invalid(self, form: Any) -> HttpResponse:
        return self.render_to_response(self.get_context_data(form=form), status=422)


@never_cache
@sensitive_post_parameters("new_password1", "new_password2")
def first_password_link(request: HttpRequest, who: str, token: str) -> HttpResponse:
    """Set the first password of an account that was made for a person. GET changes nothing; POST does, once."""
    counted = attempts.take(attempts.links(), attempts.address_of(request))
    person = first_password.person_at(who, token)
    if person is None:
        return render(request, "portal/first_password.html", {"person": None}, status=404)
    attempts.give_back(counted)
    form = FirstPasswordForm(person, request.POST or None)
    if form.is_bound and form.is_valid():
        try:
            first_password.set_password(person, form.cleaned_data["new_password1"])
        except Refused as refused:
            add_problems(form, refused.problems)
        else:
            messages.success(request, _("密码已设置，请用账号“%(name)s”登录。") % {"name": person.username})
            return redirect("sign-in")
    context = {"person": person, "form": form}
    return render(request, "portal/first_password.html", context, status=422 if form.is_bound else 200)


# --- messages -----------------------------------------------------------------------------------------------------


@login_required
def notifications(request: HttpRequest) -> HttpResponse:
    """My messages, newest first, filtered by kind and by whether I have read them."""
    form = NotificationFilter(request.GET)
    rows = Notification.objects.shown_to(request.user).order_by("-created_at", "-pk")
    wanted = form.cleaned_data if form.is_valid() else {}
    if wanted.get("show") == "unread":
        rows = rows.filter(read_at=None)
    if wanted.get("kind"):
        rows = rows.filter(kind=wanted["kind"])
    context = {
        "form": form,
        "narrowed": any(wanted.values()),
        "rows": Paginator(rows, PAGE).get_page(request.GET.get("page")),
    }
    return render(request, "portal/notifications.html", context)


@login_required
def notification_open(request: HttpRequest, pk: int) -> HttpResponse:
    """Go to the thing that a message is about; the message has been read then."""
    row = get_object_or_404(Notification.objects.shown_to(request.user), pk=pk)
    Notification.objects.unread_by(request.user).filter(pk=row.pk).update(read_at=timezone.now())
    return HttpResponseRedirect(row.link or reverse("notifications"))


@login_required
@require_POST
def notification_read(request: HttpRequest) -> HttpResponse:
    """Mark one message read, or all of them where none is named; back to the list as it was filtered."""
    rows, named = Notification.objects.unread_by(request.user), request.POST.get("notification", "")
    if named:
        rows = rows.filter(pk=int(named)) if named.isdecimal() and len(named) < 19 else rows.none()
    rows.update(read_at=timezone.now())
    query = request.POST.get("query", "")
    return HttpResponseRedirect(reverse("notifications") + (f"?{query}" if query else ""))


@login_required
def notification_settings(request: HttpRequest) -> HttpResponse:
    """Which e-mails I get, and when."""
    form = DeliveryForm(preferences.chosen_by(request.user), request.POST or None)
    if form.is_bound and form.is_valid():
        preferences.choose(request.user, form.cleaned_data)
        messages.success(request, _("通知设置已保存。"))
        return redirect("notification-settings")
    context = {"form": form, "hour": settings.DIGEST_HOUR}
    return render(request, "portal/notification_settings.html", context, status=422 if form.is_bound else 200)


# --- calendar -----------------------------------------------------------------------------------------------------


@never_cache
@login_required
def calendar_link(request: HttpRequest) -> HttpResponse:
    """The private address of my calendar: made or renewed by POST, and shown in that answer only."""
    address = ""
    if request.method == "POST":
        secret = calendar_feed.open_link(request.user)
        address = settings.SITE_URL + reverse("calendar-feed", args=[secret])
    context = {"address": address, "link": CalendarLink.objects.filter(user=request.user).first()}
    return render(request, "portal/calendar_link.html", context)


@login_required
@require_POST
def calendar_link_end(request: HttpRequest) -> HttpResponse:
    """End the private address at once."""
    calendar_feed.close_link(request.user)
    messages.success(request, _("日历链接已撤销，原地址不再可用。"))
    return redirect("calendar-link")


@require_safe
def calendar_feed_file(request: HttpRequest, secret: str) -> HttpResponseBase:
    """The calendar itself, for a program that knows the address. Guesses and reading too often are answered by 429."""
    per_hour = settings.CALENDAR_PER_HOUR
    reader = calendar_feed.reader_of(secret)
    if reader is None:
        attempts.take(attempts.Allowance("calendar_guess", per_hour, 60), attempts.address_of(request))
        raise Http404
    attempts.take(attempts.Allowance("calendar", per_hour, 60), str(reader.pk))
    body = calendar_feed.calendar_of(reader)
    response = HttpResponse(body, content_type=calendar_feed.CONTENT_TYPE)
    response["ETag"] = etag = f'"{sha256(body).hexdigest()}"'
    response["Cache-Control"] = "private, no-cache"
    response["X-Robots-Tag"] = "noindex"
    return get_conditional_response(request, etag=etag, response=response) or response


# --- access tokens ------------------------------------------------------------------------------------------------


@never_cache
@login_required
def access_tokens(request: HttpRequest) -> HttpResponse:
    """My access tokens; a new one is made by POST, and its secret is shown in that answer only."""
    form, made, secret = AccessTokenForm(request.user, request.POST or None), None, ""
    if form.is_bound and form.is_valid():
        try:
            made, secret = access.create(request.user, **form.cleaned_data)
        except Refused as refused:
            add_problems(form, refused.problems)
        else:
            form = AccessTokenForm(request.user)
    rows = AccessToken.objects.filter(user=request.user).select_related("organisation").order_by("-created_at", "-pk")
    context = {
        "form": form,
        "made": made,
        "secret": secret,
        "now": timezone.now(),
        "scopes": access.SCOPES,
        "rows": Paginator(rows, PAGE).get_page(request.GET.get("page")),
    }
    return render(request, "portal/access_tokens.html", context, status=422 if form.is_bound else 200)


@login_required
@require_POST
def access_token_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """End one of my tokens at once."""
    token = get_object_or_404(AccessToken, pk=pk, user=request.user)
    access.revoke(request.user, token)
    messages.success(request, _("令牌“%(name)s”已撤销，立即失效。") % {"name": token.name})
    return redirect("access-tokens")
