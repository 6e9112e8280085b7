"""What people write about themselves: accounts, and organisations with their licence.

Hides: what each must say, and what is told about a code that is taken.
Pages and API call the same functions: they authorise, refuse with every problem at once, write and leave an event.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from communities import credit_code
from communities.models import Licence, Membership, Organisation
from communities.permissions import RIGHTS, is_limited
from communities.writing import Values, authorise, missing, role_of, stripped, unique
from portal import audit, clock
from portal.attachments import attachment_values
from portal.machine import NotAllowed, hold
from portal.models import User
from portal.problems import Problem, Refused, gettext_noop

LICENCE_KINDS = ("pdf", "jpg")
DRAFT_STEP = "registration_draft"  # the limit within which a registration that was begun is handed in
# What a licence shows and intake has verified; an active unit changes it through ``communities.changes``.
IDENTITY_FIELDS = ("credit_code", "name", "kind", "district", "address")
CONTACT_FIELDS = ("contact", "phone")
ORGANISATION_FIELDS = (*IDENTITY_FIELDS, *CONTACT_FIELDS, "undertaking")


# --- accounts -----------------------------------------------------------------------------------------------------


def open_account(username: str, name: str, email: str, password: str) -> User:
    """Make an account that may sign in and nothing more; raises Refused where the name is taken meanwhile."""
    try:
        with transaction.atomic():
            user = User.objects.create_user(username, email, password, name=name.strip())
            audit.record(user, "user.register", by=user, role="public")
    except IntegrityError as error:
        message = gettext_noop("该用户名已被使用，请换一个。")
        raise Refused([Problem("username_taken", "username", message)]) from error
    return user


# --- organisations ------------------------------------------------------------------------------------------------


def open_organisation(by: User, values: Values) -> Organisation:
    """Begin the registration of a unit; whoever begins it becomes its administrator. Raises NotAllowed, Refused.

    values: the columns of ``ORGANISATION_FIELDS``, ``district`` as a row. A code that is registered already is said to
    be so, and nothing about whose it is.
    """
    if not by.is_authenticated or not by.is_active or is_limited(by):
        raise NotAllowed("open_organisation")
    kept = _organisation_values(values, None)
    with unique(code_taken()), transaction.atomic():
        due_on = clock.deadline(DRAFT_STEP, timezone.localdate())
        organisation = Organisation.objects.create(state="draft", due_on=due_on, **kept)
        Membership.objects.create(
            user=by, organisation=organisation, role=Membership.Role.ADMINISTRATOR, since=timezone.localdate()
        )
        by.__dict__.pop("_memberships", None)
        audit.record(organisation, "organisation.open", by=by, role="administrator", credit_code=kept["credit_code"])
    return organisation


def change_organisation(by: User, organisation: Organisation, values: Values) -> None:
    """Change what a unit says of itself, before it is handed in. Raises NotAllowed, Stale, Refused."""
    authorise(by, "edit", organisation)
    kept = _organisation_values(values, organisation)
    changed = [name for name in ORGANISATION_FIELDS if getattr(organisation, name) != kept[name]]
    if not changed:
        return
    with unique(code_taken()), transaction.atomic():
        hold(organisation, *RIGHTS["edit"][1])
        Organisation.objects.filter(pk=organisation.pk).update(**kept)
        for name, value in kept.items():
            setattr(organisation, name, value)
        audit.record(organisation, "organisation.change", by=by, role=role_of(by, organisation), fields=changed)


def _organisation_values(values: Values, organisation: Organisation | None) -> dict[str, Any]:
    """Cleaned columns; Refused with everything that is wrong."""
    kept, problems = identity_values(values, organisation)
    kept |= {name: stripped(values.get(name)) for name in CONTACT_FIELDS}
    kept["undertaking"] = bool(values.get("undertaking"))
    problems += missing(kept, CONTACT_FIELDS)
    if problems:
        raise Refused(problems)
    return kept


def identity_values(values: Values, organisation: Organisation | None) -> tuple[dict[str, Any], list[Problem]]:
    """Cleaned columns of ``IDENTITY_FIELDS``, and all that is wrong with them for this (or a new) organisation."""
    kept = {name: stripped(values.get(name)) for name in IDENTITY_FIELDS}
    kept["credit_code"] = credit_code.normalise(kept["credit_code"] or "")
    problems = [*missing(kept, ("name", "district", "address"))]
    if kept["kind"] not in Organisation.Kind.values:
        problems.append(Problem("kind", "kind", gettext_noop("请选择单位类型。")))
    problems += code_problems(kept["credit_code"], organisation)
    return kept, problems


def code_problems(code: str, organisation: Organisation | None) -> Iterator[Problem]:
    """Why this credit code cannot be that of this (or a new) organisation. A lapsed registration holds no code."""
    others = Organisation.objects.filter(credit_code=code).exclude(pk=organisation and organisation.pk)
    if problem := credit_code.problem_of(code):
        yield problem
    elif others.exclude(state="lapsed").exists():
        yield code_taken()


def code_taken() -> Problem:
    message = gettext_noop(
        "该统一社会信用代码已经注册。如属本单位，请本单位的管理员邀请您成为成员；无法联系的，请向受理窗口提出。"
    )
    return Problem("credit_code_taken", "credit_code", message)


def lacking(organisation: Organisation) -> list[Problem]:
    """What a registration still lacks before it can be handed in, in the order in which it is filled in. One query."""
    found = []
    if not organisation.undertaking:
        found.append(Problem("undertaking", "undertaking", gettext_noop("请勾选真实性承诺。")))
    if not organisation.licences.exists():
        message = gettext_noop("请上传营业执照或登记证书（PDF 或照片）。")
        found.append(Problem("licence_missing", "licence", message))
    return found


def add_licence(by: User, organisation: Organisation, upload: Any) -> Licence:
    """Hand in the licence; earlier files stay. Raises NotAllowed, Stale, Refused."""
    authorise(by, "edit", organisation)
    values = attachment_values(upload, LICENCE_KINDS, by)
    with transaction.atomic():
        hold(organisation, *RIGHTS["edit"][1])
        if organisation.licences.filter(sha256=values["sha256"]).exists():
            raise Refused([Problem("double", "file", gettext_noop("同一文件已经上传过，不必重复上传。"))])
        licence = Licence.objects.create(organisation=organisation, **values)
        audit.record(
            organisation, "organisation.licence", by=by, role=role_of(by, organisation), file=licence.name,
            sha256=licence.sha256,
        )  # fmt: skip
    return licence
