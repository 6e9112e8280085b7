"""What of the portal is public, as tables: every dataset with its columns, what they mean, and how a row is read.

The data dictionary is generated from these very declarations. Hides: where each fact is kept. What a row says comes from
published copies (notices, certificates) and from counts; no column reads what belongs to a person.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import Count, F, JSONField, OuterRef, Subquery
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext

from communities.models import District
from evaluation.models import (
    Certificate,
    Incentive,
    IncentivePolicy,
    NoticeVersion,
    PublicNotice,
    PublishedReply,
    Sanction,
    Standard,
)
from experts.models import Expert, Field
from portal.problems import gettext_noop

CHUNK = 500  # rows read at a time
Read = Callable[[Any, date], Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One column. kind: text, integer, decimal, date, boolean or address. source: 在哪里公开，或怎样算出."""

    name: str
    meaning: str
    source: str
    read: Read
    kind: str = "text"
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Dataset:
    """One table. rows: an iterator over what its columns read, in a stable order, for a day."""

    code: str
    label: str
    about: str
    rows: Callable[[date], Iterator[Any]]
    columns: tuple[Column, ...]


def cells(dataset: Dataset, row: Any, day: date) -> dict[str, Any]:
    """One row: column -> plain value (text, int, Decimal, date, bool) or None."""
    return {column.name: column.read(row, day) for column in dataset.columns}


# --- how a value is read ------------------------------------------------------------------------------------------


def of(name: str) -> Read:
    """A column of the row."""
    return lambda row, day: getattr(row, name)


def item(place: int) -> Read:
    """A place of a tuple."""
    return lambda row, day: row[place]


def figure(name: str) -> Read:
    """A figure that a notice published; None where it did not."""
    return lambda row, day: (row.figures or {}).get(name)


def number(name: str) -> Read:
    """A published figure as an exact number."""
    return lambda row, day: None if (row.figures or {}).get(name) in (None, "") else Decimal(str(row.figures[name]))


def within_notice(name: str) -> Read:
    """A column of the notice to which a row belongs."""
    return lambda row, day: getattr(row.notice, name)


def day_of(name: str) -> Read:
    """The day of a moment, as people here count days."""
    return lambda row, day: None if getattr(row, name) is None else timezone.localdate(getattr(row, name))


def page(row: Any, day: date) -> str:
    """The address of the public page of a row."""
    return str(settings.SITE_URL + row.get_absolute_url())


def notice_standing(row: PublicNotice, day: date) -> str:
    if row.was_cut_short:
        return "cut_short"
    return "running" if row.is_running(day) else "ended"


def ended_on(row: Certificate, day: date) -> date | None:
    """Since when a certificate does not hold any more: the day after its last, or the day of the decision."""
    if row.standing(day) in ("valid", "expired"):
        return None
    return timezone.localdate(row.state_since)


# --- the rows -----------------------------------------------------------------------------------------------------


def notices(day: date) -> Iterator[PublicNotice]:
    rows: Iterator[PublicNotice] = PublicNotice.objects.order_by("pk").iterator(CHUNK)
    return rows


def chapters(day: date) -> Iterator[tuple[str, str, Decimal | None]]:
    for row in notices(day):
        for name, ratio in row.figures.get("chapters", []):
            yield row.number, name, None if ratio is None else Decimal(str(ratio))


def versions(day: date) -> Iterator[NoticeVersion]:
    rows = NoticeVersion.objects.select_related("notice").defer("figures", "notice__figures").order_by("pk")
    found: Iterator[NoticeVersion] = rows.iterator(CHUNK)
    return found


def replies(day: date) -> Iterator[PublishedReply]:
    """What notices show today: of a programme that publishes replies no more, none."""
    shown = PublishedReply.objects.filter(notice__application__project__programme__publishes_replies=True)
    found: Iterator[PublishedReply] = (
        shown.select_related("notice").defer("notice__figures").order_by("pk").iterator(CHUNK)
    )
    return found


def certificates(day: date) -> Iterator[Certificate]:
    decided = Sanction.objects.filter(certificate=OuterRef("pk"), state="executed").values("decision_number")[:1]
    programme = {"programme_name": F("programme__name"), "stage": F("application__stage")}
    beside = {"decision": Subquery(decided), "successor": F("succeeded_by__number")}
    rows: Iterator[Certificate] = Certificate.objects.annotate(**programme, **beside).order_by("pk").iterator(CHUNK)
    return rows


