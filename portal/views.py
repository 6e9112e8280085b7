"""The shell's own pages: home, my work, messages, and the one page through which every act of every machine is done."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_POST
from django.views.i18n import set_language

from evaluation import directory
from evaluation.beginning import next_steps
from evaluation.models import Certificate, PublicNotice
from evaluation.work_pages import MyWork
from experts.models import Call
from portal import conditional
from portal.forms import ActForm, add_problems, done_words
from portal.machine import MACHINES, NotAllowed, Transition, digest_of
from portal.models import User
from portal.problems import Refused

YEAR = 365 * 24 * 3600


@conditional.public
def home(request: HttpRequest) -> HttpResponse:
    """What the public sees first: running notices, the newest certificates, how many there are of each level."""
    today = timezone.localdate()
    certified = Certificate.objects.in_force(today)
    counted = directory.cells(today)
    levels = directory.by_level(counted)
    context = {
        "notices": PublicNotice.objects.running(today)[:8],
        "certificates": certified.newest_first()[:8],
        "levels": levels,
        "certified_count": sum(row["count"] for row in levels),
        "calls": Call.objects.running(today)[:3],
        "district_count": len({cell.district for cell in counted}),
    }
    return render(request, "portal/home.html", context)


@login_required
def my_work(request: HttpRequest) -> HttpResponse:
    """What waits on me, by deadline: one page of it, and how much there is of each kind."""
    work = MyWork(request.user)
    page = work.get_page(request.GET.get("page"))
    steps = [] if work.count else next_steps(request.user)
    context = {"page": page, "kinds": work.kinds(), "first_steps": steps, "today": timezone.localdate()}
    return render(request, "portal/my_work.html", context)


@login_required
def act(request: HttpRequest, machine: str, pk: int, action: str) -> HttpResponse:
    """Do one act of one machine. GET shows what it asks; POST does it, or shows every problem beside its field."""
    if machine not in MACHINES:
        raise Http404
    table = MACHINES[machine]
    obj: Any = get_object_or_404(table.visible_to(request.user), pk=pk)
    found = table.find(obj, action, table.roles_of(request.user, obj))
    if found is None:
        if request.method == "POST":
            table.perform(obj, action, by=request.user)  # raises NotAllowed or Stale with its reason, and logs it
        raise NotAllowed(f"{machine}.{action}")
    transition = found[0]
    form = ActForm(transition, obj, request.user, request.POST or None if transition.asks else request.POST)
    if request.method == "POST" and form.is_valid():
        try:
            said = {**form.cleaned_data, "read": request.POST.get("read", "")}
            table.perform(obj, action, by=request.user, **said)
        except Refused as refused:
            add_problems(form, refused.problems)
        else:
            messages.success(request, done_words(transition, obj))
            return HttpResponseRedirect(where_next(request, transition, obj))
    status = 422 if request.method == "POST" else 200
    context = {"transition": transition, "obj": obj, "form": form, "machine": table}
    context["next"] = where_next(request, transition, obj)
    context |= {"read": transition.reads(obj) if transition.reads else (), "digest": digest_of(transition, obj)}
    return render(request, "portal/act.html", context, status=status)


def where_next(request: HttpRequest, transition: Transition, obj: Any) -> str:
    """Where the person came from, if it is a page of ours; else where the act shows, or the thing itself."""
    target = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    if safe:
        return target
    return transition.shown_at(obj) if transition.shown_at else obj.get_absolute_url()


def of_this_browser(view: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Ask no token of visitors, for what only how their own browser is shown pages hangs on.

    A token in every page would make every visitor's copy another one, which no cache could keep.
    """
    guarded = csrf_protect(view)

    @csrf_exempt
    @wraps(view)
    def answer(request: HttpRequest) -> HttpResponse:
        return (guarded if request.user.is_authenticated else view)(request)

    return answer


@of_this_browser
def language(request: HttpRequest) -> HttpResponse:
    """Switch the language of the pages; whoever is signed in gets their messages in it from now on."""
    response = set_language(request)
    chosen = request.POST.get("language")
    if request.method == "POST" and request.user.is_authenticated and chosen in dict(settings.LANGUAGES):
        User.objects.filter(pk=request.user.pk).update(language=chosen)
    return response


@of_this_browser
@require_POST
def care(request: HttpRequest) -> HttpResponse:
    """关怀版: large type and high contrast, remembered for a year."""
    target = request.POST.get("next", "/")
    safe = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    # Not redirect(): that would take a bare word for the name of a page.
    response = HttpResponseRedirect(target if safe else reverse("home"))
    response.set_cookie("care", "" if request.COOKIES.get("care") == "1" else "1", YEAR, samesite="Lax")
    return response


def health(request: HttpRequest) -> HttpResponse:
    """For the load balancer: this process answers and its database too."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"status": "ok"})


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "404.html", status=404)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "403.html", status=403)
