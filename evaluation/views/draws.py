"""The draw: how two persons start it, what it waits for, the panel, and its receipt as a file and on paper.

Hides: that a person binds themselves by a secret given to the portal or by a hash alone, and that receipts are read by
those who run the draw before the public may.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from evaluation import disclosing, drawing, substituting, suspecting
from evaluation.models import Application, Draw, PublicNotice
from evaluation.permissions import can
from evaluation.views.acting import PageActForm, act_forms, acted
from evaluation.views.framing import fetch
from evaluation.workflow import APPLICATION, VACANCY
from experts import draw as lots
from experts.models import Expert, Field
from experts.permissions import can_expert
from portal.forms import SecretInput, act_links
from portal.machine import NotAllowed
from portal.models import User

ACTS = (
    "propose_draw", "cosign_draw", "reveal_secret", "enter_public_value", "return_draw", "give_up_draw", "redraw",
)  # fmt: skip
BINDING_ACTS = ("propose_draw", "cosign_draw")


def _fetch(request: HttpRequest, pk: int) -> Application:
    application = fetch(request, pk)
    if not can(request.user, "see_draw", application):
        raise NotAllowed("see_draw")
    return application


class HiddenSecret(SecretInput):
    """A secret that the browser makes; without a script it stays empty, and the portal makes one."""

    input_type = "hidden"


class BindingForm(PageActForm):
    """How a party binds itself: the portal keeps the secret, or the person does and tells its hash."""

    keeping = forms.ChoiceField(
        label=_("密值由谁保管"),
        choices=(("portal", _("交本系统保管，抽取前对任何人不可见")), ("self", _("自己保管，双方承诺后由本人揭示"))),
        widget=forms.RadioSelect,
        initial="portal",
        required=False,
    )

    def __init__(self, transition: Any, obj: Any, by: User, data: Any = None) -> None:
        super().__init__(transition, obj, by, data)
        self.fields["secret"].widget = HiddenSecret()
        self.fields["secret_hash"].help_text = _(
            "选择自己保管时填写：密值为 32 个随机字节的十六进制（64 位小写），此处填它的 SHA-256。"
        )
        self.order_fields(["keeping", "secret", "secret_hash"])

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("keeping") == "self" and not data.get("secret_hash"):
            self.add_error("secret_hash", _("请填写密值的摘要，或改为交本系统保管。"))
        return data

    def said(self) -> dict[str, Any]:
        part = "secret_hash" if self.cleaned_data["keeping"] == "self" else "secret"
        return {part: self.cleaned_data[part]}


def _forms(request: HttpRequest, application: Application, draw: Draw | None) -> dict[str, Any]:
    """The acts of this person on this page; who is bound by no hash has nothing to reveal."""
    found: dict[str, Any] = act_forms(request, APPLICATION, application, ACTS)
    sent = request.POST.get("action") if request.method == "POST" else None
    for action in set(BINDING_ACTS) & set(found):
        data = request.POST if sent == action else None
        found[action] = BindingForm(found[action].transition, application, request.user, data)
    if draw and "reveal_secret" in found and drawing.party_of(draw, request.user) not in drawing.missing(draw):
        del found["reveal_secret"]
    if draw and "enter_public_value" in found:
        found["enter_public_value"].fields["public_value"].label = draw.frozen["rules"]["public_source"]
    return found


@login_required
def draw(request: HttpRequest, pk: int) -> HttpResponse:
    """Fields and seats, who is excluded and why, the start by two persons; afterwards the panel and its receipt."""
    application = _fetch(request, pk)
    row = drawing.draw_of(application)
    acts, status = _forms(request, application, row), 200
    if request.method == "POST":
        if acted(request, APPLICATION, application, acts, ACTS):
            return redirect("draw", pk)
        application, status = _fetch(request, pk), 422
        row = drawing.draw_of(application)
    obstacles = drawing.obstacles(application) if application.state == "drawing" else []
    if obstacles and request.method != "POST":
        acts.pop("propose_draw", None)
    context = {
        "application": application,
        "draw": row,
        "acts": acts,
        "obstacles": obstacles,
        "missing": drawing.missing(row) if row else (),
        "earlier": drawing.earlier(application, row).select_related("organiser", "supervisor"),
        **_pool(application, row),
        **_suspected(request, application),
        **_drawn(application),
        **_vacant(request, application),
    }
    return render(request, "evaluation/draw.html", context, status=status)


def _pool(application: Application, row: Draw | None) -> dict[str, Any]:
    """Seats by field with how many could sit there, the rules, and everybody who is excluded, by reason."""
    standings = drawing.standings(application, row)
    names = dict(Field.objects.values_list("code", "name"))
    rules = row.frozen["rules"] if row else drawing.rules(application).document()
    drawable = [standing for standing in standings if not standing.excluded]
    seats = [
        (names.get(code, code), number, sum(code in standing.fields for standing in drawable))
        for code, number in sorted(rules["seats"].items())
    ]
    left = rules["size"] - sum(rules["seats"].values())
    if left:
        seats.append((gettext("不限专业"), left, len(drawable)))
    return {
        "seats": seats,
        "rules": disclosing.rules_in_words(rules),
        "public_source": rules["public_source"],
        "size": rules["size"],
        "pool_size": len(standings),
        "drawable_count": len(drawable),
        "excluded": list(_excluded(standings)),
    }


def _suspected(request: HttpRequest, application: Application) -> dict[str, Any]:
    """Possible conflicts on which somebody has to decide before a draw is proposed."""
    if application.state != "drawing":
        return {}
    found = suspecting.undecided(application, drawing.standings(application, None), timezone.localdate())
    return {
        "suspicions": found,
        "suspected": len({row.expert.pk for row in found}),
        "may_pin": any(can_expert(request.user, "pin_fact", row.expert) for row in found),
    }


def _excluded(standings: list[drawing.Standing]) -> Any:
    """(reason in words, experts) in the order of the reasons."""
    off = [standing.number for standing in standings if standing.excluded]
    people = {row.number: row for row in Expert.objects.filter(number__in=off).select_related("user")}
    reasons: dict[str, list[Expert]] = {}
    for standing in standings:
        if standing.excluded and standing.number in people:
            reasons.setdefault(standing.excluded, []).append(people[standing.number])
    return ((gettext(sentence), reasons[code]) for code, sentence in lots.EXCLUSIONS.items() if code in reasons)


def _drawn(application: Application) -> dict[str, Any]:
    """Everybody who was asked in this round, seat by seat, in the order in which they were asked."""
    rows = application.assignments.filter(review_round=application.review_round)
    rows = rows.select_related("expert__user", "expert__district", "vacancy__successor__expert__user")
    rows = rows.order_by("seat", "pk")
    domains = application.standard.domains
    return {"asked": [(row, domains.get(row.field, gettext("不限专业"))) for row in rows]}


def _vacant(request: HttpRequest, application: Application) -> dict[str, Any]:
    """Seats for which a worker looks for somebody, why nobody is left for others, and those where the look failed."""
    if application.state != "inviting":
        return {}
    rows = substituting.of_round(application).filter(state="waiting").select_related("assignment__expert__user")
    waiting = list(rows)
    for row in waiting:
        row.assignment.application = application
    failed = [(row, act_links(VACANCY, row, request.user)) for row in waiting if row.fault]
    return {
        "shortage": substituting.shortage(application),
        "waiting": len(waiting) - len(failed),
        "failed": failed,
    }


# --- receipts -----------------------------------------------------------------------------------------------------


def _receipt_of(application: Application, review_round: int | None) -> Draw:
    """The held draw of a round, or of the present one; 404 where none was held."""
    row = drawing.held(application, review_round)
    if row is None:
        raise Http404
    return row


def _file(draw: Draw, name: str) -> HttpResponse:
    """A receipt, byte for byte as it is verified."""
    response = HttpResponse(lots.canonical_bytes(draw.receipt), content_type="application/json")
    response["Content-Disposition"] = content_disposition_header(True, name)
    return response


@login_required
def draw_receipt(request: HttpRequest, pk: int, review_round: int | None = None) -> HttpResponse:
    """The receipt as the one file that can be verified, for those who run the draw; the public finds it at the notice."""
    application = _fetch(request, pk)
    row = _receipt_of(application, review_round)
    return _file(row, f"receipt-{application.project.number}-{application.stage}-{row.review_round}.json")


def _in_words(row: Draw) -> dict[str, Any]:
    return {
        "draw": row,
        "receipt": row.receipt,
        "rules": disclosing.rules_in_words(row.frozen["rules"]),
        "excluded": disclosing.exclusions_in_words(row),
        "pool_size": len(row.frozen["candidates"]),
        "turns": list(disclosing.turns(row)),
    }


@login_required
def draw_receipt_page(request: HttpRequest, pk: int, review_round: int | None = None) -> HttpResponse:
    """The receipt in words, to be printed; nobody is named."""
    application = _fetch(request, pk)
    row = _receipt_of(application, review_round)
    before = drawing.earlier(application, row).select_related("organiser", "supervisor")
    context = {"application": application, "earlier": before, **_in_words(row)}
    return render(request, "evaluation/draw_receipt.html", context)


def _announced(pk: int, review_round: int | None) -> tuple[PublicNotice, Draw, Draw]:
    """A notice, the draw of its panel, and the one that is asked for: that one, or an earlier one beside it."""
    rows = PublicNotice.objects.select_related("result", "application__project__community")
    notice = get_object_or_404(rows, pk=pk)
    own = disclosing.drawn_for(notice.result)
    if own is None:
        raise Http404
    if review_round in (None, own.review_round):
        return notice, own, own
    before = drawing.earlier(notice.application, own).filter(review_round=review_round, receipt__isnull=False)
    return notice, own, get_object_or_404(before)


def notice_receipt(request: HttpRequest, pk: int, review_round: int | None = None) -> HttpResponse:
    """The receipt behind a notice, for everybody; people stand in it under salted hashes."""
    notice, own, row = _announced(pk, review_round)
    suffix = "" if row == own else f"-{row.review_round}"
    return _file(row, f"draw-receipt-{notice.number}{suffix}.json")


def notice_receipt_page(request: HttpRequest, pk: int, review_round: int | None = None) -> HttpResponse:
    """The receipt behind a notice in words, with the panel that is announced; verified by the reader's own browser."""
    notice, own, row = _announced(pk, review_round)
    context = {
        "notice": notice,
        "opened": notice.figures.get("opened", []) if row == own else [],
        "earlier": drawing.earlier(notice.application, own) if row == own else [],
        **_in_words(row),
    }
    return render(request, "evaluation/notice_receipt.html", context)
