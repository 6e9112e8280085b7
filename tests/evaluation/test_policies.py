"""Districts, programmes, stages and parameters are changed on a basis, side by side, and running cases keep what they had."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from communities.models import Community, District, Organisation, Parameter
from evaluation import policies
from evaluation.models import Application, Programme, Project, StageRule, Standard
from portal.machine import NotAllowed
from portal.models import Event
from portal.problems import Changed
from tests.evaluation import scenes
from tests.evaluation.officers import DUTIES, account, officer

pytestmark = pytest.mark.django_db
TODAY = timezone.localdate()
BASIS = "示例文号〔2026〕2号"


@pytest.fixture(scope="module", autouse=True)
def _kept(django_db_setup, django_db_blocker):
    with scenes.configured(django_db_blocker):
        yield


@pytest.fixture
def keeper():
    return officer("security_administrator")


def of(kind, key):
    return policies.find(kind, key)


def stage(code="completion"):
    return str(StageRule.objects.get(programme="smart_community", stage=code).pk)


def make_case(number="1", stage="completion"):
    unit = Organisation.objects.create(credit_code=f"9150000000000000{number}X", name="示例单位", kind="developer")
    community = Community.objects.create(
        organisation=unit,
        name="示例小区",
        district_id="500112",
        address="示例路",
        floor_area=1,
        households=1,
        buildings=1,
    )
    programme = Programme.objects.get(pk="smart_community")
    project = Project.objects.create(
        number=f"X-{number}", programme=programme, standard=programme.standard, community=community, organisation=unit,
        target_level=1, created_by=account(f"maker-{number}"),
    )  # fmt: skip
    return Application.objects.create(project=project, stage=stage, state="form_check")


class TestChanging:
    @pytest.mark.parametrize(
        "kind, key, values",
        [
            ("district", "500112", {"name": "示例新名", "valid_until": "2030-12-31"}),
            ("programme", "smart_community", {"panel_size": 7, "guidance_nodes": [["conduits", "管线"]]}),
            ("parameter", "expert_term_years", {"value": 4}),
            ("stage_rule", "", {"certificate_years": 5}),
        ],
    )
    def test_the_trail_tells_before_after_who_and_why(self, keeper, kind, key, values):
        found, row = of(kind, key or stage())
        before = {name: policies.plain(found, row)[name] for name in values}
        changes = policies.keep(keeper, found, row, values, BASIS)
        assert changes == {name: (before[name], values[name]) for name in values}
        assert {name: policies.plain(*of(kind, str(row.pk)))[name] for name in values} == values
        event = Event.objects.of(row).get()
        assert (event.verb, event.actor, event.data) == (
            f"{kind}.change", keeper, {"before": before, "after": values, "basis": BASIS}
        )  # fmt: skip

    def test_looking_first_changes_nothing(self, keeper):
        found, row = of("parameter", "expert_term_years")
        assert policies.preview(found, row, {"value": 9}, BASIS).changes == {"value": (3, 9)}
        assert (Parameter.objects.get(pk=row.pk).value, Event.objects.of(row).count()) == (3, 0)

    def test_the_same_again_leaves_no_event(self, keeper):
        found, row = of("parameter", "expert_term_years")
        assert policies.keep(keeper, found, row, {"value": 3}, BASIS) == {}
        assert not Event.objects.of(row).exists()

    @pytest.mark.parametrize("duty", [duty for duty in DUTIES if duty != "security_administrator"])
    def test_nobody_else_changes_one(self, duty):
        by = officer(duty)
        with pytest.raises(NotAllowed):
            policies.keep(by, *of("parameter", "expert_term_years"), {"value": 4}, BASIS)
        with pytest.raises(NotAllowed):
            policies.add(by, policies.KINDS["district"], {"code": "990101", "name": "示例区"}, BASIS)

    @pytest.mark.parametrize(
        "kind, key", [("nothing", "1"), ("parameter", "nothing"), ("stage_rule", "x"), ("district", "1")]
    )
    def test_what_there_is_not_is_not_found(self, kind, key):
        with pytest.raises(LookupError):
            policies.find(kind, key)

    @pytest.mark.parametrize(
        "kind, key, values, basis, found",
        [
            ("parameter", "expert_term_years", {"value": 99}, "", [("range", "value"), ("required", "basis")]),
            ("district", "500112", {"name": " "}, BASIS, [("required", "name")]),
            (
                "district", "500112", {"valid_from": "2026-02-01", "valid_until": "2026-01-01"}, BASIS,
                [("order", "valid_until")],
            ),
            (
                "programme", "smart_community",
                {"panel_size": 4, "correction_rounds": 0, "panel_seats": {"nothing": 9}, "guidance_nodes": ["x"]}, "",
                [
                    ("range", "correction_rounds"), ("even", "panel_size"), ("field_unknown", "panel_seats"),
                    ("too_many_seats", "panel_seats"), ("nodes", "guidance_nodes"), ("required", "basis"),
                ],
            ),
            *(
                ("programme", "smart_community", {"report_questions": questions}, BASIS, [(code, "report_questions")])
                for questions, code in (
                    ([], "questions"), ([["upkeep"]], "questions"), ([["upkeep", " "]], "questions"), ("upkeep", "questions"),
                    ([["upkeep", "一"], ["upkeep", "二"]], "questions_twice"), ([["运维", "一"]], "question_code"),
                    ([["file", "一"]], "question_code"), ([["a" * 31, "一"]], "question_code"),
                )
            ),
            ("parameter", "inspection_share", {"value": 0}, BASIS, [("range", "value")]),
            ("parameter", "inspection_share", {"value": 101}, BASIS, [("range", "value")]),
            ("programme", "smart_community", {"sample_notice": ""}, BASIS, [("blank", "sample_notice")]),
            ("programme", "smart_community", {"standard": 0}, BASIS, [("invalid", "standard")]),
            (
                "stage_rule", "", {"certificate_years": 0, "position": 1, "needs_certificate_of": "completion"}, BASIS,
                [("range", "certificate_years"), ("position", "position"), ("stage_unknown", "needs_certificate_of")],
            ),
        ],
    )  # fmt: skip
    def test_everything_that_is_wrong_is_said_at_once(self, keeper, kind, key, values, basis, found):
        with scenes.refused() as problems:
            policies.keep(keeper, *of(kind, key or stage()), values, basis)
        assert problems == found

    def test_a_standard_of_another_kind_is_never_put_in_force(self, keeper):
        other = Programme.objects.get(pk="smart_property").standard
        with scenes.refused() as problems:
            policies.keep(keeper, *of("programme", "smart_community"), {"standard": other.pk}, BASIS)
        assert problems == [("standard_kind", "standard"), ("standard_stages", "standard")]

    def test_a_standard_that_is_put_in_force_is_frozen_and_a_case_keeps_its_own(self, keeper):
        case, old = make_case(), Programme.objects.get(pk="smart_community").standard
        document = {**old.document}
        new = Standard.objects.create(
            code=old.code,
            version="next",
            name=old.name,
            kind=old.kind,
            is_official=False,
            document=document,
            sha256="x",
        )
        policies.keep(keeper, *of("programme", "smart_community"), {"standard": new.pk}, BASIS)
        assert Standard.objects.get(pk=new.pk).frozen_at is not None
        assert Project.objects.get(pk=case.project_id).standard == old


class TestSideBySide:
    def test_two_who_change_different_columns_both_succeed(self, keeper):
        found, row = of("programme", "smart_community")
        seen = policies.seen_of(found, row)
        policies.keep(keeper, found, row, {**policies.plain(found, row), "panel_size": 7}, BASIS, seen)
        other = officer("security_administrator", "second")
        found, row = of("programme", "smart_community")
        mine = {**policies.plain(found, row), "panel_size": 5, "load_limit": 20}
        policies.keep(other, found, row, mine, BASIS, seen)
        kept = Programme.objects.get(pk="smart_community")
        assert (kept.panel_size, kept.load_limit) == (7, 20)

    def test_the_second_of_two_who_change_the_same_is_shown_what_stands_now(self, keeper):
        found, row = of("parameter", "expert_term_years")
        seen = policies.seen_of(found, row)
        policies.keep(keeper, found, row, {"value": 4}, BASIS, seen)
        other = officer("security_administrator", "second")
        with pytest.raises(Changed) as changed:
            policies.keep(other, *of("parameter", "expert_term_years"), {"value": 5}, BASIS, seen)
        assert changed.value.problems[0].params == {"who": str(keeper), "value": "4"}
        policies.keep(other, *of("parameter", "expert_term_years"), {"value": 5}, BASIS, changed.value.now["seen"])
        assert Parameter.objects.get(pk="expert_term_years").value == 5


class TestRunningCases:
    def test_a_case_keeps_its_route_and_its_terms_and_the_next_one_gets_the_new(self, keeper):
        case = make_case("1")
        policies.keep(keeper, *of("stage_rule", stage()), {"certificate_years": 9, "needs_site_visit": False}, BASIS)
        policies.keep(keeper, *of("programme", "smart_community"), {"panel_size": 7, "correction_rounds": 4}, BASIS)
        later = make_case("2")
        policies.keep(keeper, *of("stage_rule", stage()), {"certificate_years": 8}, BASIS)
        found = [
            (one.rule.certificate_years, one.rule.needs_site_visit, one.terms.panel_size, one.terms.correction_rounds)
            for one in (Application.objects.get(pk=case.pk), Application.objects.get(pk=later.pk), make_case("3"))
        ]
        assert found == [(3, True, 5, 2), (9, False, 7, 4), (8, False, 7, 4)]

    def test_what_is_open_in_a_district_is_shown(self):
        case = make_case()
        assert list(policies.cases_of(*of("district", "500112"))) == [case]
        assert list(policies.cases_of(*of("district", "500113"))) == []


class TestDistricts:
    KIND = policies.KINDS["district"]

    def test_a_new_one_is_on_record(self, keeper):
        row = policies.add(keeper, self.KIND, {"code": "990101", "name": "示例区", "valid_from": TODAY}, BASIS)
        event = Event.objects.of(row).get()
        assert (event.verb, event.data["after"]["code"]) == ("district.open", "990101")

    @pytest.mark.parametrize(
        "code, found",
        [("500112", ["code_taken", "required"]), ("12", ["code", "required"]), ("１２３４５６", ["code", "required"])],
    )
    def test_a_code_is_used_once_and_for_ever(self, keeper, code, found):
        District.objects.filter(pk="500112").update(valid_until=TODAY - timedelta(days=9))
        with scenes.refused() as problems:
            policies.add(keeper, self.KIND, {"code": code, "name": "示例区"}, " ")
        assert [code for code, _place in problems] == found

    @pytest.mark.parametrize("kind", ["programme", "stage_rule", "parameter", "notice_form"])
    def test_what_the_portal_knows_by_itself_is_not_added_to(self, keeper, kind):
        with pytest.raises(LookupError):
            policies.add(keeper, policies.KINDS[kind], {}, BASIS)