def communities(day: date) -> Iterator[Certificate]:
    """Whoever holds a star on the day, with the figures that the notice of the result published."""
    published = PublicNotice.objects.filter(application=OuterRef("application")).order_by("-pk").values("figures")[:1]
    rows = Certificate.objects.in_force(day).annotate(
        figures=Subquery(published, output_field=JSONField()), programme_name=F("programme__name")
    )
    found: Iterator[Certificate] = rows.order_by("pk").iterator(CHUNK)
    return found


def districts(day: date) -> Iterator[tuple[District, int]]:
    """By code: a name may have changed since certificates bear it, or be that of a district abolished before."""
    held = Certificate.objects.in_force(day).order_by().values_list("district").annotate(count=Count("pk"))
    certified = dict(held)
    return ((row, certified.get(row.pk, 0)) for row in District.objects.order_by("code"))


def incentive_policies(day: date) -> Iterator[tuple[IncentivePolicy, str, str, int]]:
    """Every level of every policy, with how many were granted it and hold; of no community what it was granted."""
    held = Incentive.objects.filter(state="granted", valid_until__gte=day).values_list("policy", "level_name")
    counted = Counter(held.iterator(CHUNK))
    for row in IncentivePolicy.objects.select_related("programme__standard").order_by("code"):
        for level, value in row.standing_values:
            yield row, level, value, counted[row.pk, level]


def standards(day: date) -> Iterator[Standard]:
    rows: Iterator[Standard] = Standard.objects.defer("document").order_by("code", "pk").iterator(CHUNK)
    return rows


def experts(day: date) -> Iterator[tuple[str, str, int]]:
    serving = Expert.objects.serving(day).order_by().values("fields").annotate(count=Count("pk"))
    counted = dict(serving.values_list("fields", "count"))
    return ((row.pk, row.name, counted.get(row.pk, 0)) for row in Field.objects.order_by("pk"))


def dictionary(day: date) -> Iterator[tuple[Dataset, Column]]:
    return ((dataset, column) for dataset in DATASETS for column in dataset.columns)


def in_english(text: str) -> str:
    with translation.override("en"):
        return gettext(text)


# --- what is public -----------------------------------------------------------------------------------------------

NOTICE, CERTIFICATE = gettext_noop("公示页"), gettext_noop("证书查验页")
INCENTIVES = gettext_noop("激励政策页")
DIRECTORY, STANDARDS = gettext_noop("名录"), gettext_noop("评价标准页")
REGISTER, COUNTED = gettext_noop("行政区划代码（GB/T 2260）"), gettext_noop("由平台按当日数据统计")
GENERATED = gettext_noop("由程序的列声明生成")
PERCENT, POINTS, SQUARE_METRES = "%", gettext_noop("分"), gettext_noop("平方米")
HOUSEHOLDS, BUILDINGS, LEVELS = gettext_noop("户"), gettext_noop("栋"), gettext_noop("星")
SAMPLE = gettext_noop("所用标准不是官方文本时的声明；空为官方文本")
WHERE = gettext_noop("公开页面的地址")

