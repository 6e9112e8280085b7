"""Many communities from a workbook: every problem at its cell, all of them or none, and the same table only once."""

import io
from datetime import date, datetime
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import translation
from openpyxl import load_workbook

from communities import importing, sheets
from communities.importing import LAYOUT, import_communities, problems_in
from communities.models import Community
from portal import bounded, workbooks
from portal.bounded import TooHeavy
from portal.machine import NotAllowed
from portal.models import Event
from portal.problems import Refused
from tests.communities.workbook_files import ROW, book, column, part_of, plain, row, uploaded, with_part
from tests.evaluation import published, scenes

pytestmark = pytest.mark.django_db
NAMES = [one.name for one in LAYOUT.columns]
SHEET_PART = "xl/worksheets/sheet1.xml"


@pytest.fixture(scope="module", autouse=True)
def configured(django_db_setup, django_db_blocker):
    with scenes.configured(django_db_blocker):
        yield


@pytest.fixture(autouse=True)
def world(monkeypatch):
    translation.activate("zh-hans")
    # Read here and not in a process of its own: that is what test_the_file_is_opened_in_a_process_of_its_own is for.
    monkeypatch.setattr(bounded, "call", lambda function, *arguments: function(*arguments))


@pytest.fixture
def unit():
    return published.organisation()


@pytest.fixture
def clerk(unit):
    return published.member(unit, "clerk", "member")


def told(unit, *rows, **how):
    """Code and sentence with its place of everything that is wrong with a filled-in template."""
    try:
        problems = problems_in(unit, LAYOUT.read(book(*rows, **how)))
    except Refused as refused:
        problems = refused.problems
    return [(problem.code, str(problem)) for problem in problems]


# --- the template ---


def test_the_template_filled_in_is_taken_whole(unit, clerk):
    rows = [row(1, latitude=29.7196, longitude=106.6417, lifts=0, planning_permit_number="示例建字第1号"), row(2)]
    made = import_communities(clerk, unit, LAYOUT.read(book(*rows)))
    assert [(one.name, one.district.name, one.organisation) for one in made] == [
        ("示例第1苑", "渝北区", unit), ("示例第2苑", "渝北区", unit),
    ]  # fmt: skip
    kept = Community.objects.get(name="示例第1苑")
    assert (kept.latitude, kept.lifts, kept.planning_permit_number) == (Decimal("29.719600"), 0, "示例建字第1号")
    assert [event.verb for event in Event.objects.of(kept)] == ["community.open"]


def test_the_empty_template_holds_nothing_to_import(unit):
    assert told(unit) == [("table_empty", "表中没有可导入的小区；请从第 3 行起每行填写一个小区。")]


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_a_template_in_either_language_is_read(unit, language):
    with translation.override(language):
        filled = book(row(1))
    assert problems_in(unit, LAYOUT.read(filled)) == []


def test_the_template_is_downloaded_by_whoever_is_signed_in(client, clerk):
    address = reverse("community-template")
    assert client.get(address).status_code == 302
    client.force_login(clerk)
    response = client.get(address)
    assert load_workbook(io.BytesIO(response.content)).worksheets[0]["A1"].value == "小区名称 *"
    assert "attachment" in response["Content-Disposition"]


def test_the_template_says_what_is_asked_and_offers_the_districts():
    workbook = load_workbook(io.BytesIO(importing.template()))
    sheet, lists = workbook.worksheets
    assert sheet.max_column == len(NAMES)
    assert [sheet.cell(1, column(name)).value.endswith("*") for name in NAMES] == [
        name in sheets.REQUIRED for name in NAMES
    ]
    districts = [cell.value for cell in lists[workbooks.letter(column("district"))] if cell.value]
    assert (len(districts), districts[0], lists.sheet_state) == (38, "万州区", "hidden")
    assert {str(rule.sqref) for rule in sheet.data_validations.dataValidation} == {
        f"{workbooks.letter(column(name))}3:{workbooks.letter(column(name))}502"
        for name in ("district", "is_another", "is_outside")
    }


def test_a_community_may_stand_where_the_help_was(unit):
    def without_help(sheet):
        sheet.delete_rows(2)

    assert told(unit, row(1), change=without_help) == []


# --- cells ---


