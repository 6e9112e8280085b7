"""The life of a held message 待发消息: reworded, then released once, or cancelled where no law asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from django.db.models import F
from django.utils.translation import gettext_lazy as _

from communities.permissions import officers
from evaluation import outbox
from evaluation.barring import without_barred
from evaluation.models import Application, HeldMessage
from evaluation.permissions import held_message_roles, held_messages_visible_to
from portal import message_places
from portal.machine import Act, Ask, Machine, Transition, register
from portal.models import Event
from portal.problems import Changed, Problem, gettext_noop

RELEASERS = ("intake", "district_officer", "organiser", "approver", "supervisor")
CASE = "application__project"
WHOLE = (f"{CASE}__programme", f"{CASE}__standard", f"{CASE}__organisation", f"{CASE}__community__district", "event")
# part of a field's name -> language
WRITTEN: Mapping[str, str] = {"zh": "zh-hans", "en": "en"}


def take_application(message: HeldMessage) -> None:
    """The application first, as by every act on it; then both are read anew: its clock may begin, the words be others."""
    Application.objects.filter(pk=message.application_id).update(state_since=F("state_since"))
    message.application.refresh_from_db(fields=["state", "due_on", "paused_on"])
    message.refresh_from_db(fields=["words", "revision", "title"])


def nobody_changed_it(message: HeldMessage, act: Act) -> Iterable[Problem]:
    """Of two who word the same message the second sees what the first wrote before it is overwritten."""
    if str(act.data.get("revision")) != str(message.revision):
        raise _changed(message, gettext_noop("%(who)s刚刚改过这条消息，请看过后再改。"))
    return ()


def it_was_read(message: HeldMessage, act: Act) -> Iterable[Problem]:
    """What is released is what whoever releases it had before them; a program that does not say which takes what stands."""
    seen = str(act.data.get("revision") or "")
    if seen and seen != str(message.revision):
        raise _changed(message, gettext_noop("%(who)s刚刚改过这条消息，没有发出；请看过改后的文字再发。"))
    return ()


def _changed(message: HeldMessage, sentence: str) -> Changed:
    last = Event.objects.of(message).filter(verb="held_message.reword").last()
    current = {f"{part}_{code}": message.words[language][part] for code, language in WRITTEN.items()
               for part in ("subject", "body")}  # fmt: skip
    problem = Problem("changed", "", sentence, {"who": last.actor_name if last else ""})
    return Changed([problem], {"current": current, "revision": message.revision})


def words_are_sound(message: HeldMessage, act: Act) -> Iterator[Problem]:
    """The legal core stays: every marked place that must be in a message of this kind."""
    for code in WRITTEN:
        for problem in message_places.problems_of(message.kind, *_said(act, code)):
            yield replace(problem, place=f"{problem.place}_{code}")


def it_may_be_withheld(message: HeldMessage, act: Act) -> Iterator[Problem]:
    if message.is_required:
        yield Problem("required_notice", "", gettext_noop("依法须送达的告知不能取消，只能核对后发出。"))


def keep_words(message: HeldMessage, act: Act) -> Mapping[str, Any]:
    before = message.words
    message.words = {
        language: dict(zip(("subject", "body"), _said(act, code), strict=True)) for code, language in WRITTEN.items()
    }
    message.revision += 1
    message.title = outbox.previewed(message, "zh-hans").subject
    message.save(update_fields=["words", "revision", "title"])
    return {"before": before, "after": message.words}


def let_go(message: HeldMessage, act: Act) -> Mapping[str, Any]:
    return outbox.release(message, act.day)


def _said(act: Act, code: str) -> tuple[str, str]:
    subject, body = str(act.data.get(f"subject_{code}") or ""), str(act.data.get(f"body_{code}") or "")
    return subject.strip(), body.replace("\r\n", "\n").strip()


def _initial(part: str, language: str) -> Callable[[HeldMessage], str]:
    return lambda message: message.words[language][part]


HELD_MESSAGE = register(
    Machine(
        name="held_message",
        model=HeldMessage,
        initial="held",
        states={"held": _("待发"), "released": _("已发出"), "cancelled": _("已取消")},
        roles_of=held_message_roles,
        visible_to=lambda user: held_messages_visible_to(user).select_related(*WHOLE),
        guard=take_application,
        holders=outbox.holders,
        overseers=lambda message: without_barred(officers("supervisor"), message.application.project),
        transitions=(
            Transition(
                "release", _("核对无误，发出"), _("发出了待发消息"), ("held",), "released", RELEASERS,
                asks=(
                    Ask("revision", _("第几稿"), "line", required=False, initial=lambda message: message.revision),
                ),
                checks=(it_was_read,), effects=(let_go,), told=_("已发出：%(subject)s。"), page="held-message",
            ),
            Transition(
                "reword", _("修改文字"), _("修改了待发消息的文字"), ("held",), None, RELEASERS,
                asks=(
                    Ask("subject_zh", _("中文标题"), "line", initial=_initial("subject", "zh-hans")),
                    Ask("body_zh", _("中文正文"), initial=_initial("body", "zh-hans")),
                    Ask("subject_en", _("英文标题"), "line", initial=_initial("subject", "en")),
                    Ask("body_en", _("英文正文"), initial=_initial("body", "en")),
                    Ask("revision", _("第几稿"), "line", initial=lambda message: message.revision),
                ),
                checks=(nobody_changed_it, words_are_sound), effects=(keep_words,), page="held-message",
                told=_("文字已修改：%(subject)s。"),
            ),
            Transition(
                "cancel", _("取消，不发"), _("取消了待发消息"), ("held",), "cancelled", RELEASERS, asks=(Ask("reason", _("理由")),),
                checks=(it_may_be_withheld,), danger=True, page="held-message", told=_("已取消：%(subject)s。"),
            ),
        ),
    )
)  # fmt: skip
