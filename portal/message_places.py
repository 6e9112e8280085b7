"""Places in the texts of messages: ``{案卷}`` stands for what each message fills in; nothing else is understood.

Plain Python. A text of the authority's own is data, never a template: it is searched once for names in braces, and what is
put there is searched no more, so that neither an author nor a value can make it do anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from portal.problems import Problem, gettext_noop

SUBJECT_AT_MOST, BODY_AT_MOST = 200, 5000  # characters
# A brace that is meant as a brace is written twice.
TOKEN = re.compile(r"\{\{|\}\}|\{(?P<name>[^{}\n]*)\}|[{}]")


@dataclass(frozen=True, slots=True)
class Place:
    """What a message fills in. source: dotted path in what the message is written with.

    samples: what it is in the sample case, Chinese and English. stand_in: what stands for it while a template renders
    itself into a text with places; a template may ask it to be a day or a number.
    """

    name: str
    detail: str
    source: str
    samples: tuple[str, str]
    stand_in: object = None

    @property
    def token(self) -> str:
        return "{" + self.name + "}"


PLACES: Mapping[str, Place] = {place.name: place for place in (
    Place("案卷", gettext_noop("案卷编号与小区名称"), "subject",
          ("CQ-ZHXQ-2026-0001 示例花园 · 设计评价", "CQ-ZHXQ-2026-0001 Sample Garden · design")),
    Place("事项", gettext_noop("办理了什么"), "sentence", ("受理了申报", "accepted the application")),
    Place("链接", gettext_noop("查看的网址"), "link",
          ("https://portal.example.org/sample/", "https://portal.example.org/sample/")),
    Place("理由", gettext_noop("决定的理由；没有理由的，所在的一行不出现"), "event.data.reason",
          ("示例：施工许可证已过期。", "Sample: the construction permit has expired.")),
    Place("期限", gettext_noop("最后一天"), "due_on", ("2026-12-31", "2026-12-31"), date(2987, 6, 5)),
    Place("证书编号", gettext_noop("证书的编号"), "event.data.certificate", ("CQ-ZHXQ-2026-0001-S", "CQ-ZHXQ-2026-0001-S")),
    Place("情形", gettext_noop("即将到期、已逾期或逾期未办"), "occasion", ("即将到期", "Due soon")),
    Place("办法", gettext_noop("接下来怎样办"), "advice", ("请尽快办理。", "Please act soon.")),
    Place("细节", gettext_noop("逐条的说明；没有的，所在的一行不出现"), "details", ("- 示例说明", "- sample detail")),
    Place("说明", gettext_noop("随情形而定的一句说明；没有的，所在的一行不出现"), "note", ("示例说明", "sample note")),
    Place("单位", gettext_noop("单位名称"), "organisation", ("示例置业有限公司", "Sample Developments Ltd")),
    Place("邀请人", gettext_noop("发出邀请的人"), "inviter", ("示例甲", "Sample A")),
    Place("角色", gettext_noop("以什么身份"), "role", ("经办人", "member")),
    Place("截止日", gettext_noop("链接的最后一天"), "last_day", ("2026-12-31", "2026-12-31"), date(2986, 5, 4)),
    Place("至", gettext_noop("到哪一天为止；没有的，所在的一行不出现"), "event.data.until", ("2026-12-31", "2026-12-31")),
    Place("账号", gettext_noop("登录用的用户名"), "username", ("sample", "sample")),
    Place("姓名", gettext_noop("收件人的姓名"), "name", ("示例乙", "Sample B")),
    Place("天数", gettext_noop("链接几天内有效"), "days", ("14", "14"), 98765),
)}  # fmt: skip

# kind -> its places; those with True are the legal core of the message and stay in every text of it
OF_KIND: Mapping[str, Mapping[str, bool]] = {
    "correction": {"案卷": True, "事项": False, "期限": True, "链接": True},
    "decision": {"案卷": True, "事项": True, "理由": True, "链接": True},
    "invitation": {"案卷": True, "说明": False, "链接": True},
    "member_invitation": {"单位": True, "邀请人": False, "角色": True, "截止日": True, "链接": True},
    "security": {"账号": True, "事项": True, "链接": True},
    "first_password": {"姓名": False, "账号": True, "天数": True, "链接": True},
    "pool": {"案卷": True, "事项": True, "理由": True, "至": True, "说明": True, "链接": True},
    "due": {"案卷": True, "期限": True, "情形": True, "办法": False, "链接": True},
    "waiting": {"案卷": True, "事项": True, "细节": True, "链接": True},
    "received": {"案卷": True, "链接": True},
    "progress": {"案卷": True, "事项": True, "理由": True, "链接": True},
    "guidance": {"案卷": True, "事项": True, "链接": True},
    "supervision": {"案卷": True, "事项": True, "理由": True, "链接": True},
    "certified": {"案卷": True, "证书编号": True, "链接": True},
    "organisation": {"单位": True, "事项": True, "理由": True, "链接": True},
}  # fmt: skip


def places_of(kind: str) -> list[tuple[Place, bool]]:
    """The places of a kind of message, each with whether it must stay."""
    return [(PLACES[name], required) for name, required in OF_KIND[kind].items()]


def problems_of(kind: str, subject: str, body: str) -> Iterator[Problem]:
    """Everything that is wrong with a text of one kind, each problem at its field, with its line."""
    for where, text, most in (("subject", subject, SUBJECT_AT_MOST), ("body", body, BODY_AT_MOST)):
        if not text.strip():
            yield Problem("required", where, gettext_noop("请填写文字。"))
        if len(text) > most:
            yield Problem("too_long", where, gettext_noop("最多 %(most)s 个字。"), {"most": most})
        yield from _misspelt(kind, where, text)
    if "\n" in subject.strip():
        yield Problem("one_line", "subject", gettext_noop("标题只能写一行。"))
    used = set(names_in(subject)) | set(names_in(body))
    for place, required in places_of(kind):
        if required and place.name not in used:
            message = gettext_noop("缺少必须保留的“%(token)s”（%(detail)s）。")
            yield Problem("place_missing", "body", message, {"token": place.token, "detail": place.detail})


def names_in(text: str) -> list[str]:
    """Names in braces, in their order."""
    return [found["name"].strip() for found in TOKEN.finditer(text) if found["name"] is not None]


def _misspelt(kind: str, where: str, text: str) -> Iterator[Problem]:
    for number, line in enumerate(text.splitlines(), 1):
        for found in TOKEN.finditer(line):
            token, name = found[0], found["name"]
            if token in ("{{", "}}") or (name is not None and name.strip() in OF_KIND[kind]):
                continue
            words = {"line": number, "token": token}
            if name is not None:
                yield Problem(
                    "place_unknown", where, gettext_noop("第 %(line)s 行：没有“%(token)s”这个占位符。"), words
                )
            elif token == "{":  # noqa: S105  (a brace is no password)
                message = gettext_noop("第 %(line)s 行：花括号没有合上；要写花括号本身，请连写两个。")
                yield Problem("place_unclosed", where, message, words)
            else:
                message = gettext_noop("第 %(line)s 行：多出一个“}”；要写花括号本身，请连写两个。")
                yield Problem("place_unopened", where, message, words)


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with its places filled in. A line all of whose places are empty is left out, and a gap it leaves is closed."""
    lines: list[str] = []
    for line in text.splitlines():
        names = names_in(line)
        if names and not any(values.get(name) for name in names):
            continue
        lines.append(TOKEN.sub(lambda found: _filled(found, values), line))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


def _filled(found: re.Match[str], values: Mapping[str, str]) -> str:
    if found["name"] is None:
        return found[0][0]
    return values.get(found["name"].strip(), "")


def escaped(text: str) -> str:
    """Text in which every brace means itself."""
    return text.replace("{", "{{").replace("}", "}}")