@pytest.mark.parametrize("name, cell, kept", [
    ("floor_area", 86500.5, Decimal("86500.5")), ("floor_area", "86,500.5", Decimal("86500.5")),
    ("floor_area", "８６５００", Decimal("86500")), ("floor_area", " 86500 ", Decimal("86500")),
    ("households", 800.0, 800), ("households", "1,200", 1200), ("buildings", "12.0", 12),
    ("planning_permit_on", datetime(2024, 3, 1), date(2024, 3, 1)), ("planning_permit_on", "2024-03-01", date(2024, 3, 1)),
    ("planning_permit_on", "2024/3/1", date(2024, 3, 1)), ("planning_permit_on", "2024年3月1日", date(2024, 3, 1)),
    ("planning_permit_on", "2024.3.1", date(2024, 3, 1)), ("planning_permit_on", "20240301", date(2024, 3, 1)),
    ("planning_permit_number", 500112202400001, "500112202400001"), ("planning_permit_number", "'=1+1", "'=1+1"),
    ("name", "示例\n甲苑", "示例 甲苑"), ("name", 8, "8"), ("district", "500112", "渝北区"), ("latitude", 29.7196, None),
])  # fmt: skip
def test_what_a_cell_means_is_what_is_kept(unit, clerk, name, cell, kept):
    more = {"longitude": 106.6417} if name == "latitude" else {}
    (made,) = import_communities(clerk, unit, LAYOUT.read(book(row(**{name: cell}, **more))))
    found = getattr(Community.objects.get(pk=made.pk), name)
    assert str(found) == str(Decimal("29.719600") if name == "latitude" else kept) or found == kept


@pytest.mark.parametrize("name, cell, code, sentence", [
    ("households", 0, "not_positive", "第 3 行 K 列 户数：应大于零。"),
    ("households", "八百", "no_number", "第 3 行 K 列 户数：应为数字。"),
    ("households", True, "no_number", "第 3 行 K 列 户数：应为数字。"),
    ("households", 12.5, "no_whole", "第 3 行 K 列 户数：应为整数。"),
    ("households", "1,2", "no_number", "第 3 行 K 列 户数：应为数字。"),
    ("floor_area", datetime(2024, 1, 1), "no_number", "第 3 行 G 列 总建筑面积（平方米）：应为数字。"),
    ("floor_area", "=1+1", "formula", "第 3 行 G 列 总建筑面积（平方米）：不接受公式，请改填结果本身（选择性粘贴为数值）。"),
    ("name", "=HYPERLINK(\"x\")", "formula", "第 3 行 A 列 小区名称：不接受公式，请改填结果本身（选择性粘贴为数值）。"),
    ("floor_area", "#REF!", "cell_error", "第 3 行 G 列 总建筑面积（平方米）：单元格里是错误值，请改正。"),
    ("floor_area", 1.2345, "max_decimal_places", "第 3 行 G 列 总建筑面积（平方米）：确认小数不超过 2 位."),
    ("planning_permit_on", "2024-02-30", "no_day", "第 3 行 Q 列 建设工程规划许可证日期：应为日期，如 2025-03-01。"),
    ("planning_permit_on", True, "no_day", "第 3 行 Q 列 建设工程规划许可证日期：应为日期，如 2025-03-01。"),
    ("planning_permit_number", datetime(2024, 1, 1), "no_text",
     "第 3 行 P 列 建设工程规划许可证编号：应为文字，单元格里是日期或逻辑值；请把单元格设为文本格式后重填。"),
    ("planning_permit_number", 50011220240000123, "digits_lost",
     "第 3 行 P 列 建设工程规划许可证编号：数字超过 15 位，末尾几位已丢失；请把单元格设为文本格式后重填。"),
    ("name", "苑" * 81, "max_length", "第 3 行 A 列 小区名称：确保该变量包含不超过 80 字符 (目前字符数 81)。"),
    ("name", "  ", "required", "第 3 行 A 列 小区名称：请填写该项。"),
    ("district", "渝北", "district_unknown", "第 3 行 B 列 区县：没有“渝北”这个区县，请从下拉列表中选择。"),
    ("is_another", "对", "no_answer", "第 3 行 X 列 确认是另一个小区：只能填“是”或“否”。"),
    ("latitude", 29.7, "coordinates_incomplete", "第 3 行 E 列 经度（度）：纬度和经度应同时填写。"),
])  # fmt: skip
def test_what_is_wrong_is_said_at_its_cell(unit, name, cell, code, sentence):
    assert told(unit, row(**{name: cell})) == [(code, sentence)]


