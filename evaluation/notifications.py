"""Who hears of what: verb -> (recipients, template). Written inside the act, sent by the workers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.urls import reverse

from communities.permissions import officers
from evaluation import answering
from evaluation.clocks import holders
from evaluation.models import Application, Assignment, Certificate, GuidanceOpinion, GuidanceVisit, Objection, Question
from portal import notify
from portal.machine import MACHINES
from portal.models import Event, User
from portal.problems import gettext_noop

Recipients = Callable[[Any], Iterable[User]]


def applicants(application: Application) -> Iterable[User]:
    organisation = application.project.organisation_id
    return User.objects.filter(memberships__organisation=organisation, memberships__until=None)


def everyone_concerned(application: Application) -> Iterable[User]:
    """The applicant, and whoever must act next."""
    return [*applicants(application), *holders(application)]


def invited(application: Application) -> Iterable[Assignment]:
    rows = application.assignments.filter(review_round=application.review_round, state="invited")
    return rows.select_related("expert__user").order_by("seat")


def panel(application: Application) -> Iterable[User]:
    rows = application.assignments.filter(review_round=application.review_round, state="accepted")
    return User.objects.filter(expert__assignments__in=rows)


def members(application: Application) -> Iterable[User]:
    """The panel once its sheets are signed."""
    rows = application.assignments.filter(review_round=application.review_round, state__in=("signed", "amending"))
    return User.objects.filter(expert__assignments__in=rows)


# What an applicant may hear of the panel's work before the result is only that it goes on.
APPLICATION: Mapping[str, tuple[Recipients, str]] = {
    "application.submit": (applicants, "received"),
    "application.checked": (holders, "waiting"),
    "application.request_correction": (applicants, "correction"),
    "application.accept": (everyone_concerned, "progress"),
    "application.refuse": (applicants, "decision"),
    "application.lapse": (everyone_concerned, "decision"),
    "application.recommend": (everyone_concerned, "progress"),
    "application.decline_recommendation": (applicants, "decision"),
    "application.propose_draw": (holders, "waiting"),
    "application.return_draw": (holders, "waiting"),
    "application.recheck_parties": (holders, "waiting"),
    "application.cosign_draw": (holders, "waiting"),
    "application.reveal_secret": (holders, "waiting"),
    "application.give_up_draw": (holders, "waiting"),
    "application.redraw": (holders, "waiting"),
    "application.convene": (panel, "waiting"),
    "application.finish_site_visit": (panel, "waiting"),
    "application.tallied": (holders, "waiting"),
    "application.give_opinion": (lambda application: [*_organiser(application), *members(application)], "waiting"),
    "application.recount": (lambda application: members(application), "progress"),
    "application.ask_revision": (applicants, "correction"),
    "application.submit_revision": (holders, "waiting"),
    "application.confirm_revision": (panel, "waiting"),
    "application.close_review": (holders, "waiting"),
    "application.approve": (applicants, "progress"),
    "application.send_back": (holders, "waiting"),
    "application.not_pass": (applicants, "decision"),
    "application.close_notice": (applicants, "progress"),
    "application.reopen": (everyone_concerned, "progress"),
    "application.certify": (applicants, "certified"),
}


def _organiser(application: Application) -> Iterable[User]:
    return User.objects.filter(pk=application.organiser_id)


def done(event: Event) -> Any:
    """The event in words, as the table of its machine says it: text that each reader sees in the own language."""
    name, action = event.verb.split(".", 1)
    rows = MACHINES[name].transitions if name in MACHINES else ()
    return next((row.done for row in rows if row.action == action), event.verb)


def tell(application: Application, event: Event) -> None:
    """Messages of an application's act."""
    recipients, template = APPLICATION.get(event.verb, (None, ""))
    if recipients is not None:
        _write(event, recipients(application), template, application, application.get_absolute_url())
    if event.verb == "application.hold_draw":
        for seat in invited(application):
            tell_invited(seat)


