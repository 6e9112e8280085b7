"""An expert pool that exists already, taken over from one workbook: judged whole, released by another person, entered whole.

Hides: how the columns become people, who counts as a double inside the table and against the pool, and what is written for
each of them. How a workbook is read is decided by ``portal.tables``, who releases by the machine (``experts.workflow``).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone, translation
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from communities import credit_code
from communities.importing import district_of, districts_by_word, districts_in_use
from communities.models import District
from communities.writing import REQUIRED, unique
from experts import pool, standing
from experts.admitting import LONGEST_YEARS
from experts.models import Expert, Field, PoolImport
from experts.permissions import can_expert, can_pool, other_eyes
from portal import audit, clock, first_password, notify, tables
from portal.attachments import attachment_values, is_kept
from portal.machine import NotAllowed
from portal.models import User
from portal.problems import Problem, Refused, gettext_noop
from portal.tables import Column, Row, Table
from portal.tasks import swept
from portal.workdays import last_day, years_later

MOST_ROWS = 500
KEPT_DAYS = "unreleased_import_days"  # parameter: how long what was not released is kept
UNRELEASED = ("refused", "withdrawn")
FIELD_COLUMNS = ("field_1", "field_2", "field_3")
EXAMPLE = gettext_noop("（示例，请删去本行）")
NUMBER = re.compile(r"(?=.*[0-9])[0-9A-Z-]{1,20}")  # a digit: words stand for other pages at the same address
PHONE = re.compile(r"[+(]?[0-9][0-9 ()-]{4,28}")
# columns kept as those of a model are: its field says how long and of which kind
OF_EXPERT = ("education", "title", "experience_years", "employer", "term_from", "term_until")

LAYOUT = tables.Layout(
    title=_("专家"),
    columns=(
        Column("name", _("姓名"), _("真实姓名。"), required=True),
        Column("email", _("电子邮箱"), _("设置密码的链接和通知发到这里，每人一个。"), required=True),
        Column("phone", _("电话"), _("手机或带区号的座机，可以不填。")),
        Column("username", _("账号"), _("登录用的用户名；不填则用电子邮箱登录。")),
        Column("number", _("专家编号"), _("原有编号，可含数字、字母和 -；不填则自动编号。")),
        Column("education", _("学历"), _("如：硕士研究生。")),
        Column("title", _("职称"), _("如：高级工程师。")),
        Column("experience_years", _("从业年数"), _("整数，以年计。"), "whole"),
        Column("field_1", _("专业一"), _("从下拉列表选择，也可填代码。"), required=True),
        Column("field_2", _("专业二"), _("没有的不填。")),
        Column("field_3", _("专业三"), _("没有的不填。")),
        Column("employer", _("工作单位"), _("单位全称。"), required=True),
        Column("employer_code", _("工作单位统一社会信用代码"), _("18 位，会核对校验位；不填的暂不参加抽取。")),
        Column("district", _("所在区县"), _("从下拉列表选择，也可填代码。"), required=True),
        Column("term_from", _("聘期起"), _("日期，如 2025-03-01。"), "day", required=True),
        Column("term_until", _("聘期止"), _("日期；已届满的不能导入。"), "day", required=True),
    ),
    most_rows=MOST_ROWS,
    empty=gettext_noop("表中没有可导入的专家；请从第 3 行起每行填写一位专家。"),
)
NEEDED = tuple(column.name for column in LAYOUT.columns if column.required)


def template() -> bytes:
    """The workbook to be filled in, in the reader's language: headings, help, choices, and examples to be deleted."""
    fields = list(Field.objects.values_list("name", flat=True))
    districts = list(districts_in_use().values_list("name", flat=True))
    return LAYOUT.template(
        {"district": districts, **dict.fromkeys(FIELD_COLUMNS, fields)}, _examples(fields, districts)
    )