@pytest.mark.parametrize("number, problems", [(20240301, []), (45000, ["no_day"]), (20241301, ["no_day"])])
def test_a_number_is_a_day_where_its_digits_are_one(unit, number, problems):
    heads = [str(LAYOUT.by_name[name].heading) for name in (*sheets.REQUIRED, "planning_permit_on")]
    table = LAYOUT.read(plain(heads, ["示例甲苑", "渝北区", "示例路1号", 90000, 800, 9, number]))
    assert [problem.code for problem in problems_in(unit, table)] == problems


def test_every_problem_of_every_row_is_said_in_the_order_of_the_sheet(unit):
    found = told(
        unit, row(1, households=0, buildings="x"), row(2), row(3, address=None, floor_area="=A1"),
        row(4, planning_permit_on="2024-05-01", drawing_review_on="2024-04-01"),
    )  # fmt: skip
    assert [(code, text.split("：")[0]) for code, text in found] == [
        ("not_positive", "第 3 行 K 列 户数"), ("no_number", "第 3 行 L 列 楼栋数"), ("required", "第 5 行 C 列 地址"),
        ("formula", "第 5 行 G 列 总建筑面积（平方米）"), ("date_order", "第 6 行 S 列 施工图审查合格日期"),
    ]  # fmt: skip


# --- doubles ---


def test_a_row_twice_is_said_with_the_row_it_repeats(unit):
    assert told(unit, row(1), row(2), row(1)) == [("row_twice", "第 5 行 A 列 小区名称：与第 3 行重复。")]


@pytest.mark.parametrize(
    "answer, codes",
    [(None, ["row_namesake"]), ("否", ["row_namesake"]), ("no", ["row_namesake"]), ("是", []), ("Yes", [])],
)
def test_rows_that_read_the_same_are_asked_about(unit, clerk, answer, codes):
    rows = [row(name="示例甲苑"), row(name="示例·甲苑小区", is_another=answer)]
    assert [code for code, _text in told(unit, *rows)] == codes
    if not codes:
        assert len(import_communities(clerk, unit, LAYOUT.read(book(*rows)))) == 2


@pytest.mark.parametrize("latitude, answer, codes", [
    (29.7197, None, ["row_near"]), (29.7197, "是", []), (29.75, None, []),
])  # fmt: skip
def test_rows_that_lie_close_are_asked_about(unit, clerk, latitude, answer, codes):
    rows = [
        row(1, latitude=29.7196, longitude=106.6417),
        row(2, latitude=latitude, longitude=106.6417, is_another=answer),
    ]
    assert [code for code, _text in told(unit, *rows)] == codes
    if not codes:
        assert len(import_communities(clerk, unit, LAYOUT.read(book(*rows)))) == 2


def test_what_is_registered_is_said_at_its_cell(unit, clerk):
    other = published.organisation("示例别家", 2)
    published.community(unit, "示例第1苑")
    published.community(other, "示例第2苑小区")
    assert [(code, text.split("：")[0]) for code, text in told(unit, row(1), row(2), row(3))] == [
        ("community_taken", "第 3 行 A 列 小区名称"), ("namesake", "第 4 行 A 列 小区名称"),
    ]  # fmt: skip
    assert told(unit, row(2, is_another="是")) == []


def test_a_point_outside_its_district_is_confirmed_in_its_row(unit):
    place = {"latitude": 29.5583, "longitude": 106.5770}
    assert [code for code, _text in told(unit, row(**place))] == ["outside_district"]
    assert told(unit, row(**place, is_outside="是")) == []


# --- headings and shape ---


@pytest.mark.parametrize("rows, codes", [
    ([["小区名称", "区县"]], ["heading_missing"] * 4),
    ([["小区名称", "不知道", "区县", "地址", "总建筑面积（平方米）", "户数", "楼栋数"]], ["heading_unknown"]),
    ([["小区名称", "小区名称", "区县", "地址", "总建筑面积（平方米）", "户数", "楼栋数"]], ["heading_twice"]),
    ([["甲", "乙"]], ["heading_unknown"] * 2 + ["heading_missing"] * 6),
    ([], ["heading_missing"] * 6),
    ([["小区名称", "区县", "地址", "总建筑面积（平方米）", "户数", "楼栋数"], ["甲", "渝北区", "路", 1, 1, 1, "多"]],
     ["column_without_heading"]),
])  # fmt: skip
def test_headings_are_those_of_the_template(rows, codes):
    with pytest.raises(Refused) as refused:
        LAYOUT.read(plain(*rows))
    assert [problem.code for problem in refused.value.problems] == codes


