"""Files on their way into an application, as its pages show them, and taking note of those that were refused."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from evaluation import receiving
from evaluation.models import Application
from portal import uploads
from portal.models import Upload


def coming(application: Application, purpose: str) -> list[Upload]:
    """Uploads that still come in, are looked into, or have something to say; each with ``percent`` of what has come."""
    rows = receiving.of_application(application).filter(purpose=purpose)
    shown = list(rows.filter(Q(taken_at=None) | ~Q(remarks=[])))
    for upload in shown:
        upload.percent = 100 * uploads.position(upload) // max(upload.length, 1)
    return shown


@login_required
@require_POST
def upload_dismiss(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Give an upload up, or take note of why it was refused; back to where one came from."""
    upload = get_object_or_404(Upload, pk=pk)
    if not uploads.may_manage(request.user, upload):
        raise Http404
    uploads.give_up(request.user, upload)
    page = "evidence" if upload.purpose == "evidence" else "application-documents"
    return redirect(reverse(page, args=[upload.place]))