def _examples(fields: list[str], districts: list[str]) -> list[dict[str, Any]]:
    """Two rows that show how one is filled in, with everything and with the least; each says what it is."""
    today = timezone.localdate()
    term = {"term_from": today, "term_until": last_day(today, 3)}
    common = {"district": next(iter(districts), ""), "field_1": next(iter(fields), ""), **term}
    return [
        {
            **common, "name": gettext("张三") + gettext(EXAMPLE), "email": "zhangsan@example.org", "phone": "13800000000",
            "username": "zhangsan", "number": "ZJ-2020-001", "education": gettext("硕士研究生"),
            "title": gettext("高级工程师"), "experience_years": 15, "field_2": next(iter(fields[1:]), ""),
            "employer": gettext("示例设计院"), "employer_code": credit_code.with_check_character("91500103MAEX00001"),
        },
        {**common, "name": gettext("李四") + gettext(EXAMPLE), "email": "lisi@example.org", "employer": gettext("示例大学")},
    ]  # fmt: skip


# --- judging ----------------------------------------------------------------------------------------------------------

Values = dict[str, Any]  # column -> what it says, None for nothing; ``fields`` -> rows of Field


@dataclass(frozen=True)
class _Words:
    """What cells may name."""

    fields: Mapping[str, Field]
    districts: Mapping[str, District]
    examples: tuple[str, ...]
    today: date


def _words() -> _Words:
    fields = list(Field.objects.all())
    marks = []
    for code, _label in settings.LANGUAGES:
        with translation.override(code):
            marks.append(gettext(EXAMPLE))
    known = {field.name: field for field in fields} | {field.pk: field for field in fields}
    return _Words(known, districts_by_word(), tuple(marks), timezone.localdate())


def problems_in(table: Table) -> list[Problem]:
    """Everything that is wrong with a table, cell by cell, in the order of the sheet. As many questions for 1 row and 500."""
    words = _words()
    read = {number: _values(row, words) for number, row in table.rows.items()}
    taken = _Taken.by([values for values, _problems in read.values()])
    first_rows: dict[tuple[str, Any], int] = {}
    found: list[tuple[int, Problem]] = []
    for number, (values, problems) in read.items():
        faults = table.faults_of(number)
        bad = {problem.place for problem in faults}
        later = [*problems, *_repeated(values, number, first_rows), *taken.problems(values)]
        told = [one for one in later if one.place not in bad]
        example = next((one for one in told if one.code == "example"), None)
        found += [(number, one) for one in ([example] if example else [*faults, *told])]
    return table.located(found)


def _values(row: Row, words: _Words) -> tuple[Values, list[Problem]]:
    """What one row says, None where a cell is empty or wrong, and what is wrong with it by itself."""
    values: Values = {}
    problems: list[Problem] = []

    def keep(name: str, value: Any, problem: Problem | None) -> None:
        values[name] = value
        problems.extend([problem] if problem else [])

    for name in OF_EXPERT:
        keep(name, *tables.value_of(Expert._meta.get_field(name), name, row.get(name, "")))
    for name in ("name", "phone", "email"):
        keep(name, *tables.value_of(User._meta.get_field(name), name, row.get(name, "")))
    keep("district", *district_of(row.get("district", ""), words.districts))
    values["fields"], wrong = _fields(row, words.fields)
    values["number"] = row.get("number", "").upper() or None
    values["username"] = row.get("username") or None
    values["employer_code"] = credit_code.normalise(row.get("employer_code", ""))
    values["email"] = values["email"] and values["email"].lower()
    problems += [*wrong, *(Problem("required", name, REQUIRED) for name in NEEDED if not row.get(name))]
    problems += [*_unsound_person(values), *_unsound_expert(values, words.today)]
    if any(mark in row.get("name", "") for mark in words.examples):
        problems.append(Problem("example", "name", gettext_noop("这是模板中的示例，请删去这一行。")))
    return values, problems


def _fields(row: Row, known: Mapping[str, Field]) -> tuple[list[Field], list[Problem]]:
    found: list[Field] = []
    problems = []
    for name in FIELD_COLUMNS:
        message = gettext_noop("没有“%(text)s”这个专业，请从下拉列表中选择。")
        field, problem = tables.chosen(name, row.get(name, ""), known, "field_unknown", message)
        if field is not None and field in found:
            problem = Problem("field_twice", name, gettext_noop("同一专业只填一次。"))
        elif field is not None:
            found.append(field)
        problems += [problem] if problem else []
    return found, problems