def test_columns_may_stand_in_another_order_and_headings_be_typed_otherwise(unit, clerk):
    heads = ["楼栋数", " 户 数*", "总建筑面积(平方米)", "地址", "区县", "小区名称 *"]
    (made,) = import_communities(
        clerk, unit, LAYOUT.read(plain(heads, [9, 800, 90000, "示例路1号", "渝北区", "示例甲苑"]))
    )
    assert (made.name, made.households, made.buildings) == ("示例甲苑", 800, 9)


def merged(sheet):
    sheet.merge_cells("A3:B4")


def hidden_row(sheet):
    sheet.row_dimensions[3].hidden = True


def hidden_column(sheet):
    sheet.column_dimensions["C"].hidden = True


def hidden_sheet(sheet):
    sheet.parent.worksheets[1].sheet_state = "visible"
    sheet.sheet_state = "hidden"


def too_many(sheet):
    for number in range(3, 504):
        sheet.cell(number, 1).value = "示例"


def far_below(sheet):
    sheet.cell(90_000, 1).value = "示例"


def far_right(sheet):
    sheet.cell(3, 90).value = "示例"


@pytest.mark.parametrize("change, codes", [
    (merged, ["merged"]), (hidden_row, ["hidden_row"]), (hidden_column, ["hidden_column"]),
    (too_many, ["too_many_rows"]), (far_below, ["too_many_rows"]), (far_right, ["too_many_columns"]),
])  # fmt: skip
def test_what_people_would_not_see_as_we_read_it_is_refused(unit, change, codes):
    assert [code for code, _text in told(unit, row(1), row(2), change=change)] == codes


def test_a_hidden_sheet_is_not_read(unit):
    (first, *_more) = told(unit, row(1), change=hidden_sheet)
    assert first[0] == "heading_unknown"


def test_five_hundred_rows_are_taken(unit):
    assert told(unit, *(row(number) for number in range(1, 501))) == []


# --- hostile files ---


def test_a_file_that_defines_entities_is_refused(unit):
    good = book(row(1))
    sheet = part_of(good, SHEET_PART).decode()
    bomb = '<!DOCTYPE x [<!ENTITY a "示例"><!ENTITY b "&a;&a;&a;&a;">]>'
    changed = with_part(good, SHEET_PART, (bomb + sheet.replace("示例第1苑", "&b;")).encode())
    with pytest.raises(Refused) as refused:
        LAYOUT.read(changed)
    assert [problem.code for problem in refused.value.problems] == ["archive_with_declarations"]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no archive", b"%PDF-1.7", b"name,district\n", b"<html></html>"])
def test_what_is_no_workbook_is_refused(content):
    with pytest.raises(Refused):
        LAYOUT.read(uploaded(content))


def test_a_sheet_that_was_cut_off_is_refused():
    good = book(row(1))
    with pytest.raises(Refused):
        LAYOUT.read(with_part(good, SHEET_PART, part_of(good, SHEET_PART)[:-200]))


def test_a_workbook_that_unpacks_too_large_is_refused(monkeypatch):
    monkeypatch.setattr(workbooks, "UNPACKED", 1000)
    with pytest.raises(Refused) as refused:
        LAYOUT.read(book(row(1)))
    assert [problem.code for problem in refused.value.problems] == ["archive_too_large"]


def test_the_file_is_opened_in_a_process_of_its_own(unit, monkeypatch, settings):
    monkeypatch.undo()
    assert list(LAYOUT.read(book(row(1))).rows) == [3]
    with pytest.raises(Refused) as refused:
        LAYOUT.read(plain(["甲"]))
    assert refused.value.problems[0].code == "heading_unknown"
    settings.OPENING_MEGABYTES = 20
    with pytest.raises(TooHeavy):
        LAYOUT.read(book(row(1)))


# --- all or none, once ---


