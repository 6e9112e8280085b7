"""The documents as they are printed: text, fonts, standard, determinism, hostile words, characters no font has."""

from __future__ import annotations

import hashlib
import io
import json
import re
from datetime import date

import pytest
import segno
import typst
from pypdf import PdfReader

from portal import files, samples, typesetting
from portal.problems import Refused

HEAD = {
    "number": "CQSC-2026-500112-0001",
    "project": "CQSC-2026-500112-0001",
    "community": "示例·云璟喆园一期",
    "district": "酉阳土家族苗族自治县",
    "organisation": "示例重庆云璟置业发展有限公司",
    "addressee": "示例重庆云璟置业发展有限公司",
    "stage": "竣工评价",
    "standard": "REF-SC 1.0 智慧小区评价参考样本",
    "notice": "参考样本，非官方标准文本",
    "issued_on": "2026-11-21",
    "check_url": "http://127.0.0.1:8000/certificates/CQSC-X-2026-00001/",
}
DOCUMENTS = {
    "certificate": {
        "number": HEAD["number"],
        "notice": HEAD["notice"],
        "issued_on": HEAD["issued_on"],
        "check_url": HEAD["check_url"],
        "title": "智慧小区评价证书",
        "is_final": True,
        "level": 2,
        "level_name": "二星级",
        "award": "智慧小区",
        "body": [["filled", "示例重庆云璟置业发展有限公司"], ["words", "申报，评定为："]],
        "lines": [["小区名称", HEAD["community"]], ["评价标准", HEAD["standard"]]],
        "signatures": [["签发人", "示例签发人"], ["复核", ""]],
        "issuer": "示例市住房主管部门",
    },
    "incentive": {
        "number": "CQSC-JL-2026-00001-7KQ2M3WR",
        "notice": HEAD["notice"],
        "issued_on": HEAD["issued_on"],
        "valid_until": date(2029, 11, 20),
        "check_url": "http://127.0.0.1:8000/incentives/CQSC-JL-2026-00001-7KQ2M3WR/",
        "policy": "重点监管资金",
        "basis": "示例依据",
        "document": "示例〔2026〕1号",
        "organisation": HEAD["organisation"],
        "credit_code": "91500000MA5U000015",
        "community": HEAD["community"],
        "district": HEAD["district"],
        "certificate": "CQSC-X-2026-00001",
        "level_name": "二星级",
        "amount": "示例 10 个百分点",
        "conditions": "示例条件一\n示例条件二",
        "cap": "示例上限",
        "department": "示例市预售资金监管部门",
        "seal_key": "0123456789abcdef",
        "issuer": "示例市住房主管部门",
    },
    "correction_notice": {
        **HEAD,
        "due_on": date(2026, 12, 5),
        "days": 10,
        "round": 1,
        "contact": "023-00000000（示例）",
        "findings": [
            {"place": "4.2.1 光纤到户", "problem": "自评得分没有佐证。\n请补充。", "remedy": "上传弱电深化图。"},
            {"place": "S03 施工图", "problem": "文件打不开。"},
        ],
    },
    "decision": {
        **HEAD,
        "title": "不予受理决定书",
        "decision": "不予受理。",
        "reasons": ["同等级证书仍在有效期内。"],
        "next": "证书到期前可以申请复评。",
        "remedy": "可以依法申请行政复议。",
        "contact": "示例窗口",
        "facts": [["决定", "不予受理"]],
    },
    "sanction": {
        **HEAD,
        "title": "证书处理决定书",
        "opening": "你单位所持证书的处理一案，经听取意见并审查，现作出如下决定。",
        "facts": [["证书编号", "CQSC-X-2026-00001"], ["处理编号", "CQSC-CLA-2026-00001"]],
        "sections": [["查明的事实", "平台停用三个月。\n数据停止上传。"], ["决定", "撤销证书。"]],
        "remedy": "可以依法申请行政复议。",
        "contact": "示例窗口",
    },
    "public_notice": {
        **HEAD,
        "title": "2026年第三批智慧小区评价结果公示",
        "opened_on": "2026-11-23",
        "closes_on": "2026-12-11",
        "contact": "示例窗口",
        "rows": [
            {
                "community": f"示例小区{number}期",
                "district": "渝北区",
                "organisation": "示例单位",
                "stage": "竣工评价",
                "level_name": "二星级",
                "total": "88.06",
            }
            for number in range(40)
        ],
    },
    "sheet": {
        **HEAD,
        "expert": "示例专家甲",
        "field": "通信网络",
        "leader": True,
        "opinion": "同意。",
        "sha256": "ab" * 32,
        "signed_at": "2026年11月21日 10:32",
        "chapters": [
            {
                "name": "4 通信与信息基础设施",
                "items": [{"code": "4.2.1", "name": "光纤到户", "points": "10", "mark": "9", "reason": "抽查三户。"}],
            }
        ],
    },
    "snapshot": {
        **HEAD,
        "title": "智慧小区竣工评价申报书",
        "version": 1,
        "submitted_by": "示例经办人",
        "submitted_at": "2026年11月21日",
        "sha256": "0f" * 32,
        "sections": [{"name": "小区", "rows": [["名称", "示例云景园"], ["户数", "1200"]]}],
        "documents": [{"code": "S01", "name": "申报表", "files": ["申报表.pdf（3 页）"]}],
        "claims": [{"code": "4.1.1", "name": "光纤", "value": "满足", "note": "见图", "evidence": "第 3 页"}],
    },
    "site_visit": {
        **HEAD,
        "title": "现场核查记录",
        "node": "管线预埋",
        "address": "示例路 1 号",
        "visited_on": "2026-11-20",
        "visitors": ["示例专家甲", "示例经办人"],
        "summary": "现场情况良好。",
        "findings": [
            {"code": "4.2.1", "name": "光纤", "agrees": True, "text": "一致"},
            {"code": "5.2.3", "name": "门禁", "agrees": False, "text": "两处未装", "due_on": "2026-12-01", "reply": "已装"},
        ],
        "photos": [
            {"picture": "photo-1", "caption": "弱电间", "taken_at": "2026-11-20 09:31", "position": "29.5630, 106.5516"},
            {"picture": "photo-2", "caption": "东门"},
        ],
        "signatures": [{"role": "专家组长", "name": "示例专家甲", "signed_at": "2026-11-20"}, {"role": "申报", "name": "示例"}],
    },
    "monthly_report": {
        "title": "智慧小区评价统计月报（2026年10月）",
        "number": "TJYB-2026-10",
        "issued_on": "2026-10-31",
        "year": 2026,
        "notice": "参考样本，非官方标准文本",
        "check_url": "https://example.org/statistics/reports/2026-10/",
        "figures": {
            "month": {"notices": 3, "provisional": 2, "awarded": [[2, "二星级", 1]]},
            "year": {"notices": 20, "provisional": 9, "awarded": [[3, "三星级", 4], [2, "二星级", 5]]},
            "in_force": [[3, "三星级", 6], [2, "二星级", 7]],
            "districts": [["", 120, 9, 13], ["渝中区", None, 9, 13]],
            "times": {"counted_on": "2026-11-01", "rows": [["形式审查", 8, 3, 5, 5, 100]]},
        },
    },
    "sample": {
        "title": "示例说明",
        "code": "示例编号 1",
        "issued_on": "2026-11-21",
        "pages": [{"lines": ["第一行"], "drawing": None}],
    },
}  # fmt: skip
PHOTOS = {"photo-1": samples.sample_photo("网络机房"), "photo-2": samples.sample_photo("东门")}


