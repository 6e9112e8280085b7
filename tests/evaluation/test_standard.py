"""What a standard document may be, and how every fault in it is named and placed."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import pytest

from evaluation.standard import (
    Standard,
    canonical,
    from_document,
    parse,
    problems_of,
    sha256_of,
)
from portal.problems import Refused
from tests.evaluation.documents import SAMPLES, document_of, item, sample, small_document, source, variants


def problems_in(text: str | bytes, name: str = "standard.yaml") -> list[tuple[str, str]]:
    """Return (place, code) of everything that is wrong with a file."""
    with pytest.raises(Refused) as refusal:
        parse(text, name)
    return [(problem.place, problem.code) for problem in refusal.value.problems]


def line_of(text: str, marker: str) -> str:
    return f"第 {text[: text.index(marker)].count(chr(10)) + 1} 行"


# --- the samples --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, items, stages",
    [
        ("innovation", 17, {"paper": 17, "defence": 6}),
        ("smart-community", 95, {"design": 81, "guidance": 0, "completion": 94}),
        ("smart-property", 30, {"assess": 30, "recheck": 18}),
    ],
)
def test_the_samples_are_read_whole(name: str, items: int, stages: dict[str, int]) -> None:
    standard = sample(name)
    every = [entry for chapter in standard.chapters for section in chapter.sections for entry in section.items]
    assert len(every) == items
    assert {stage.code: len(standard.items(stage.code)) for stage in standard.stages} == stages
    assert standard.is_official is False


@pytest.mark.parametrize("name", SAMPLES)
def test_yaml_json_and_the_stored_document_give_the_same_standard(name: str) -> None:
    standard = sample(name)
    stored = json.loads(json.dumps(standard.document))
    written = json.dumps(standard.document, ensure_ascii=False)
    assert parse(written, "sample.json") == standard
    assert from_document(stored) == standard
    assert sha256_of(stored) == sha256_of(standard.document)


def test_numbers_of_a_standard_are_exact_fractions() -> None:
    standard = sample("smart-community")
    assert standard.chapters[0].weight == {"design": Fraction(15, 100), "completion": Fraction(12, 100)}
    assert standard.scoring.panel.deviation_alert == Fraction(3, 10)
    assert sample("smart-property").item("5.1.4").linear.zero_at == Fraction(2, 10)


def test_an_item_is_found_with_its_section_and_chapter() -> None:
    standard = sample("smart-community")
    found = standard.item("5.2.3")
    assert (found.name, found.domain, found.from_level) == ("高空抛物监测", "security", 3)
    assert found.evidence == {"design": ("drawing",), "completion": ("site", "demo")}
    assert standard.section_of("5.2.3").num == "5.2"
    assert standard.chapter_of("5.2.3").code == "SAFE"
    assert standard.has_item("5.2.3")
    assert not standard.has_item("5.2.9")
    assert [stage.code for stage in standard.scored_stages] == ["design", "completion"]
    assert standard.stage("design").documents[6].forms == ("pdf", "dwg")
    assert standard.domains["infosec"] == "网络与数据安全"


@pytest.mark.parametrize("act", [lambda s: s.item("99.9.9"), lambda s: s.stage("nowhere"), lambda s: s.chapter_of("")])
def test_what_is_not_in_a_standard_is_a_key_error(act: Any) -> None:
    with pytest.raises(KeyError):
        act(sample("smart-community"))


def test_a_tie_break_entry_names_an_item_by_its_name_its_code_or_its_name_with_points() -> None:
    assert sample("innovation").selection.tie_break == ("3.1.1", "3.1.2", "4.1.1")
    document = document_of("innovation")
    document["selection"]["tie_break"] = ["4.1.5", "长效运营"]
    assert from_document(document).selection.tie_break == ("4.1.5", "4.1.2")


# --- the hash -----------------------------------------------------------------------------------------------------


def test_the_canonical_form_is_json_with_sorted_keys_in_utf8_without_spaces() -> None:
    assert canonical({"b": [1, 0.15, "智"], "a": None}) == '{"a":null,"b":[1,0.15,"智"]}'.encode()
    assert sha256_of({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


def test_a_whole_number_is_the_same_however_it_is_written() -> None:
    text = source("smart-community")
    assert text.count("bonus_cap: 10\n") == 1
    other = text.replace("bonus_cap: 10\n", "bonus_cap: 10.0\n")
    assert sha256_of(parse(other, "x.yaml").document) == sha256_of(parse(text, "x.yaml").document)


# --- faults, one at a time and together ---------------------------------------------------------------------------

# (what the sample says, what the faulty one says, a text on the line of the fault, the problem)
FAULTS = [
    ('code: "4.3.2", name', 'code: "4.3.1", name', 'code: "4.3.1", name', "duplicate_item_code"),
    ('code: "5.4.3"', 'code: "5.5.3"', 'code: "5.5.3"', "item_not_in_section"),
    ("name: 机器人与无人设备, kind: bonus", "name: 机器人与无人设备, kind: bonsu", "kind: bonsu", "unknown_name"),
    (
        "name: 线上议事表决, kind: scored, mode: full",
        "name: 线上议事表决, kind: scored, mode: fool",
        "fool",
        "unknown_name",
    ),
    ("动调节。, ev: {design: [drawing]", "动调节。, ev: {design: [drawng]", "[drawng]", "unknown_name"),
    (
        "name: 车位共享, kind: scored, mode: full, points: 10, stages: [design, completion], dom: property",
        "name: 车位共享, kind: scored, mode: full, points: 10, stages: [design, completion], dom: propety",
        "dom: propety",
        "unknown_name",
    ),
    (
        "一千平方米, ev: {design: [drawing]",
        "一千平方米, ev: {design: []",
        "一千平方米, ev: {design: []",
        "stage_without_evidence",
    ),
    (
        "name: 录像保存期限, kind: control",
        "name: 录像保存期限, points: 5, kind: control",
        "points: 5, kind: control",
        "control_with_points",
    ),
    (
        "{points: 5, when: 物业服务中心与会所覆盖}",
        "{points: 4, when: 物业服务中心与会所覆盖}",
        "会所覆盖",
        "parts_not_points",
    ),
    (
        "{points: 12, when: 不低于九成五且",
        "{points: 11, when: 不低于九成五且",
        "不低于九成五且",
        "best_tier_not_points",
    ),
    ("weight: {design: 0.05,", "weight: {design: 0.06,", "chapters:\n", "weights_not_one"),
    ("min_total: 85", "min_total: 65", "min_total: 65", "levels_not_ascending"),
    (
        "name: 适老与健康, kind: scored, mode: sum, points: 6, stages: [design, completion]",
        "name: 适老与健康, kind: scored, mode: sum, points: 6, stages: [design, complete]",
        "[design, complete]",
        "unknown_stage",
    ),
    ("aggregate: mean ", "aggregate: average ", "aggregate: average", "unknown_name"),
    ("dom: infosec, from_level: 3", "dom: infosec, from_level: 4", "from_level: 4", "unknown_level"),
    ('num: "6.3"', 'num: "16.3"', 'num: "16.3"', "section_not_in_chapter"),
    ("name: 可视化一张图, ", "", '{code: "9.2.4"', "missing_key"),
    (
        "name: 应急广播与发布联动, kind: scored, mode: full, points: 8",
        "name: 应急广播与发布联动, kind: scored, mode: full, points: 八",
        "points: 八",
        "not_a_number",
    ),
    ("不影响消防与无障碍功能。, na:", "不影响消防与无障碍功能。, n_a:", "n_a:", "misspelt_key"),
    ("code: C15", "code: C14", "code: C14, name: 材料真实性承诺书", "duplicate_document_code"),
]

MORE_FAULTS = [
    ("schema_version: 1", "schema_version: 2", "schema_version", "too_great"),
    ("  kind: smart_community ", "  kind: smart_village ", "smart_village", "unknown_name"),
    ("is_official: false", "is_official: nein", "is_official", "not_a_flag"),
    ('  version: "1.0"', "  version: 1.0", "  version:", "not_text"),
    ('  version: "1.0"', "  version: 2024-01-01", "  version:", "date_not_text"),
    ("  code: REF-SC", "  code: REF SC", "REF SC", "not_a_code"),
    (
        "  notice: 参考样本，非官方标准文本；分值、权重与阈值为示例，可在后台整体替换。",
        '  notice: ""',
        "  notice",
        "empty_text",
    ),
    ("    control: 控制项（", "    contrl: 控制项（", "contrl", "unknown_name"),
    ("code: completion\n", "code: design\n", "code: design\n    name: 竣工", "duplicate_stage_code"),
    ("form: online, seal", "form: fax, seal", "form: fax", "unknown_name"),
    ('form: "pdf|dwg", seal', 'form: "pdf|dgw", seal', "pdf|dgw", "unknown_name"),
    ("required: true, form: shared_data", "form: shared_data", "form: shared_data", "missing_key"),
    ("method: weighted_ratio", "method: guesswork", "guesswork", "unknown_name"),
    ("control_rule: two_thirds", "control_rule: loudest", "loudest", "unknown_name"),
    ("rule: half_up", "rule: half_even", "half_even", "unknown_name"),
    ("digits: 2", "digits: 2.5", "digits:", "not_whole"),
    ("quorum: 5", "quorum: 0", "quorum:", "too_small"),
    ("bonus_cap: 10\n", "bonus_cap: .nan\n", "bonus_cap:", "number_not_plain"),
    ("bonus_cap: 10\n", "bonus_cap: .inf\n", "bonus_cap:", "number_not_plain"),
    ("bonus_cap: 10\n", "bonus_cap: 0.12345678901234567890\n", "bonus_cap:", "number_not_plain"),
    ("bonus_cap: 10\n", "bonus_cap: 1:30\n", "bonus_cap:", "number_not_plain"),
    ("bonus_cap: 10\n", "bonus_cap: -1\n", "bonus_cap:", "too_small"),
    ("  bonus_cap: 10\n", "", "scoring:", "missing_key"),
    ("  bonus_cap: 10\n", "  bonuscap: 10\n", "bonuscap", "misspelt_key"),
    ("  bonus_cap: 10\n", "  bonus_cap: 10\n  colour: red\n", "colour", "unknown_key"),
    ("{level: 1, name: 一星级, ", "{level: 1, ", "{level: 1", "missing_key"),
    ("{level: 3,", "{level: 5,", "levels:\n", "levels_not_counted"),
    ("{level: 3,", "{level: 2,", "{level: 2, name: 三", "levels_not_ascending"),
    ("min_chapter: 60}", "min_chapter: 45}", "min_chapter: 45", "levels_not_ascending"),
    (", min_chapter: 60}", "}", "{level: 3", "missing_key"),
    ("num: 5\n    code: SAFE", "num: 4\n    code: SAFE", "num: 4\n    code: SAFE", "duplicate_chapter_num"),
    ("code: SAFE", "code: COMM", "code: COMM\n    name: 公共", "duplicate_chapter_code"),
    ('num: "4.4"', 'num: "4.3"', 'num: "4.3"\n        name: 感知', "duplicate_section_num"),
    (
        "weight: {design: 0, completion: 0}",
        "weight: {design: 0.1, completion: 0}",
        "weight: {design: 0.1, c",
        "bonus_chapter_with_weight",
    ),
    ("weight: {design: 0.15, completion: 0.12}", "weight: {desing: 0.15, completion: 0.12}", "desing", "unknown_stage"),
    ("kind: bonus, mode: range", "kind: scored, mode: range", "其他首创", "scored_in_bonus_chapter"),
    (
        "name: 千兆接入能力\n            kind: scored",
        "name: 千兆接入能力\n            kind: control",
        "mode: tier\n",
        "mode_of_other_kind",
    ),
    ("points: 40, stages: [design]", "points: 40.25, stages: [design]", "40.25", "points_not_in_steps"),
    ("points: 40, stages: [design]", "points: 0, stages: [design]", "专项设计深度", "points_not_positive"),
    ("points: 40, stages: [design]", "stages: [design]", "专项设计深度", "missing_key"),
    ("points: 40, stages: [design]", "points: 40, stages: [design, design]", "专项设计深度", "duplicate_stage"),
    ("points: 40, stages: [design]", "points: 40, stages: []", "专项设计深度", "empty_list"),
    ("points: 40, stages: [design]", "points: 40, stages: design", "专项设计深度", "not_a_list"),
    ("ev: {design: [note, drawing, table]}", "ev: {completion: [note]}", "专项设计深度", "evidence_of_other_stage"),
    ("ev: {design: [note, drawing, table]}", "ev: [note]", "专项设计深度", "not_a_map"),
    (
        "ev: {design: [note, drawing, table]}",
        "ev: {design: [note]}, tiers: [{points: 40, when: 好}]",
        "专项设计深度",
        "field_of_other_mode",
    ),
    ("tiers: [{points: 4, when: 一种}", "teirs: [{points: 4, when: 一种}", "teirs", "misspelt_key"),
    (
        "name: 模型化运维, kind: bonus",
        "name: 模型化运维, from_level: 2, kind: bonus",
        "模型化运维",
        "bonus_binds_level",
    ),
    ("name: 模型化运维, kind", "name: 模型化运维, name: 又一个, kind", "模型化运维", "duplicate_key"),
    ("name: 模型化运维, kind", "name: !!python/name:os.system x, kind", "os.system", "unsafe_tag"),
    ("name: 模型化运维, kind", "name: !secret x, kind", "!secret", "unsafe_tag"),
    ("name: 模型化运维, kind", 'name: "\\0", kind', '"\\0"', "unwritable_text"),
    (
        "    photo: 现场照片（带时间与位置）",
        "    photo: 现场照片（带时间与位置）\n    7: 七",
        "    7: 七",
        "key_not_text",
    ),
    (
        "    photo: 现场照片（带时间与位置）",
        "    photo: 现场照片（带时间与位置）\n    <<: {x: 七}",
        "    <<",
        "key_not_text",
    ),
]


def test_each_fault_gives_exactly_one_problem_at_its_line() -> None:
    text = source("smart-community")
    wrong = []
    for before, after, marker, code in [*FAULTS, *MORE_FAULTS]:
        assert before in text, before
        faulty = text.replace(before, after, 1)
        found = problems_in(faulty)
        if found != [(line_of(faulty, marker), code)]:
            wrong.append((after, found, line_of(faulty, marker), code))
    assert wrong == []


def test_twenty_faults_give_exactly_twenty_problems_in_the_order_of_the_file() -> None:
    text = source("smart-community")
    for before, after, _, _ in FAULTS:
        assert text.count(before) >= 1, before
        text = text.replace(before, after, 1)
    expected = [(line_of(text, marker), code) for _, _, marker, code in FAULTS]
    found = problems_in(text)
    assert len(FAULTS) == 20
    assert sorted(found) == sorted(expected)
    lines = [int(place.split()[1]) for place, _ in found]
    assert lines == sorted(lines)


def test_a_problem_says_what_is_wrong_and_what_would_be_right() -> None:
    text = source("smart-community").replace(
        "name: 模型化运维, kind: bonus, mode: full", "name: 模型化运维, kind: bonus, mode: fool"
    )
    with pytest.raises(Refused) as refusal:
        parse(text, "x.yaml")
    expected = "12.1.1：mode 不认识“fool”，可用：pass、full、tier、sum、range。"
    assert [str(problem) for problem in refusal.value.problems] == [f"{line_of(text, 'mode: fool')}：{expected}"]


def test_a_level_may_ask_for_the_same_total_as_the_one_below() -> None:
    text = source("smart-community").replace("min_total: 70, min_chapter: 50", "min_total: 60, min_chapter: 40")
    assert [level.min_total for level in parse(text, "x.yaml").levels] == [60, 60, 85]


@pytest.mark.parametrize("code", ["5.4.3.1", "5.4.", "5.4", "5.43", "15.4.3"])
def test_an_item_code_is_its_section_and_one_more_part(code: str) -> None:
    text = source("smart-community").replace('code: "5.4.3"', f'code: "{code}"')
    assert problems_in(text) == [(line_of(text, f'code: "{code}"'), "item_not_in_section")]


def test_a_trimmed_mean_must_say_when_it_trims() -> None:
    text = source("smart-community").replace("aggregate: mean ", "aggregate: trimmed_mean ")
    parse(text, "x.yaml")
    faulty = text.replace("trim_when_at_least: 7", "# nothing")
    assert problems_in(faulty) == [(line_of(faulty, "  panel:"), "missing_key")]


@pytest.mark.parametrize(
    "change, expected",
    [
        (lambda d: d["scoring"].pop("stage_weight"), [("$.scoring", "missing_key")]),
        (
            lambda d: d["scoring"].update(stage_weight={"paper": 0.6, "defence": 0.5}),
            [("$.scoring.stage_weight", "stage_weights_not_one")],
        ),
        (
            lambda d: d["scoring"].update(stage_weight={"paper": 0.6, "show": 0.4}),
            [("$.scoring.stage_weight.show", "unknown_stage")],
        ),
        (lambda d: d["selection"].update(rule="lottery"), [("$.selection.rule", "unknown_name")]),
        (lambda d: d["selection"].pop("quota"), [("$.selection", "missing_key")]),
        (lambda d: d["selection"].update(shortlist_ratio=0.5), [("$.selection.shortlist_ratio", "too_small")]),
        (lambda d: d["selection"].update(tie_break=["颜值"]), [("$.selection.tie_break[0]", "tie_break_unclear")]),
        (
            lambda d: d["selection"]["support"][1].update(code="S1"),
            [("$.selection.support[1].code", "duplicate_support_code")],
        ),
        (lambda d: d["eligibility"][2].update(code="E1"), [("$.eligibility[2].code", "duplicate_eligibility_code")]),
        (lambda d: d["scoring"].update(method="pass_all"), [("$.selection", "selection_without_total")]),
        (lambda d: d.pop("selection"), [("$", "missing_key")]),
        (
            lambda d: d.update(levels=[{"level": 1, "name": "一", "min_total": 1, "min_chapter": 1}]),
            [("$.selection", "levels_and_selection")],
        ),
        (
            lambda d: d["chapters"][0]["sections"][0]["items"][0].update(from_level=1),
            [("$.chapters[0].sections[0].items[0].from_level", "unknown_level")],
        ),
        (
            lambda d: [stage.update(scored=False) for stage in d["stages"]] and d["scoring"].update(stage_weight={}),
            [("$.stages", "no_scored_stage"), ("$.scoring.stage_weight", "stage_weights_not_one")],
        ),
        (lambda d: d.update(chapters=[]), None),
    ],
)
def test_faults_of_json_are_placed_by_path(change: Any, expected: list[tuple[str, str]] | None) -> None:
    document = document_of("innovation")
    change(document)
    text = json.dumps(document, ensure_ascii=False)
    found = problems_in(text, "x.JSON")
    if expected is not None:
        assert found == expected
    assert sorted(found) == sorted((problem.place, problem.code) for problem in problems_of(document))


@pytest.mark.parametrize(
    "items, scoring, expected",
    [
        ([item("1.1.1", mode="linear", linear={"zero_at": 3, "full_at": 3})], {}, "line_without_length"),
        ([item("1.1.1", mode="linear")], {}, "missing_key"),
        ([item("1.1.1", mode="tier")], {}, "missing_key"),
        ([item("1.1.1", mode="sum", parts=[{"points": 1, "when": "又一"}] * 13)], {}, "list_too_long"),
        ([item("1.1.1", kind="control")], {}, "stage_without_scored_items"),
        ([item("1.1.1")], {"method": "weighted_ratio"}, "stage_without_weight"),
        ([item("1.1.1"), item("1.1.2", kind="scored", mode="pass")], {}, "mode_of_other_kind"),
        ([item("1.1.1")], {"panel": {"trim_when_at_least": 2}}, "too_small"),
        ([item("1.1.1", ev={"only": "paper"})], {}, "not_a_list"),
        ([item("1.1.1 ")], {}, "not_a_code"),
        ([item("1.1.12345678901234567890")], {}, "too_long"),
    ],
)
def test_a_document_that_could_not_be_scored_is_refused(
    items: list[dict[str, Any]], scoring: dict[str, Any], expected: str
) -> None:
    assert [problem.code for problem in problems_of(small_document(items, **scoring))] == [expected]


@pytest.mark.parametrize(
    "document", [None, [], "text", 7, True, {}, {"chapters": 3}, {"chapters": [3, {}, {"sections": [{}]}]}]
)
def test_whatever_is_not_a_standard_at_all_is_refused_and_not_a_crash(document: Any) -> None:
    assert problems_of(document) != []
    assert problems_in(json.dumps(document), "x.json") == [(p.place, p.code) for p in problems_of(document)]


@pytest.mark.parametrize("strange", [None, [], {}, "", "x", -1, 0.5, True, [None], {"x": None}])
def test_any_value_anywhere_is_refused_or_taken_but_never_a_crash(strange: Any) -> None:
    """Every value of a small standard in turn is replaced by something strange."""
    items = [item("1.1.1", kind="control"), item("1.1.2", mode="tier", tiers=[{"points": 10, "when": "好"}])]
    for document in variants(small_document(items), strange):
        if problems_of(document) == []:
            assert isinstance(from_document(document), Standard)


# --- files that cannot be read ------------------------------------------------------------------------------------

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + step)}: &{chr(98 + step)} [{', '.join(['*' + chr(97 + step)] * 9)}]\n" for step in range(8)
)


@pytest.mark.parametrize(
    "text, name, place, code",
    [
        ("", "x.yaml", "", "empty"),
        ("# nothing\n", "x.yaml", "", "empty"),
        ("", "x.json", "第 1 行", "syntax"),
        ('{\n"a": 1\n"b": 2}', "x.json", "第 3 行", "syntax"),
        ("a: 1\nb: [1\nc: 2\n", "x.yaml", "第 3 行", "syntax"),
        ("a: 1\n---\nb: 2\n", "x.yaml", "第 2 行", "syntax"),
        ("a: *nowhere\n", "x.yaml", "第 1 行", "syntax"),
        ("智: 慧\n" * 3 + "a: \x01\n", "x.yaml", "第 4 行", "bad_character"),
        ("a: 1\n智: ".encode() + b"\xff\n", "x.yaml", "第 2 行", "not_utf8"),
        ("\n" + "[" * 21 + "]" * 21, "x.yaml", "第 2 行", "too_deep"),
        ("[" * 500_000, "x.yaml", "第 1 行", "too_deep"),
        ("[" * 23 + "]" * 23, "x.json", "$" + "[0]" * 21, "too_deep"),
        ("[" * 500_000, "x.json", "$", "too_deep"),
        ("a: &a [*a]\n", "x.yaml", "第 1 行", "too_deep"),
        (BOMB, "x.yaml", "第 1 行", "too_many_values"),
        ("- 1\n" * 400_000, "x.yaml", "第 299999 行", "too_many_values"),
        ("a" * (2 * 1024 * 1024 + 1), "x.yaml", "", "too_large"),
        ("智" * (700 * 1024), "x.json", "", "too_large"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_file_that_cannot_be_read_safely_is_refused_at_once(
    text: str | bytes, name: str, place: str, code: str
) -> None:
    assert problems_in(text, name) == [(place, code)]


@pytest.mark.parametrize(
    "text, expected",
    [
        ('{"a": 1, "a": 2}', ("$.a", "duplicate_key")),
        ('{"a": NaN}', ("$.a", "number_not_plain")),
        ('{"a": 1e999}', ("$.a", "number_not_plain")),
        ('{"a": "\\ud800"}', ("$.a", "unwritable_text")),
        ('{"\\u0000": 1}', ("$", "unwritable_text")),
    ],
)
def test_what_json_cannot_hold_exactly_is_refused(text: str, expected: tuple[str, str]) -> None:
    assert expected in problems_in(text, "x.json")


def test_references_that_stay_small_are_taken() -> None:
    text = source("smart-community")
    before = "ev: {design: [drawing, note], completion: [accept, site]}"
    assert before in text
    text = text.replace(before, "ev: &proof {design: [drawing, note], completion: [accept, site]}", 1)
    again = "ev: {design: [drawing, table], completion: [contract, accept]}"
    standard = parse(text.replace(again, "ev: *proof", 1), "x.yaml")
    assert standard.item("4.1.2").evidence == standard.item("4.1.1").evidence


def test_a_byte_order_mark_is_no_fault() -> None:
    assert parse(b"\xef\xbb\xbf" + source("innovation").encode(), "x.yaml") == sample("innovation")
    assert parse("\ufeff" + json.dumps(document_of("innovation")), "x.json") == sample("innovation")
