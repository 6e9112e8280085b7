"""What an active unit changes of itself: how it is reached at once, who it is only once intake has approved it.

Hides: that the old facts hold while a change waits, and what else looks again once a unit has become another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from communities.models import District, Licence, Organisation, OrganisationChange
from communities.permissions import RIGHTS, officers
from communities.registration import CONTACT_FIELDS, IDENTITY_FIELDS, LICENCE_KINDS, code_taken, identity_values
from communities.writing import Values, authorise, missing, role_of, stripped, unique
from portal import audit, clock, notify
from portal.attachments import attachment_values
from portal.machine import hold
from portal.models import User
from portal.problems import Problem, Refused, gettext_noop

# Apps above look again at what hangs on who a unit is, after a change was approved.
Follow = Callable[[Organisation], None]
FOLLOWS: list[Follow] = []


def follows(function: Follow) -> Follow:
    """Register what looks again once a unit's identity has changed; a decorator for the apps above."""
    FOLLOWS.append(function)
    return function


def change_contact(by: User, organisation: Organisation, values: Values) -> None:
    """Say anew how an active unit is reached; holds at once. Raises NotAllowed, Stale, Refused."""
    authorise(by, "change_contact", organisation)
    kept = {name: stripped(values.get(name)) for name in CONTACT_FIELDS}
    if problems := [*missing(kept, CONTACT_FIELDS)]:
        raise Refused(problems)
    changed = [name for name in CONTACT_FIELDS if getattr(organisation, name) != kept[name]]
    if not changed:
        return
    with transaction.atomic():
        hold(organisation, *RIGHTS["change_contact"][1])
        Organisation.objects.filter(pk=organisation.pk).update(**kept)
        for name, value in kept.items():
            setattr(organisation, name, value)
        audit.record(organisation, "organisation.change", by=by, role=role_of(by, organisation), fields=changed)


def propose_change(by: User, organisation: Organisation, values: Values, licence: Any) -> OrganisationChange:
    """Ask intake to approve other identity facts of an active unit; until then the old ones hold.

    values: the columns of ``IDENTITY_FIELDS``, ``district`` as a row, and ``undertaking``; licence: the upload that shows
    the new facts. Raises NotAllowed, Stale, Refused.
    """
    authorise(by, "propose_change", organisation)
    kept, problems = identity_values(values, organisation)
    if not values.get("undertaking"):
        problems.append(Problem("undertaking", "undertaking", gettext_noop("请勾选真实性承诺。")))
    if not licence:
        message = gettext_noop("请上传变更后的营业执照或登记证书（PDF 或照片）。")
        problems.append(Problem("licence_missing", "licence", message))
    if problems:
        raise Refused(problems)
    columns = _licence_values(licence, by)
    with unique(_one_waits()), transaction.atomic():
        hold(organisation, *RIGHTS["propose_change"][1])
        before, after = facts(organisation), _plain(kept)
        if before == after and organisation.licences.in_force().filter(sha256=columns["sha256"]).exists():
            raise Refused(
                [Problem("nothing_changed", "", gettext_noop("所填内容与现有信息相同，没有需要核验的变更。"))]
            )
        change = OrganisationChange.objects.create(
            organisation=organisation, before=before, after=after, asked_by=by, state="waiting",
            due_on=clock.deadline("organisation_change", timezone.localdate()),
        )  # fmt: skip
        Licence.objects.create(organisation=organisation, change=change, **columns)
        event = audit.record(
            change, "organisation_change.propose", by=by, role=role_of(by, organisation), fields=changed_names(change)
        )
        notify.write(
            f"event:{event.pk}", officers("intake"), "organisation", change.get_absolute_url(),
            organisation=organisation, event=event, sentence=gettext_noop("申请了单位信息变更"),
        )  # fmt: skip
    return change


def _licence_values(licence: Any, by: User) -> dict[str, Any]:
    """Columns of the licence; what is wrong with the file is said at its own field."""
    try:
        return attachment_values(licence, LICENCE_KINDS, by)
    except Refused as refused:
        raise Refused(Problem(row.code, "licence", row.message, row.params) for row in refused.problems) from refused


def _one_waits() -> Problem:
    message = gettext_noop("已有一份变更申请在等待核验；请等待办理结果，或先撤回。")
    return Problem("change_waits", "", message)


def facts(organisation: Organisation) -> dict[str, Any]:
    """The identity facts of a unit as a change keeps them."""
    return _plain({name: getattr(organisation, name) for name in IDENTITY_FIELDS})


def _plain(kept: Mapping[str, Any]) -> dict[str, Any]:
    """Columns as JSON: a district by its code."""
    return {name: value.pk if isinstance(value, District) else value for name, value in kept.items()}


def changed_names(change: OrganisationChange) -> list[str]:
    """Columns that differ before and after."""
    return [name for name in IDENTITY_FIELDS if change.before[name] != change.after[name]]


def compared(change: OrganisationChange) -> list[tuple[str, str, str, bool]]:
    """Each identity fact as people read it: what it is, before, after, whether it changes."""
    codes = {change.before["district"], change.after["district"]}
    districts = dict(District.objects.filter(pk__in=codes).values_list("pk", "name"))
    kinds = dict(Organisation.Kind.choices)

    def words(name: str, value: Any) -> str:
        return str({"district": districts, "kind": kinds}.get(name, {}).get(value, value) or "—")

    return [
        (
            str(Organisation._meta.get_field(name).verbose_name),
            words(name, change.before[name]),
            words(name, change.after[name]),
            change.before[name] != change.after[name],
        )
        for name in IDENTITY_FIELDS
    ]


def apply(change: OrganisationChange) -> None:
    """Let the new facts hold. Inside the approving act, while the unit is held. Raises Refused where the code is taken."""
    columns = {name: value for name, value in change.after.items() if name != "district"}
    with unique(code_taken()):
        Organisation.objects.filter(pk=change.organisation_id).update(**columns, district=change.after["district"])
    change.organisation.refresh_from_db()


def follow(change: OrganisationChange) -> None:
    """Let the apps above look again at what hangs on who the unit is."""
    for function in FOLLOWS:
        function(change.organisation)
