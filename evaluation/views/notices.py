"""Documents of the form check as files: the correction notice, sent or as it would be, and every numbered notice."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import gettext

from evaluation import findings, issuing
from evaluation.permissions import can
from evaluation.views.framing import whole
from evaluation.workflow import APPLICATION
from portal import files
from portal.machine import NotAllowed


@login_required
def issued_notice(request: HttpRequest, pk: int) -> HttpResponseBase:
    """One numbered document as it was issued."""
    row = issuing.notice_for(request.user, pk)
    name, kind = issuing.file_name(row), "application/pdf"
    return files.send(row.file, name=name, content_type=kind, inline=True, request=request, sha256=row.sha256)


@login_required
def correction_notice(request: HttpRequest, pk: int) -> HttpResponse:
    """The notice of one round as PDF. What has not been sent yet is for officers; what was sent, for the parties too."""
    application = get_object_or_404(APPLICATION.visible_to(request.user), pk=pk)
    number = whole(request.GET.get("round")) or application.correction_round + 1
    right = "see_history" if 1 <= number <= application.correction_round else "see_findings"
    if not can(request.user, right, application):
        raise NotAllowed(right)
    if number == application.correction_round + 1 and not findings.unsent(application).exists():
        raise Http404
    if not 1 <= number <= application.correction_round + 1:
        raise Http404
    content = findings.correction_notice(application, number, timezone.localdate())
    name = gettext("一次性告知书") + f"-{application.project.number}-{number}.pdf"
    response = HttpResponse(content, content_type="application/pdf")
    response["Content-Disposition"] = content_disposition_header(False, name)
    return response