def tell_assignment(assignment: Assignment, event: Event) -> None:
    """The organiser hears who accepted and who did not; a substitute is invited by ``drawing.substitute``."""
    gone = ("decline", "recuse", "lapse", "replace", "exclude")
    if event.verb in {f"assignment.{action}" for action in gone}:
        application = assignment.application
        _write(event, _organiser(application), "progress", application, application.get_absolute_url())
        if "next" in event.data and not event.data["next"]:
            _tell_dry(application, event)
    if event.verb == "assignment.exclude":
        _write(event, [assignment.expert.user], "progress", assignment.application, assignment.get_absolute_url())


def _tell_dry(application: Application, event: Event) -> None:
    """Nobody is left to ask: whoever runs the draw and whoever decides on another read on its page which field lacks whom."""
    people = [*_organiser(application), *officers("supervisor")]
    words = gettext_noop("候选专家已用尽，缺哪个专业、怎样补足见专家抽取页；由监督员决定是否重新抽取")
    link = reverse("draw", args=[application.pk])
    notify.write(f"dry:{event.pk}", people, "waiting", link, subject=str(application), sentence=words, event=event)


def tell_invited(assignment: Assignment) -> None:
    """Ask one expert: in the portal, and by an e-mail whose link answers without signing in and is kept nowhere else."""
    key, user, subject = f"invitation:{assignment.pk}", assignment.expert.user, str(assignment.application)
    address = user.email if user.is_active else ""
    notify.write(key, [user], "invitation", assignment.get_absolute_url(), by_email=not address, subject=subject)
    if address:
        link, words = answering.link_of(assignment), {"subject": subject, "language": user.language}
        notify.write_to_address(f"{key}:link", address, "invitation", link, by_link=True, **words)


QUESTION: Mapping[str, tuple[Callable[[Question], Iterable[User]], str]] = {
    "question.ask": (lambda question: _organiser(question.application), "waiting"),
    "question.forward": (lambda question: applicants(question.application), "waiting"),
    "question.decline": (lambda question: [question.assignment.expert.user], "progress"),
    "question.answer": (lambda question: [question.assignment.expert.user], "progress"),
    "question.lapse": (
        lambda question: [question.assignment.expert.user, *applicants(question.application)], "progress"
    ),
}  # fmt: skip


def tell_question(question: Question, event: Event) -> None:
    """Each side hears what it has to do or what came of it; no message says who asked."""
    recipients, template = QUESTION[event.verb]
    words = gettext_noop("专家对条目提出质询，请转交申报单位或退回") if event.verb == "question.ask" else done(event)
    subject, link = str(question.application), question.get_absolute_url()
    notify.write(
        f"event:{event.pk}", recipients(question), template, link, subject=subject, sentence=words, event=event
    )


def tell_guidance(subject: GuidanceVisit | GuidanceOpinion, event: Event) -> None:
    """The applicant hears of records, the district of replies."""
    visit = subject.visit if isinstance(subject, GuidanceOpinion) else subject
    project = visit.project
    if event.verb == "guidance_opinion.reply":
        people: Iterable[User] = officers("district_officer", project.community.district_id)
    else:
        people = User.objects.filter(memberships__organisation=project.organisation_id, memberships__until=None)
    _write(event, people, "guidance", project, visit.get_absolute_url())


def tell_objection(objection: Objection, event: Event) -> None:
    """The officers who handle it hear that the case moved; the objector follows it by the receipt number."""
    if event.verb == "objection.accept":
        _write(event, officers("supervisor"), "waiting", objection.notice.application, objection.get_absolute_url())


def tell_certificate(certificate: Certificate, event: Event) -> None:
    application = certificate.application
    template = "decision" if event.verb == "certificate.revoke" else "progress"
    _write(event, applicants(application), template, application, certificate.get_absolute_url())


def _write(event: Event, people: Iterable[User], template: str, subject: Any, link: str) -> None:
    notify.write(f"event:{event.pk}", people, template, link, subject=str(subject), sentence=done(event), event=event)
