"""Pages of messages on their way: those that wait for a look, what became of a case's, and the e-mails that came back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from evaluation import delivery, outbox
from evaluation.models import HeldMessage
from evaluation.permissions import can, can_city, may_see_queue
from evaluation.views.acting import act_forms, acted
from evaluation.views.framing import fetch
from evaluation.workflow import HELD_MESSAGE
from portal import message_places
from portal.machine import NotAllowed
from portal.message_texts import LANGUAGES
from portal.models import Event, Notification
from portal.problems import Refused

PAGE = 30
ACTS = ("release", "reword", "cancel")


# --- waiting for a look -----------------------------------------------------------------------------------------------


@login_required
def outbox_page(request: HttpRequest) -> HttpResponse:
    """What waits, most urgent first, or what became of it; several are released at once."""
    if not may_see_queue(request.user):
        raise NotAllowed("see_outbox")
    if request.method == "POST":
        return _released(request)
    shown = "done" if request.GET.get("show") == "done" else "held"
    rows = HELD_MESSAGE.visible_to(request.user).defer("application__project__standard__document")
    rows = rows.exclude(state="held").order_by("-state_since", "-pk") if shown == "done" else (
        rows.filter(state="held").order_by("due_on", "pk")
    )  # fmt: skip
    page = Paginator(rows.annotate(receivers=_receivers()), PAGE).get_page(request.GET.get("page"))
    return render(request, "evaluation/outbox.html", {"page": page, "shown": shown})


def _receivers() -> Any:
    """How many copies a message has, counted in the same query."""
    copies = Notification.objects.filter(event=OuterRef("event"), kind=OuterRef("kind"), user__isnull=False)
    return Coalesce(Subquery(copies.order_by().values("event").annotate(n=Count("pk")).values("n")[:1]), 0)


def _released(request: HttpRequest) -> HttpResponse:
    """Release what was ticked, or everything that waits; what was not says why."""
    if "all" in request.POST:
        pks = list(HELD_MESSAGE.visible_to(request.user).filter(state="held").values_list("pk", flat=True))
    else:
        pks = [int(number) for number in request.POST.getlist("message") if number.isdecimal() and len(number) < 19]
    seen = {pk: request.POST.get(f"revision-{pk}", "") for pk in pks}
    done, left = outbox.release_each(request.user, pks, seen)
    if done:
        words = ngettext("已发出 %(n)s 条消息。", "已发出 %(n)s 条消息。", len(done)) % {"n": len(done)}
        messages.success(request, words)
    for message, why in left:
        messages.warning(request, f"{message}{_('：')}{why}")
    if not pks:
        messages.warning(request, _("请先勾选要发出的消息。"))
    return redirect("outbox")


@login_required
def held_message(request: HttpRequest, pk: int) -> HttpResponse:
    """One message as it would leave, in every language, with its receivers; releasing, rewording or cancelling it."""
    message = get_object_or_404(HELD_MESSAGE.visible_to(request.user), pk=pk)
    acts = act_forms(request, HELD_MESSAGE, message, ACTS)
    _arrange(acts)
    if request.method == "POST" and acted(request, HELD_MESSAGE, message, acts, ACTS):
        return redirect("held-message" if request.POST["action"] == "reword" else "outbox", *_back(request, pk))
    if message.is_required:
        acts.pop("cancel", None)
    read = _overtaken(request, message, acts)
    context = {
        "read": [(code, outbox.previewed(message, code, read[code])) for code in LANGUAGES] if read else [],
        "message": message,
        "texts": [(code, outbox.previewed(message, code)) for code in LANGUAGES],
        "copies": list(outbox.copies(message)[:200]),
        "forms": acts,
        "rewords": acts.pop("reword", None),
        "places": message_places.places_of(message.kind),
        "events": Event.objects.of(message),
    }
    status = 409 if read else 422 if request.method == "POST" else 200
    return render(request, "evaluation/held_message.html", context, status=status)


def _overtaken(request: HttpRequest, message: HeldMessage, acts: dict[str, Any]) -> Mapping[str, Any] | None:
    """The words that the page had shown, where they are others by now; its forms show those that stand from here on."""
    revision = request.POST.get("revision", "")
    read = outbox.words_at(message, revision) if revision else None
    for form in acts.values():
        if read and form.is_bound:
            form.data = form.data.copy()
            form.data["revision"] = str(message.revision)
    return read


def _back(request: HttpRequest, pk: int) -> list[int]:
    return [pk] if request.POST["action"] == "reword" else []


def _arrange(acts: dict[str, Any]) -> None:
    """Texts are long, and which draft was read is not for people to type."""
    for form in acts.values():
        if "revision" in form.fields:
            form.fields["revision"].widget = forms.HiddenInput()
    if "reword" in acts:
        fields = acts["reword"].fields
        for name in ("body_zh", "body_en"):
            fields[name].widget.attrs["rows"] = 12


# --- of one case ------------------------------------------------------------------------------------------------------


@login_required
def application_messages(request: HttpRequest, pk: int) -> HttpResponse:
    """Whether the applicant was reached: each message with how far its e-mail has come and when it was read."""
    application = fetch(request, pk)
    if not can(request.user, "see_deliveries", application):
        raise NotAllowed("see_deliveries")
    page = Paginator(delivery.to_applicant(application), PAGE).get_page(request.GET.get("page"))
    context = {
        "application": application,
        "page": page,
        "rows": [(row, *_standing(row)) for row in page],
        "held": HELD_MESSAGE.visible_to(request.user).filter(application=application).order_by("-pk"),
    }
    return render(request, "evaluation/application_messages.html", context)


def _standing(row: Notification) -> tuple[str, str]:
    words, lamp = delivery.STANDINGS[delivery.standing_of(row)]
    return gettext(words), lamp


# --- of all -----------------------------------------------------------------------------------------------------------


@login_required
def undelivered(request: HttpRequest) -> HttpResponse:
    """E-mails that did not arrive, with why, and the counts of the last days. The texts are nobody's business here."""
    if not can_city(request.user, "see_undelivered"):
        raise NotAllowed("see_undelivered")
    page = Paginator(delivery.undelivered(), PAGE).get_page(request.GET.get("page"))
    rows = [(row, *_standing(row), delivery.resend_problem(row)) for row in page]
    days = delivery.counts_by_day()
    return render(request, "evaluation/undelivered.html", {"page": page, "rows": rows, "days": days})


@login_required
@require_POST
def message_resend(request: HttpRequest, pk: int) -> HttpResponse:
    """Send one of them again."""
    if not can_city(request.user, "see_undelivered"):
        raise NotAllowed("see_undelivered")
    row = get_object_or_404(delivery.undelivered(), pk=pk)
    try:
        delivery.resend(request.user, row)
    except Refused as refused:
        for problem in refused.problems:
            messages.error(request, problem.text(gettext))
    else:
        messages.success(request, _("已重新发往 %(address)s。") % {"address": delivery.address_of(row)})
    return redirect("undelivered")