def test_nothing_is_registered_where_one_row_is_wrong(unit, clerk):
    with pytest.raises(Refused):
        import_communities(clerk, unit, LAYOUT.read(book(row(1), row(2, households=0))))
    assert (Community.objects.count(), Event.objects.filter(verb="community.open").count()) == (0, 0)


def test_the_same_table_twice_is_told_that_it_exists(unit, clerk):
    table = LAYOUT.read(book(row(1, latitude=29.7196, longitude=106.6417), row(2)))
    import_communities(clerk, unit, table)
    with pytest.raises(Refused) as refused:
        import_communities(clerk, unit, table)
    assert [str(problem) for problem in refused.value.problems] == ["表中 2 个小区都已登记，没有重复导入。"]
    assert Community.objects.count() == 2


def test_a_look_writes_nothing(unit, clerk):
    importing.check(clerk, unit, LAYOUT.read(book(row(1))))
    assert Community.objects.count() == 0


def test_a_kept_table_says_the_same(unit):
    table = LAYOUT.read(book(row(1, lifts=3, planning_permit_on=datetime(2024, 3, 1)), row(2)))
    again = LAYOUT.kept(table.as_json())
    assert (again.rows, again.letters, problems_in(unit, again)) == (table.rows, table.letters, [])


@pytest.mark.parametrize("state", ["draft", "submitted", "returned", "refused", "banned"])
def test_only_an_active_unit_imports(state):
    unit = published.organisation(state=state)
    person = published.member(unit)
    with pytest.raises(NotAllowed):
        import_communities(person, unit, LAYOUT.read(book(row(1))))


# --- the page ---


@pytest.fixture
def address(unit):
    return reverse("community-import", args=[unit.pk])


def test_a_workbook_is_looked_at_then_imported_then_known(client, unit, clerk, address):
    client.force_login(clerk)
    preview = client.post(address, {"file": book(row(1), row(2))})
    page = preview.content.decode()
    assert (preview.status_code, Community.objects.count()) == (200, 0)
    assert [words for words in ("将登记 2 个小区", "示例第1苑", "示例第2苑") if words not in page] == []
    first, second = (client.post(address, {"table": preview.context["kept"]}) for _press in range(2))
    assert (first.status_code, first.url, Community.objects.count()) == (302, unit.get_absolute_url(), 2)
    assert second.status_code == 422
    assert "表中 2 个小区都已登记，没有重复导入。" in second.content.decode()


def test_problems_stand_on_the_page_and_nothing_is_written(client, clerk, address):
    client.force_login(clerk)
    response = client.post(address, {"file": book(row(1, households=0))})
    assert response.status_code == 422
    assert "第 3 行 K 列 户数：应大于零。" in response.content.decode()
    assert Community.objects.count() == 0


def test_what_was_registered_between_look_and_import_is_found(client, unit, clerk, address):
    client.force_login(clerk)
    kept = client.post(address, {"file": book(row(1), row(2))}).context["kept"]
    published.community(unit, "示例第2苑")
    response = client.post(address, {"table": kept})
    assert response.status_code == 422
    assert "第 4 行 A 列 小区名称：本单位已在该区县登记过同名小区" in response.content.decode()
    assert Community.objects.count() == 1


@pytest.mark.parametrize("kept", ["", "nonsense", "WzEse31d:1abc:def"])
def test_a_table_that_we_did_not_look_at_is_not_imported(client, clerk, address, kept):
    client.force_login(clerk)
    response = client.post(address, {"table": kept})
    assert response.status_code == 422
    assert "预览已过期，请重新上传表格。" in response.content.decode()


def test_a_table_is_imported_for_the_unit_it_was_looked_at_for(client, unit, clerk, address):
    other = published.organisation("示例别家", 2)
    published.Membership.objects.create(user=clerk, organisation=other, role="member", since=published.today())
    client.force_login(clerk)
    kept = client.post(address, {"file": book(row(1))}).context["kept"]
    assert client.post(reverse("community-import", args=[other.pk]), {"table": kept}).status_code == 422
    assert Community.objects.count() == 0


def test_strangers_do_not_find_the_page_and_officers_may_not_use_it(client, unit, address):
    assert client.get(address).status_code == 302
    client.force_login(published.user("stranger"))
    assert client.get(address).status_code == 404
    client.force_login(published.officer("intake"))
    assert client.post(address, {"file": book(ROW)}).status_code == 403