def _unsound_person(values: Values) -> Iterator[Problem]:
    """What is wrong with how a person signs in and is reached."""
    username, email = values["username"], values["email"]
    if values["phone"] and not PHONE.fullmatch(values["phone"]):
        yield Problem("phone", "phone", gettext_noop("电话只能由数字、空格、括号和 - 组成，至少 5 位。"))
    if username and (len(username) > 150 or not re.search(UnicodeUsernameValidator.regex, username)):
        yield Problem("username", "username", gettext_noop("账号可用字母、数字和 . + - _ ，不超过 150 个字符。"))
    elif username and "@" in username and username.lower() != email:
        # Somebody else's address must not become a name by which invitations are told apart.
        yield Problem("username_is_address", "username", gettext_noop("账号中含有 @ 的，只能是本人的电子邮箱。"))


def _unsound_expert(values: Values, today: date) -> Iterator[Problem]:
    if values["number"] and not NUMBER.fullmatch(values["number"]):
        message = gettext_noop("专家编号只能由数字、字母和 - 组成，至少有一个数字，不超过 20 位。")
        yield Problem("number", "number", message)
    yield from standing.employer_problems(values)
    years = values["experience_years"]
    if years is not None and not 0 <= years <= LONGEST_YEARS:
        message = gettext_noop("从业年数应为 0 至 %(most)s。")
        yield Problem("out_of_range", "experience_years", message, {"most": LONGEST_YEARS})
    first, last = values["term_from"], values["term_until"]
    if last is not None and last < today:
        yield Problem("term_over", "term_until", gettext_noop("聘期已经届满；请填写续聘后的聘期，或删去这一行。"))
    elif first is not None and last is not None and last < first:
        yield Problem("term_order", "term_until", gettext_noop("聘期止不应早于聘期起。"))


# --- doubles ----------------------------------------------------------------------------------------------------------


def login_of(values: Values) -> str:
    """By which name a person will sign in."""
    return str(values["username"] or values["email"] or "")


def _marks(values: Values) -> Iterator[tuple[str, Any]]:
    """What tells one person of the table from another: (column, what may stand there once)."""
    for name in ("number", "email"):
        if values[name]:
            yield name, values[name]
    if values["username"]:
        yield "username", login_of(values).lower()
    if values["name"] and values["phone"]:
        yield "name", (values["name"], _digits(values["phone"]))


def _digits(phone: str) -> str:
    return re.sub(r"\D", "", phone)


def _repeated(values: Values, number: int, first_rows: dict[tuple[str, Any], int]) -> Iterator[Problem]:
    """What a row above says already; ``first_rows`` learns what this one says."""
    for name, said in _marks(values):
        first = first_rows.setdefault((name, said), number)
        if first != number:
            message = gettext_noop("与第 %(row)s 行重复。")
            if name == "name":
                message = gettext_noop("与第 %(row)s 行姓名和电话都相同，应是同一人，请删去一行。")
            yield Problem("row_twice", name, message, {"row": first})


@dataclass(frozen=True)
class _Taken:
    """Whom the portal knows already among those of a table."""

    numbers: frozenset[str]
    people: tuple[Mapping[str, Any], ...]

    @classmethod
    def by(cls, rows: Iterable[Values]) -> _Taken:
        rows = list(rows)
        mails = {values["email"] for values in rows if values["email"]}
        names = {values["name"] for values in rows if values["name"]}
        logins = {login_of(values).lower() for values in rows}
        users = User.objects.annotate(mail=Lower("email"), login=Lower("username"))
        found = users.filter(Q(mail__in=mails) | Q(login__in=logins - {""}) | Q(name__in=names) & ~Q(phone=""))
        numbers = Expert.objects.filter(number__in={values["number"] for values in rows if values["number"]})
        return cls(
            frozenset(numbers.values_list("number", flat=True)),
            tuple(found.values("mail", "login", "name", "phone", "expert__number")),
        )

    def problems(self, values: Values) -> Iterator[Problem]:
        """Why this person cannot be entered anew, each at the cell that says so."""
        if values["number"] in self.numbers:
            yield Problem("number_taken", "number", gettext_noop("专家库中已有这个编号，请核对。"))
        login = login_of(values).lower()
        for person in self.people:
            if values["email"] and person["mail"] == values["email"]:
                yield _known("email", values, person)
            elif login and person["login"] == login:
                yield _known("username" if values["username"] else "email", values, person)
            elif _same_person(values, person) and person["expert__number"]:
                yield _known("name", values, person)