DATASETS: tuple[Dataset, ...] = (
    Dataset(
        "notices", gettext_noop("公示"), gettext_noop("每一次结果公示一行，内容为最新一版，不含评审专家姓名。"), notices,
        (
            Column("number", gettext_noop("公示编号"), NOTICE, of("number")),
            Column(
                "standing", gettext_noop("公示状态：running 公示中，ended 已期满，cut_short 因异议成立提前终止"),
                NOTICE, notice_standing,
            ),
            Column("programme", gettext_noop("评价类别"), NOTICE, figure("programme")),
            Column("stage", gettext_noop("评价阶段"), NOTICE, figure("stage")),
            Column("community", gettext_noop("小区名称"), NOTICE, figure("community")),
            Column("district", gettext_noop("区县"), NOTICE, figure("district")),
            Column("address", gettext_noop("小区地址"), NOTICE, figure("address")),
            Column("organisation", gettext_noop("申报单位"), NOTICE, figure("organisation")),
            Column("floor_area", gettext_noop("总建筑面积"), NOTICE, number("floor_area"), "decimal", SQUARE_METRES),
            Column("households", gettext_noop("户数"), NOTICE, figure("households"), "integer", HOUSEHOLDS),
            Column("buildings", gettext_noop("楼栋数"), NOTICE, figure("buildings"), "integer", BUILDINGS),
            Column("total", gettext_noop("总分；不计总分的标准为空"), NOTICE, number("total"), "decimal", POINTS),
            Column("level", gettext_noop("拟定等级，0 为未达标"), NOTICE, figure("level"), "integer", LEVELS),
            Column("level_name", gettext_noop("等级在标准中的名称"), NOTICE, figure("level_name")),
            Column("standard", gettext_noop("评价标准编号、版本和名称"), NOTICE, figure("standard")),
            Column("standard_notice", SAMPLE, NOTICE, figure("standard_notice")),
            Column("opened_on", gettext_noop("公示开始日期"), NOTICE, of("opened_on"), "date"),
            Column("closes_on", gettext_noop("公示截止日期"), NOTICE, of("closes_on"), "date"),
            Column("closed_on", gettext_noop("公示实际结束日期；空为尚未结束"), NOTICE, day_of("closed_at"), "date"),
            Column("page", WHERE, NOTICE, page, "address"),
        ),
    ),
    Dataset(
        "notice_chapters", gettext_noop("公示的各章得分率"),
        gettext_noop("每一次公示的每一章一行，按公示编号与公示对应。"), chapters,
        (
            Column("number", gettext_noop("公示编号"), NOTICE, item(0)),
            Column("chapter", gettext_noop("章的名称"), NOTICE, item(1)),
            Column("ratio", gettext_noop("得分率"), NOTICE, item(2), "decimal", PERCENT),
        ),
    ),
    Dataset(
        "notice_versions", gettext_noop("公示的各版"),
        gettext_noop("每一次公示的每一版一行，按公示编号与公示对应；校验值逐版相连，改动任何一版都会断开。"), versions,
        (
            Column("number", gettext_noop("公示编号"), NOTICE, within_notice("number")),
            Column("version", gettext_noop("版本，1 为首次公示"), NOTICE, of("version"), "integer"),
            Column("published_on", gettext_noop("发布日期"), NOTICE, day_of("published_at"), "date"),
            Column("reason", gettext_noop("更正理由；首次公示为空"), NOTICE, of("reason")),
            Column("previous", gettext_noop("上一版的 SHA-256；首次公示为空"), NOTICE, of("previous")),
            Column("sha256", gettext_noop("本版的 SHA-256"), NOTICE, of("sha256")),
            Column("page", WHERE, NOTICE, page, "address"),
        ),
    ),
    Dataset(
        "objection_replies", gettext_noop("异议的公开答复"),
        gettext_noop("每一件已答复的异议一行，按公示编号与公示对应；不含异议人和回执编号。评价类别不公开答复的没有。"), replies,
        (
            Column("number", gettext_noop("公示编号"), NOTICE, within_notice("number")),
            Column("kind", gettext_noop("异议人类型：person 个人，unit 单位"), NOTICE, of("kind")),
            Column("received_on", gettext_noop("收到日期"), NOTICE, of("received_on"), "date"),
            Column(
                "decision",
                gettext_noop("处理结果：not_taken 不予受理，upheld 异议成立，rejected 异议不成立，merged 并入另一件异议"),
                NOTICE, of("decision"),
            ),
            Column("decided_on", gettext_noop("答复日期"), NOTICE, of("decided_on"), "date"),
            Column("text", gettext_noop("公开答复"), NOTICE, of("text")),
        ),
    ),
    Dataset(
        "certificates", gettext_noop("证书"), gettext_noop("颁发过的每一份证书一行，已过期、撤销和被取代的也在内。"), certificates,
        (
            Column("number", gettext_noop("证书编号"), CERTIFICATE, of("number")),
            Column(
                "standing", gettext_noop("当日状态：valid 有效，expired 已过期，revoked 已撤销，superseded 已被新证书取代"),
                CERTIFICATE, lambda row, day: row.standing(day),
            ),
            Column("ended_on", gettext_noop("撤销或被取代的日期"), CERTIFICATE, ended_on, "date"),
            Column("decision", gettext_noop("撤销或降级的处理决定书编号；空为没有处理"), CERTIFICATE, of("decision")),
            Column("successor", gettext_noop("接替的证书编号；空为没有接替"), CERTIFICATE, of("successor")),
            Column("is_final", gettext_noop("是否星级证书；否为设计预评"), CERTIFICATE, of("is_final"), "boolean"),
            Column("level", gettext_noop("星级"), CERTIFICATE, of("level"), "integer", LEVELS),
            Column("level_name", gettext_noop("等级在标准中的名称"), CERTIFICATE, of("level_name")),
            Column("programme", gettext_noop("评价类别"), CERTIFICATE, of("programme_name")),
            Column("stage", gettext_noop("评价阶段的代码"), CERTIFICATE, of("stage")),
            Column("community", gettext_noop("小区名称"), CERTIFICATE, of("community_name")),
            Column("district", gettext_noop("区县"), CERTIFICATE, of("district_name")),
            Column("organisation", gettext_noop("申报单位"), CERTIFICATE, of("organisation_name")),
            Column("standard", gettext_noop("评价标准编号、版本和名称"), CERTIFICATE, of("standard_label")),
            Column("standard_sha256", gettext_noop("评价标准全文的 SHA-256"), CERTIFICATE, of("standard_sha256")),
            Column("standard_notice", SAMPLE, CERTIFICATE, of("standard_notice")),
            Column("issued_on", gettext_noop("发证日期"), CERTIFICATE, of("issued_on"), "date"),
            Column("valid_until", gettext_noop("有效期至"), CERTIFICATE, of("valid_until"), "date"),
            Column("file_sha256", gettext_noop("证书文件的 SHA-256"), CERTIFICATE, of("sha256")),
            Column("page", WHERE, CERTIFICATE, page, "address"),
        ),
    ),
    Dataset(
        "communities", gettext_noop("获证小区"), gettext_noop("当日持有有效星级证书的小区，每份证书一行。"), communities,
        (
            Column("community", gettext_noop("小区名称"), DIRECTORY, of("community_name")),
            Column("district", gettext_noop("区县"), DIRECTORY, of("district_name")),
            Column("organisation", gettext_noop("申报单位"), DIRECTORY, of("organisation_name")),
            Column("programme", gettext_noop("评价类别"), DIRECTORY, of("programme_name")),
            Column("level", gettext_noop("星级"), DIRECTORY, of("level"), "integer", LEVELS),
            Column("level_name", gettext_noop("等级在标准中的名称"), DIRECTORY, of("level_name")),
            Column("floor_area", gettext_noop("总建筑面积"), NOTICE, number("floor_area"), "decimal", SQUARE_METRES),
            Column("households", gettext_noop("户数"), NOTICE, figure("households"), "integer", HOUSEHOLDS),
            Column("buildings", gettext_noop("楼栋数"), NOTICE, figure("buildings"), "integer", BUILDINGS),
            Column("certificate", gettext_noop("证书编号"), DIRECTORY, of("number")),
            Column("standard_notice", SAMPLE, DIRECTORY, of("standard_notice")),
            Column("issued_on", gettext_noop("发证日期"), DIRECTORY, of("issued_on"), "date"),
            Column("valid_until", gettext_noop("有效期至"), DIRECTORY, of("valid_until"), "date"),
            Column("page", WHERE, CERTIFICATE, page, "address"),
        ),
    ),
    Dataset(
        "districts", gettext_noop("区县"), gettext_noop("每个区县一行，附当日有效星级证书数。"), districts,
        (
            Column("code", gettext_noop("区县代码"), REGISTER, lambda row, day: row[0].code),
            Column("name", gettext_noop("区县名称"), REGISTER, lambda row, day: row[0].name),
            Column("valid_from", gettext_noop("启用日期；空为一直使用"), REGISTER, lambda row, day: row[0].valid_from, "date"),
            Column("valid_until", gettext_noop("停用日期；空为仍在使用"), REGISTER, lambda row, day: row[0].valid_until, "date"),
            Column("certified", gettext_noop("当日有效星级证书数"), COUNTED, item(1), "integer"),
        ),
    ),
    Dataset(
        "incentive_policies", gettext_noop("激励政策"),
        gettext_noop("每项政策的每个星级一行；数值为空的，待主管部门设定。不含哪个小区享受了什么激励。"), incentive_policies,
        (
            Column("code", gettext_noop("政策代码"), INCENTIVES, lambda row, day: row[0].code),
            Column("name", gettext_noop("政策名称"), INCENTIVES, lambda row, day: row[0].name),
            Column("programme", gettext_noop("评价类别"), INCENTIVES, lambda row, day: row[0].programme.name),
            Column("level_name", gettext_noop("等级在标准中的名称"), INCENTIVES, item(1)),
            Column("value", gettext_noop("数值与单位；空为待主管部门设定"), INCENTIVES, item(2)),
            Column("conditions", gettext_noop("享受激励的条件"), INCENTIVES, lambda row, day: row[0].conditions),
            Column("cap", gettext_noop("上限；空为未规定"), INCENTIVES, lambda row, day: row[0].cap),
            Column("department", gettext_noop("监管部门"), INCENTIVES, lambda row, day: row[0].department),
            Column("basis", gettext_noop("依据"), INCENTIVES, lambda row, day: row[0].basis),
            Column("document_number", gettext_noop("文号；空为待主管部门设定"), INCENTIVES,
                   lambda row, day: row[0].document_number),
            Column("valid_from", gettext_noop("启用日期；空为一直使用"), INCENTIVES, lambda row, day: row[0].valid_from, "date"),
            Column("valid_until", gettext_noop("停用日期；空为仍在使用"), INCENTIVES, lambda row, day: row[0].valid_until, "date"),
            Column("granted", gettext_noop("当日有效的激励件数"), COUNTED, item(3), "integer"),
        ),
    ),
    Dataset(
        "standards", gettext_noop("评价标准"), gettext_noop("公开的每一版评价标准一行，全文按地址下载。"), standards,
        (
            Column("code", gettext_noop("标准编号"), STANDARDS, of("code")),
            Column("version", gettext_noop("版本"), STANDARDS, of("version")),
            Column("name", gettext_noop("名称"), STANDARDS, of("name")),
            Column("kind", gettext_noop("类别的代码"), STANDARDS, of("kind")),
            Column("is_official", gettext_noop("是否官方文本"), STANDARDS, of("is_official"), "boolean"),
            Column("notice", gettext_noop("声明"), STANDARDS, of("notice")),
            Column("sha256", gettext_noop("全文的 SHA-256"), STANDARDS, of("sha256")),
            Column("frozen_on", gettext_noop("启用并冻结的日期；空为尚未启用"), STANDARDS, day_of("frozen_at"), "date"),
            Column("page", WHERE, STANDARDS, page, "address"),
            Column(
                "document", gettext_noop("全文（JSON）的地址"), STANDARDS,
                lambda row, day: settings.SITE_URL + reverse("standard-json", args=[row.pk]), "address",
            ),
        ),
    ),
    Dataset(
        "expert_fields", gettext_noop("专家库"),
        gettext_noop("每个专业一行，只有当日在聘专家人数；一人可有多个专业，各行不可相加。"), experts,
        (
            Column("code", gettext_noop("专业代码"), COUNTED, item(0)),
            Column("name", gettext_noop("专业名称"), COUNTED, item(1)),
            Column("serving", gettext_noop("当日在聘专家人数"), COUNTED, item(2), "integer", gettext_noop("人")),
        ),
    ),
    Dataset(
        "dictionary", gettext_noop("数据字典"), gettext_noop("以上各表的每一列一行：含义、类型、单位和来源。"), dictionary,
        (
            Column("dataset", gettext_noop("数据集的代码"), GENERATED, lambda row, day: row[0].code),
            Column("column", gettext_noop("列名"), GENERATED, lambda row, day: row[1].name),
            Column(
                "type", gettext_noop("类型：text 文字，integer 整数，decimal 小数，date 日期，boolean 是否，address 网址"),
                GENERATED, lambda row, day: row[1].kind,
            ),
            Column("unit", gettext_noop("单位"), GENERATED, lambda row, day: row[1].unit),
            Column("meaning", gettext_noop("含义"), GENERATED, lambda row, day: row[1].meaning),
            Column("meaning_en", gettext_noop("含义（英文）"), GENERATED, lambda row, day: in_english(row[1].meaning)),
            Column("source", gettext_noop("在哪里公开，或怎样得出"), GENERATED, lambda row, day: row[1].source),
        ),
    ),
)  # fmt: skip
BY_CODE: Mapping[str, Dataset] = {dataset.code: dataset for dataset in DATASETS}
