"""People who keep the pool and who come into it, made by the domain's own functions; the configuration must be there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from communities import credit_code
from communities.models import District, Officer
from experts import admitting, calls
from experts.models import Admission, Call, Expert, Field
from experts.workflow import ADMISSION, EXPERT
from portal.demo import papers
from portal.models import User
from portal.workdays import years_later

TODAY = timezone.localdate()
DAY = timedelta(days=1)
DUTIES = ("pool_keeper", "supervisor", "organiser", "intake", "approver", "system_administrator")


def person(name: str) -> User:
    """Whoever bears the name, as the next request sees them; made when there is nobody."""
    return User.objects.get_or_create(
        username=name, defaults={"name": f"示例{name}", "email": f"{name}@example.org", "phone": "023-555"}
    )[0]


def officers() -> dict[str, User]:
    """One person for each duty, and a second keeper."""
    rows = {duty: person(duty) for duty in DUTIES} | {"second_keeper": person("second_keeper")}
    for name, user in rows.items():
        duty = "pool_keeper" if name == "second_keeper" else name
        Officer.objects.create(user=user, duty=duty, since=TODAY - DAY)
    district = person("district_officer")
    Officer.objects.create(user=district, duty="district_officer", district=District.objects.first(), since=TODAY - DAY)
    return {name: person(name) for name in (*rows, "district_officer")}


def code(number: int) -> str:
    return credit_code.with_check_character(f"91500103MAEX{number:05d}")


def call_values(**values: Any) -> dict[str, Any]:
    return {
        "title": "示例征集", "conditions": "示例条件", "opens_on": TODAY, "closes_on": TODAY + 10 * DAY,
        "term_years": 3, "fields_at_most": 2, **values,
    }  # fmt: skip


def call(by: User, **values: Any) -> Call:
    # The same call is announced once.
    title = f"示例征集{Call.objects.count() or ''}"
    return calls.open_call(by, call_values(**{"title": title, **values}))


def said(**values: Any) -> dict[str, Any]:
    """What somebody says of themself who may enter."""
    return {
        "education": "硕士研究生", "title": "高级工程师", "experience_years": 12, "employer": "示例设计院",
        "employer_code": code(1), "district": District.objects.first(), "statement": "",
        "fields": Field.objects.order_by("pk")[:2], **values,
    }  # fmt: skip


def prove(admission: Admission, *kinds: str) -> None:
    for kind in kinds or admitting.PROVED[admission.kind]:
        admitting.add_proof(admission.user, admission, kind, papers.pdf(kind, f"{admission.user} {kind}"))


def whole(name: str, of: Call, **values: Any) -> Admission:
    """An admission that only has to be handed in."""
    row = admitting.open_admission(person(name), of)
    admitting.change_admission(row.user, row, said(**values))
    prove(row)
    return row


WORDS = {"reason": "示例理由", "opinion": "示例意见", "conclusion": "admit", "statement": "示例陈述"}


def act(row: Admission | Expert, action: str, by: User | None, **values: Any) -> Any:
    """Do one act with the words that it asks, and return the row as the next request finds it."""
    machine = ADMISSION if isinstance(row, Admission) else EXPERT
    asks = {ask.name for found in machine.transitions if found.action == action for ask in found.asks}
    told = {name: word for name, word in WORDS.items() if name in asks}
    machine.perform(row, action, by=by, **{**told, **values})
    return fresh(row)


def fresh(row: Any) -> Any:
    return type(row).objects.get(pk=row.pk)


def admitted(name: str, of: Call, keepers: dict[str, User], **values: Any) -> Expert:
    """Somebody who went the whole way into the pool today."""
    row = act(whole(name, of, **values), "submit", person(name))
    row = act(row, "vet", keepers["pool_keeper"])
    row = act(row, "admit", keepers["second_keeper"])
    return row.expert


def expert(name: str, **values: Any) -> Expert:
    """An expert of the pool, written as a row; confirmed today."""
    columns = {
        "state": "serving", "employer": "示例研究院", "employer_code": code(2), "district": District.objects.first(),
        "number": f"ZJ-9{Expert.objects.count():03d}", "term_from": TODAY - 400 * DAY, "term_until": TODAY + 600 * DAY,
        "confirmed_on": TODAY, **values,
    }  # fmt: skip
    row = Expert.objects.create(user=person(name), **columns)
    row.fields.set(Field.objects.order_by("pk")[:1])
    return row


def years_ago(years: int) -> Any:
    return years_later(TODAY, -years)