def _same_person(values: Values, person: Mapping[str, Any]) -> bool:
    phone = _digits(values["phone"] or "")
    return bool(phone) and person["name"] == values["name"] and _digits(person["phone"]) == phone


def _known(place: str, values: Values, person: Mapping[str, Any]) -> Problem:
    """Somebody bears this address or name: who is in the pool, who is the same but not in it, or somebody else."""
    if person["expert__number"]:
        message = gettext_noop("此人已在专家库中（%(number)s），不能重复导入，请删去这一行。")
        return Problem("already_expert", place, message, {"number": person["expert__number"]})
    if person["name"] == values["name"]:
        message = gettext_noop(
            "已有同名的人以此注册了账号，但不在专家库中。是同一人的，请删去这一行，由本人在征集期内申请入库；"
            "不是同一人的，请改填本人的。"
        )
        return Problem("has_account", place, message)
    return Problem("account_taken", place, gettext_noop("已有另一人的账号使用它，请改填本人的。"))


# --- uploading --------------------------------------------------------------------------------------------------------


def check(by: User, upload: Any) -> Table:
    """The table in a workbook that may be handed in. Raises NotAllowed, or Refused with everything that is wrong with it."""
    if not can_pool(by, "import_experts"):  # before the file is looked at
        raise NotAllowed("import_experts")
    table = LAYOUT.read(upload)
    if problems := problems_in(table):
        raise Refused(problems)
    return table


def open_import(by: User, upload: Any) -> PoolImport:
    """Hand in a workbook to be released by another person; nobody is entered yet. Raises as ``check`` does."""
    table = check(by, upload)
    values = attachment_values(upload, ["xlsx"], by)
    if PoolImport.objects.filter(sha256=values["sha256"], state="waiting").exists():
        message = gettext_noop("同一份表格已经上传，正在等待放行。")
        raise Refused([Problem("waits_already", "file", message)])
    due_on = clock.deadline("admission_decision", timezone.localdate())
    with transaction.atomic():
        row = PoolImport.objects.create(
            state="waiting", due_on=due_on, table=table.as_json(), count=len(table.rows), **values
        )
        event = audit.record(
            row, "pool_import.open", by=by, role="importer", file=row.name, sha256=row.sha256, count=row.count
        )
        notify.write(
            f"event:{event.pk}", other_eyes("pool_keeper", "supervisor", but=by.pk), "waiting", row.get_absolute_url(),
            subject=str(row), sentence=gettext_noop("上传了专家库导入表"), event=event,
        )  # fmt: skip
    return row


def table_of(row: PoolImport) -> Table:
    """The table as it was judged when it was handed in; empty once it is forgotten."""
    return LAYOUT.kept(row.table or {"letters": {}, "rows": []})


# --- forgetting -------------------------------------------------------------------------------------------------------


@swept
def forget_unreleased() -> int:
    """Delete table and workbook of imports that were not released so many days ago; return how many.

    Nobody in them came into the pool: their names and addresses are kept for no purpose. That there was an import, its
    hash and who decided stay on record.
    """
    rows = PoolImport.objects.filter(state__in=UNRELEASED).exclude(table={})
    if not rows.exists():  # a portal that nobody has configured yet has no such parameter
        return 0
    days = standing.parameter(KEPT_DAYS)
    return sum(map(_forget, rows.filter(state_since__lt=timezone.now() - timedelta(days=days)).order_by("pk")[:100]))


def _forget(row: PoolImport) -> int:
    name = row.file.name
    with transaction.atomic():
        if not PoolImport.objects.filter(pk=row.pk).exclude(table={}).update(table={}, file=""):
            return 0
        audit.record(row, "pool_import.forget", by=None, count=row.count, sha256=row.sha256)
        if name and not is_kept(name):
            transaction.on_commit(partial(default_storage.delete, name), robust=True)
    return 1


def people_in(row: PoolImport) -> list[Values]:
    """What the table says of each person, as it would be entered."""
    words = _words()
    return [_values(said, words)[0] for said in table_of(row).rows.values()]


def shown_of(people: Iterable[Values]) -> list[Values]:
    """``people_in`` with what else a list of them shows: by which name each signs in."""
    return [{**person, "login": login_of(person)} for person in people]


