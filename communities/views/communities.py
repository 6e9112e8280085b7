"""Pages of communities: one by one, or many from a workbook that is looked at whole first."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from communities import importing, sheets, wording
from communities.forms import CommunityForm, WorkbookForm
from communities.models import Community, Organisation
from communities.permissions import can, communities_visible_to, memberships_of
from communities.views.framing import page, permitted, refilled, tried, workbook
from portal.forms import add_problems
from portal.machine import NotAllowed
from portal.models import Event
from portal.problems import Refused
from portal.tables import Table

KEPT_SECONDS = 24 * 3600  # as long as a table that was looked at can be imported
SALT = "communities.import"


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


@login_required
def community_import(request: HttpRequest, pk: int) -> HttpResponse:
    """Many communities from a workbook: first looked at whole, then, as it was seen, imported."""
    obj = permitted(request, pk, "register_community")
    if "table" in request.POST:
        return community_import_confirmed(request, obj)
    form = WorkbookForm(request.POST or None, request.FILES or None)
    read: list[Table] = []

    def look() -> None:
        table = importing.LAYOUT.read(form.cleaned_data["file"])
        importing.check(request.user, obj, table)
        read.append(table)

    if not tried(form, look):
        return page(request, "communities/community_import.html", form, organisation=obj, most=importing.MOST_ROWS)
    kept = signing.dumps([obj.pk, read[0].as_json()], salt=SALT, compress=True)
    context = {"organisation": obj, "rows": read[0].shown(), "kept": kept}
    return render(request, "communities/community_import_preview.html", context)


def community_import_confirmed(request: HttpRequest, obj: Organisation) -> HttpResponse:
    """Import the table that was looked at. It is judged again: the register may have changed meanwhile."""
    form = WorkbookForm({}, {})
    form.errors.clear()  # that no file came is no fault here
    try:
        unit, kept = signing.loads(request.POST["table"], salt=SALT, max_age=KEPT_SECONDS)
        if unit != obj.pk:
            raise signing.BadSignature
        made = importing.import_communities(request.user, obj, importing.LAYOUT.kept(kept))
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
    return workbook(importing.template(), _("小区导入模板"))


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
