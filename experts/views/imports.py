"""An existing pool from a workbook: handing one in, looking at what it would enter, and the e-mail with which its people begin."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from communities.forms import WorkbookForm
from communities.views.framing import page, told, tried, workbook
from experts import importing
from experts.models import PoolImport
from experts.permissions import can_pool, imports_visible_to
from experts.views import profile
from experts.workflow import POOL_IMPORT
from portal import files
from portal.forms import act_links
from portal.machine import NotAllowed
from portal.models import Event

PAGE = 20
PEOPLE = 20


@login_required
def pool_imports(request: HttpRequest) -> HttpResponse:
    """Every import so far; for a keeper the template and the form to hand one in."""
    if not can_pool(request.user, "see_imports"):
        raise NotAllowed("see_imports")
    may_import = can_pool(request.user, "import_experts")
    form = WorkbookForm(request.POST or None, request.FILES or None)
    made: list[PoolImport] = []
    if request.method == "POST" and not may_import:
        raise NotAllowed("import_experts")
    if tried(form, lambda: made.append(importing.open_import(request.user, form.cleaned_data["file"]))):
        messages.success(request, _("检查通过，等待另一人放行；此前不会建立任何账号。"))
        return redirect(made[0])
    rows = imports_visible_to(request.user).select_related("uploaded_by")
    context = {
        "page": Paginator(rows, PAGE).get_page(request.GET.get("page")),
        "may_import": may_import,
        "most": importing.MOST_ROWS,
    }
    return page(request, "experts/imports.html", form, **context)


@login_required
def pool_import_template(request: HttpRequest) -> HttpResponse:
    """The workbook to be filled in."""
    if not can_pool(request.user, "see_imports"):
        raise NotAllowed("see_imports")
    return workbook(importing.template(), _("专家库导入模板"))


def fetch(request: HttpRequest, pk: int) -> PoolImport:
    """The import, if it is visible; else 404."""
    found: PoolImport = get_object_or_404(imports_visible_to(request.user).select_related("uploaded_by"), pk=pk)
    return found


@login_required
def pool_import(request: HttpRequest, pk: int) -> HttpResponse:
    """One import: what it would enter, or whom it entered, in figures and row by row."""
    row = fetch(request, pk)
    people = importing.people_in(row)
    shown = importing.entered_by(row) if row.state == "done" else importing.shown_of(people)
    context = {
        "row": row,
        "own": row.uploaded_by_id == request.user.pk,
        "counts": importing.counts_of(people),
        "page": Paginator(shown, PEOPLE).get_page(request.GET.get("page")),
        "acts": act_links(POOL_IMPORT, row, request.user),
        "events": Event.objects.of(row).reverse(),
    }
    return render(request, "experts/import.html", context)


@login_required
def pool_import_file(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The workbook as it was handed in."""
    row = fetch(request, pk)
    if not row.file:
        raise Http404
    return files.send(
        row.file, name=row.name, content_type=row.content_type, inline=False, request=request, sha256=row.sha256
    )


@login_required
@require_POST
def password_link(request: HttpRequest, number: str) -> HttpResponse:
    """Send an expert the link to set a first password again."""
    row = profile.fetch(request, number)
    told(request, lambda: importing.send_password_link(request.user, row), _("已重新发送设置密码的邮件。"))
    return redirect(row)