def entered_by(row: PoolImport) -> list[Values]:
    """Those who came into the pool by an import, as they stand there now, in the shape of ``shown_of`` with ``url``."""
    experts = row.experts.select_related("user", "district").prefetch_related("fields").order_by("number")
    return [
        {
            "name": expert.user.name, "login": expert.user.username, "email": expert.user.email, "phone": expert.user.phone,
            "number": expert.number, "title": expert.title, "fields": list(expert.fields.all()),
            "employer": expert.employer, "employer_code": expert.employer_code, "district": expert.district,
            "term_from": expert.term_from, "term_until": expert.term_until, "url": expert.get_absolute_url(),
        }
        for expert in experts
    ]  # fmt: skip


@dataclass(frozen=True)
class Counts:
    """What an import would enter, in figures. fields: name -> experts; ending: terms that end within a year."""

    experts: int
    employers: int
    numbered: int
    undrawable: int
    ending: int
    fields: Mapping[str, int]


def counts_of(people: list[Values]) -> Counts:
    """The figures of ``people_in``."""
    soon = years_later(timezone.localdate(), 1)
    fields = Counter(field.name for person in people for field in person["fields"])
    return Counts(
        experts=len(people),
        employers=len({person["employer_code"] or person["employer"] for person in people}),
        numbered=sum(not person["number"] for person in people),
        undrawable=sum(not person["employer_code"] for person in people),
        ending=sum(person["term_until"] < soon for person in people),
        fields=dict(fields.most_common()),
    )


# --- entering ---------------------------------------------------------------------------------------------------------


def enter(row: PoolImport, day: date) -> list[Expert]:
    """Make everybody in the table an expert with an account without password; inside the releasing act. All or nobody."""
    people = people_in(row)
    taken = Problem("account_taken", "", gettext_noop("刚刚有人以表中的账号或编号登记，请重新办理。"))
    with unique(taken):
        users = User.objects.bulk_create(
            User(
                username=login_of(person), email=person["email"], name=person["name"], phone=person["phone"] or "",
                password=first_password.no_password(),
            )
            for person in people
        )  # fmt: skip
        given = {person["number"] for person in people if person["number"]}
        fresh = iter(pool.take_numbers(sum(not person["number"] for person in people), given))
        due: dict[tuple[date, date], date | None] = {}
        experts = [
            _expert(row, user, person, person["number"] or next(fresh), day, due)
            for user, person in zip(users, people, strict=True)
        ]
        Expert.objects.bulk_create(experts)
    seats = Expert.fields.through
    seats.objects.bulk_create(
        seats(expert=expert, field=field)
        for expert, person in zip(experts, people, strict=True)
        for field in person["fields"]
    )
    return experts


def _expert(
    row: PoolImport, user: User, person: Values, number: str, day: date, due: dict[tuple[date, date], date | None]
) -> Expert:
    """One row of the pool. due: what was found for a term already. Nobody confirmed it: that falls due by its begin."""
    said = {name: person[name] for name in (*OF_EXPERT, "district")}
    said |= {name: said[name] or "" for name in ("education", "title")}
    expert = Expert(
        user=user, number=number, state="serving", employer_code=person["employer_code"], pool_import=row, **said
    )
    term = (expert.term_from, expert.term_until)
    if term not in due:
        due[term] = standing.confirmation_due(expert, day)
    expert.due_on = due[term]
    return expert


def follow(row: PoolImport, by: User | None, role: str) -> None:
    """What comes after an import: everybody's own history begins, and everybody is sent the link to set a password."""
    experts = list(row.experts.select_related("user").order_by("number"))
    told = [
        (expert, {"number": expert.number, "until": expert.term_until.isoformat(), "file": row.name})
        for expert in experts
    ]
    audit.record_each(told, "expert.admit", by=by, role=role)
    first_password.send(expert.user for expert in experts)


def send_password_link(by: User, expert: Expert) -> None:
    """Send the link to set a first password again. Raises NotAllowed, Refused where one is set, attempts.TooMany."""
    if not can_expert(by, "send_password_link", expert):
        raise NotAllowed("send_password_link")
    first_password.take_sending(expert.user)
    with transaction.atomic():
        audit.record(expert, "expert.password_link", by=by, role="pool_keeper")
        first_password.send([expert.user])


def still_sound(row: PoolImport) -> list[Problem]:
    """What came to be wrong since the table was handed in, as ``problems_in``."""
    return problems_in(table_of(row))