def render(template: str, **changes: object) -> bytes:
    return typesetting.render(template, {**DOCUMENTS[template], **changes}, assets=PHOTOS)


def text_of(pdf: bytes) -> str:
    """The text of a PDF without spaces, line ends and marks where a long word may be broken."""
    return re.sub(r"[\s\u200b]", "", "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages))


def texts_in(value: object) -> list[str]:
    """Every text that a document's data asks to be printed."""
    if isinstance(value, dict):
        hidden = {"picture", "issued_on", "visited_on", "due_on", "opened_on", "closes_on", "valid_until", "counted_on"}
        return [text for key, inner in value.items() if key not in hidden for text in texts_in(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in texts_in(inner)]
    return [value] if isinstance(value, str) else []


# Which of the common entries a template does not print.
UNPRINTED = {
    "certificate": {"is_final", "body"},
    "incentive": set(),
    "correction_notice": {"district", "organisation", "standard", "check_url"},
    "decision": {"district", "organisation", "standard", "check_url"},
    "sanction": {"district", "organisation", "standard", "check_url", "project", "community", "stage", "notice"},
    "public_notice": {"project", "community", "district", "organisation", "addressee", "stage", "check_url"},
    "sheet": {"district", "organisation", "addressee", "check_url"},
    "snapshot": {"project", "community", "district", "organisation", "addressee", "stage", "standard", "check_url"},
    "site_visit": {"district", "organisation", "addressee", "standard", "check_url"},
    "monthly_report": {"check_url"},
    "sample": set(),
}


def test_every_template_has_its_document_here() -> None:
    assert {path.stem for path in typesetting.ROOT.glob("*.typ")} - {"common"} == set(DOCUMENTS) == set(UNPRINTED)


@pytest.mark.parametrize("template", DOCUMENTS)
def test_everything_that_was_said_is_printed_and_can_be_read_back(template: str) -> None:
    printed = text_of(render(template))
    data = {key: value for key, value in DOCUMENTS[template].items() if key not in UNPRINTED[template]}
    missing = [text for text in texts_in(data) if re.sub(r"\s", "", text) not in printed]
    assert missing == []


@pytest.mark.parametrize("template", DOCUMENTS)
def test_a_document_is_pdf_a_2b_with_its_fonts_inside_and_passes_our_own_inspection(template: str) -> None:
    pdf = render(template)
    reader = PdfReader(io.BytesIO(pdf))
    metadata = reader.root_object["/Metadata"].get_data().decode()
    assert re.findall(r"<pdfaid:(part|conformance)>(\w+)<", metadata) == [("part", "2"), ("conformance", "B")]
    assert len(reader.root_object["/OutputIntents"]) == 1
    fonts = {font for page in reader.pages for font in page["/Resources"]["/Font"].values()}
    for font in fonts:
        descriptor = font.get_object()["/DescendantFonts"][0].get_object()["/FontDescriptor"]
        assert {"/FontFile2", "/FontFile3"} & set(descriptor)
        assert re.fullmatch(r"/[A-Z]{6}\+(Noto(Serif|Sans)CJKsc|LXGWWenKai)-Regular.*", descriptor["/FontName"])
    seen = files.inspect(io.BytesIO(pdf), "a.pdf", allowed=("pdf",), max_bytes=10**7)
    assert (seen.kind, seen.pages) == ("pdf", len(reader.pages))


@pytest.mark.parametrize("template", DOCUMENTS)
def test_the_same_data_gives_the_same_bytes(template: str) -> None:
    assert render(template) == render(template)


def test_the_date_in_the_file_is_the_document_s_own() -> None:
    metadata = PdfReader(io.BytesIO(render("certificate"))).metadata
    assert metadata is not None
    assert (metadata["/CreationDate"], metadata["/Title"]) == (
        "D:20261121000000Z",
        "智慧小区评价证书 CQSC-2026-500112-0001",
    )


@pytest.mark.parametrize("level, stars", [(1, "★☆☆"), (2, "★★☆"), (3, "★★★")])
def test_stars_are_drawn_by_level(level: int, stars: str) -> None:
    assert stars in text_of(render("certificate", level=level))


def test_a_level_that_is_no_star_is_printed_as_words() -> None:
    printed = text_of(render("certificate", level=2, level_name="智能物业示范小区", title="智能物业小区评价证书"))
    assert ("智能物业示范小区" in printed, "★" in printed, "☆" in printed) == (True, False, False)


def test_a_provisional_certificate_says_so() -> None:
    printed = text_of(render("certificate", is_final=False))
    assert ("设计阶段预评结果" in printed, "竣工评价通过后授予正式等级" in printed) == (True, True)


def test_an_official_standard_needs_no_notice() -> None:
    assert "参考样本，非官方标准文本" not in text_of(render("certificate", notice=""))


def test_the_longest_names_stay_on_one_page() -> None:
    pdf = render(
        "certificate",
        body=[["filled", "示例" + "长" * 114 + "公司"], ["words", "申报的"], ["filled", "示例" + "园" * 78]],
        lines=[
            ["小区名称", "示例" + "园" * 78],
            ["申报单位", "示例" + "长" * 114 + "公司"],
            ["评价标准", "REF-SC 1.0 " + "准" * 69],
        ],
        is_final=False,
    )
    assert len(PdfReader(io.BytesIO(pdf)).pages) == 1


def test_a_certificate_is_small() -> None:
    assert len(render("certificate")) < 300_000


# --- hostile words ------------------------------------------------------------------------------------------------

HOSTILE = [
    '#read("/etc/passwd")',
    '#include "certificate.typ"',
    "*粗体* _斜体_ `码` $x^2$ <标签> @引用 = 标题",
    '"; #panic("x") //',
    "%(name)s {0} ${x} {{ y }}",
    "\\u{1f600} \\n #sym.star",
    "<script>alert(1)</script> </text>",
]


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_words_are_printed_as_words(words: str) -> None:
    printed = text_of(render("decision", decision=words, reasons=[words], community=words, contact=words))
    assert printed.count(re.sub(r"\s", "", words)) == 4


def test_control_and_direction_characters_are_left_out() -> None:
    printed = text_of(render("decision", decision="甲\x00乙\u202e丙\u200b丁\ufeff戊"))
    assert "甲乙丙丁戊" in printed


@pytest.mark.parametrize("count", range(1, 31))
def test_the_seal_never_stands_alone_on_a_page(count: int) -> None:
    finding = {"place": "4.2.1 光纤到户", "problem": "自评得分没有佐证，请补充。"}
    pages = PdfReader(io.BytesIO(render("correction_notice", findings=[finding] * count))).pages
    assert "逾期未补正的" in pages[-1].extract_text()


def test_a_very_long_word_stays_on_the_page() -> None:
    pdf = render("correction_notice", findings=[{"place": "x" * 200, "problem": "y" * 2000, "remedy": "z" * 200}])
    page = PdfReader(io.BytesIO(pdf)).pages[0]
    rights: list[float] = []
    page.extract_text(visitor_text=lambda text, _, place, *__: rights.append(place[4]) if text.strip() else None)
    assert max(rights) < float(page.mediabox.width) - 25 / 25.4 * 72


def test_a_template_sees_only_its_own_folder() -> None:
    for name in ("/etc/hostname", "../../manage.py", "../base.html"):
        with pytest.raises(typst.TypstError):
            typst.compile(
                {"main.typ": f"#set document(title: [x])\n#read({json.dumps(name)})".encode()}, root=typesetting.ROOT
            )


@pytest.mark.parametrize("name", ["../x", "common.typ", "a/b", "", "A"])
def test_a_picture_cannot_take_the_place_of_a_template(name: str) -> None:
    with pytest.raises(ValueError, match="not the name of a picture"):
        typesetting.render("sample", DOCUMENTS["sample"], assets={name: b"<svg/>"})


def test_another_seal_takes_the_place_of_the_sample() -> None:
    red = samples.sample_photo("印章")
    assert len(typesetting.render("certificate", DOCUMENTS["certificate"], assets={"seal": red})) > len(red)


# --- characters ---------------------------------------------------------------------------------------------------


def test_a_name_with_a_character_that_no_font_has_is_refused_with_the_character() -> None:
    with pytest.raises(Refused) as refused:
        render("certificate", title="示例😀园", issuer="\U000323af公司😀")
    assert str(refused.value) == ("以下字符无法印制在证书上：😀、\U000323af（U+1F600、U+323AF）；请改用规范汉字。")


def test_a_working_paper_prints_a_substitute_and_says_which() -> None:
    data = {**DOCUMENTS["decision"], "decision": "同意😀，谢谢🎉😀。"}
    printed = text_of(typesetting.render("decision", data, replace_missing=True))
    assert "同意〓，谢谢〓〓。" in printed
    assert "注：文中“〓”为本系统字库未收的字符，依次为U+1F600、U+1F389。" in printed


@pytest.mark.parametrize(
    "text, missing",
    [
        ("重庆市綦江区璧山区垫江县酉阳土家族苗族自治县", ""),
        ("喆堃犇龑淼燊祎翀玥昇旻曌璟﨎䶮㛃𬭎𫖮", ""),
        ("龍湖·兩江新宸（一期）ABC-123 ★★☆ ①②③ ㎡ ℃ №", ""),
        ("第一行\r\n第二行\t制表", ""),
        ("好😀人🎉😀", "😀🎉"),
        ("e\u0301", ""),
        ("คน", "คน"),
    ],
)
def test_missing_characters_are_named_once_in_order(text: str, missing: str) -> None:
    assert typesetting.missing_characters(text) == missing


def test_a_form_gets_a_problem_at_its_field() -> None:
    assert typesetting.problem_of_characters("示例园", "name") is None
    problem = typesetting.problem_of_characters("示例🎉园", "name")
    assert problem is not None
    assert problem.as_json() == {
        "code": "characters_missing",
        "place": "name",
        "message": "以下字符无法印制在证书上：🎉（U+1F389）；请改用规范汉字。",
    }


def encodable(codec: str) -> set[str]:
    """The ideographs of an old Chinese encoding."""
    found = set()
    for number in range(0x4E00, 0xA000):
        try:
            chr(number).encode(codec)
        except UnicodeEncodeError:
            continue
        found.add(chr(number))
    return found


@pytest.mark.parametrize("font, codec", [("serif", "gbk"), ("sans", "gb2312"), ("kai", "gb2312")])
def test_a_font_holds_every_ideograph_of_its_repertoire(font: str, codec: str) -> None:
    assert encodable(codec) - typesetting.characters_of(font) == set()


@pytest.mark.parametrize(
    "font, family", [("serif", "Noto Serif CJK SC"), ("sans", "Noto Sans CJK SC"), ("kai", "LXGW WenKai")]
)
def test_every_character_that_is_listed_can_be_drawn(font: str, family: str) -> None:
    listed = "".join(sorted(typesetting.characters_of(font)))
    source = (
        f'#set document(title: "x")\n#set page(height: auto)\n#set text(size: 4pt, font: "{family}")\n#sys.inputs.all'
    )
    # PDF/A-2b refuses a character that the font lacks.
    pdf = typst.compile(
        source.encode(),
        font_paths=typst.Fonts(False, False, [typesetting.FONTS]),
        ignore_system_fonts=True,
        sys_inputs={"all": listed},
        pdf_standards="a-2b",
        timestamp=0,
    )
    assert pdf.startswith(b"%PDF-1.7")


# --- fonts, QR ----------------------------------------------------------------------------------------------------


def test_the_font_manifest_names_every_file_with_its_hash_and_licence() -> None:
    fonts = json.loads((typesetting.FONTS / "manifest.json").read_text())["fonts"]
    stored = {path.name for path in typesetting.FONTS.iterdir() if path.suffix in {".otf", ".ttf", ".ttc", ".woff2"}}
    assert {font["file"] for font in fonts} == stored
    for font in fonts:
        assert font["sha256"] == hashlib.sha256((typesetting.FONTS / font["file"]).read_bytes()).hexdigest()
        assert "SIL OPEN FONT LICENSE Version 1.1" in (typesetting.FONTS / font["licence_file"]).read_text()
        assert (typesetting.FONTS / font["characters"]).exists()
    assert sum(path.stat().st_size for path in typesetting.FONTS.iterdir()) < 15_000_000


def modules_of(svg: str) -> list[list[int]]:
    """Read a QR code's matrix back from the strokes of its SVG."""
    side = int(re.search(r'viewBox="0 0 (\d+) ', svg).group(1))
    matrix = [[0] * side for _ in range(side)]
    x, y = 0.0, 0.0
    for command, numbers in re.findall(r"([MmHhVv])([-\d. ]*)", re.search(r'\sd="([^"]+)"', svg).group(1)):
        values = [float(value) for value in re.findall(r"-?[\d.]+", numbers)]
        if command == "M":
            x, y = values
        elif command == "m":
            x, y = x + values[0], y + values[1]
        else:
            assert command == "h"
            for column in range(int(x), int(x + values[0])):
                matrix[int(y)][column] = 1
            x += values[0]
    return matrix


def test_the_qr_code_is_the_check_address() -> None:
    address = HEAD["check_url"]
    expected = segno.make(address, error="m", micro=False, boost_error=False)
    bordered = [list(row) for row in expected.matrix_iter(border=4)]
    assert modules_of(typesetting.qr_svg(address)) == bordered
    assert modules_of(typesetting.qr_svg(address + "x")) != bordered
