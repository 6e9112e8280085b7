"""Who hears of what: verb -> (recipients, template). Written inside the act, sent by the workers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from communities.permissions import officers
from evaluation import answering, outbox
from evaluation.barring import without_barred
from evaluation.clocks import holders
from evaluation.models import (
    Application,
    Assignment,
    Certificate,
    Objection,
    PublicNotice,
    Question,
    Vacancy,
)
from portal import notify
from portal.machine import MACHINES
from portal.models import Event, User
from portal.problems import Problem, gettext_noop

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
    "application.assign": (lambda application: [application.handler], "waiting"),
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
    "application.annul": (everyone_concerned, "decision"),
    "application.certify": (applicants, "certified"),
}


def _organiser(application: Application) -> Iterable[User]:
    return without_barred(User.objects.filter(pk=application.organiser_id), application.project)


BESIDE = {"notice.correct": _("更正了公示")}  # acts that move no state


def done(event: Event) -> Any:
    """The event in words, as the table of its machine says it: text that each reader sees in the own language."""
    return done_by(event.verb)


def done_by(verb: str) -> Any:
    """The same of any act, by its verb."""
    name, action = verb.split(".", 1)
    rows = MACHINES[name].transitions if name in MACHINES else ()
    return next((row.done for row in rows if row.action == action), BESIDE.get(verb, verb))


def tell(application: Application, event: Event) -> None:
    """Messages of an application's act."""
    recipients, template = APPLICATION.get(event.verb, (None, ""))
    if event.data.get("untold"):
        return
    if recipients is not None:
        link = application.get_absolute_url()
        _write(event, recipients(application), template, application, link, of=application)
    if event.verb == "application.hold_draw":
        for seat in invited(application):
            tell_invited(seat)


def tell_assignment(assignment: Assignment, event: Event) -> None:
    """The organiser hears who gave up a seat; whom the system took off hears so too, once asked."""
    gone = ("decline", "recuse", "lapse", "replace", "exclude", "release")
    if event.verb in {f"assignment.{action}" for action in gone}:
        application = assignment.application
        _write(event, _organiser(application), "progress", application, application.get_absolute_url())
    if event.verb in ("assignment.exclude", "assignment.release") and not event.data.get("unasked"):
        _write(event, [assignment.expert.user], "progress", assignment.application, assignment.get_absolute_url())


def tell_vacancy(vacancy: Vacancy, event: Event) -> None:
    """Nobody is left to ask: whoever runs the draw and whoever decides on another read which field lacks whom."""
    if event.verb != "vacancy.run_dry":
        return
    application = vacancy.assignment.application
    people = without_barred([*_organiser(application), *officers("supervisor")], application.project)
    words = gettext_noop("一个席位按抽取顺序已无人可递补，由监督员决定是否重新抽取")
    link = reverse("draw", args=[application.pk])
    details = [Problem.from_record(record) for record in vacancy.problems]
    told = {"subject": str(application), "sentence": words, "details": details, "event": event}
    notify.write(f"dry:{event.pk}", people, "waiting", link, **told)


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


def tell_objection(objection: Objection, event: Event) -> None:
    """The officers who handle it hear that the case moved; the objector follows it by the receipt number."""
    if event.verb == "objection.accept":
        application = objection.notice.application
        people = without_barred(officers("supervisor"), application.project)
        _write(event, people, "waiting", application, objection.get_absolute_url())


def tell_correction(notice: PublicNotice, event: Event) -> None:
    """The unit hears that what was published of its community was corrected."""
    application = notice.application
    _write(event, applicants(application), "progress", application, notice.get_absolute_url(), of=application)


def tell_certificate(certificate: Certificate, event: Event) -> None:
    application = certificate.application
    template = "decision" if event.verb == "certificate.revoke" else "progress"
    _write(event, applicants(application), template, application, certificate.get_absolute_url(), of=application)


def _write(
    event: Event, people: Iterable[User], template: str, subject: Any, link: str, of: Application | None = None
) -> None:
    """of: the application by whose programme the message may have to wait for a look; None never waits."""
    words: dict[str, Any] = {"subject": str(subject), "sentence": done(event)}
    if template == "correction" and of is not None:
        words["due_on"] = of.due_on
    if of is not None and outbox.is_held(of, event.verb):
        outbox.hold(of, event, people, template, link, **words)
    else:
        notify.write(f"event:{event.pk}", people, template, link, **words, event=event)
