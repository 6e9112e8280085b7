"""Incentives: opened for a star by the policies of its day, granted once as it was read, taken back with the certificate."""

from __future__ import annotations

import json
import logging
from datetime import timedelta

import pytest
import segno

from communities.models import District, Membership, Officer
from evaluation import confirming, incentives, outcome, policies, sealing, seals, succession, work
from evaluation.models import Certificate, Incentive, IncentivePolicy, IssuerKey
from evaluation.workflow import CERTIFICATE, INCENTIVE
from portal import clock
from portal.machine import NotAllowed, Stale, digest_of
from portal.models import Event, Notification
from portal.tasks import enforce_deadlines
from tests.evaluation import published, scenes

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
GRANT = {"confirmed": True, "grounds": "条件均符合"}


@pytest.fixture(scope="module", autouse=True)
def configured(django_db_setup, django_db_blocker):
    with scenes.configured(django_db_blocker):
        yield


@pytest.fixture
def approver():
    return published.officer("approver")


@pytest.fixture
def supervisor():
    return published.officer("supervisor")


def policy(code="capital_supervision", **columns):
    """One policy, and no other."""
    IncentivePolicy.objects.exclude(pk=code).delete()
    IncentivePolicy.objects.filter(pk=code).update(**columns)
    return IncentivePolicy.objects.get(pk=code)


def certificate(number=1, **values):
    return published.certificate(f"示例·第{number}小区", number=number, **values)


def opened(number=1, values=None, **more):
    """The one incentive of a new certificate."""
    policy(values={"2": "10"} if values is None else values, unit="个百分点")
    row = certificate(number, **more)
    incentives.open_for(row)
    return now(row.incentives.get())


def now(incentive):
    rows = Incentive.objects.select_related("policy", "certificate__application__project")
    return rows.get(pk=incentive.pk)


def granted(by, number=1, **more):
    incentive = opened(number, **more)
    INCENTIVE.perform(incentive, "grant", by=by, **GRANT)
    return now(incentive)


def end(row, action="cancel", **said):
    CERTIFICATE.perform(row, action, by=None, **said)


def says(incentive, day=None):
    newest = sealing.newest_list()
    keys, ended = seals.read_keys(sealing.keys_document()), json.loads(newest.content) if newest else None
    return seals.verify(confirming.check_code(incentive), keys, ended, day or published.today())


class TestOpening:
    def test_a_star_opens_every_policy_of_its_programme_and_nothing_is_made_up(self):
        row = certificate()
        assert incentives.open_for(row) == 3
        found = row.incentives.order_by("policy")
        assert [(one.policy_id, one.state, one.due_on, incentives.terms_of(one).amount) for one in found] == [
            (code, "unset", None, "") for code in ("capital_supervision", "integrity_bonus", "presale_payment")
        ]
        assert (incentives.open_for(row), row.incentives.count()) == (0, 3)

    @pytest.mark.parametrize(
        "columns, policy_columns, opened",
        [
            ({}, {}, 1),
            ({"stage": "design"}, {}, 0),
            ({"state": "superseded"}, {}, 0),
            ({"valid_until": published.today() - DAY}, {}, 0),
            ({"level": 1}, {"least_level": 2}, 0),
            ({"level": 2}, {"least_level": 2}, 1),
            ({"issued_on": published.today() - DAY}, {"valid_from": published.today()}, 0),
            ({"issued_on": published.today()}, {"valid_from": published.today()}, 1),
            ({"issued_on": published.today()}, {"valid_until": published.today() - DAY}, 0),
            ({"issued_on": published.today() - DAY}, {"valid_until": published.today() - DAY}, 1),
        ],
    )
    def test_a_policy_reaches_the_stars_that_were_issued_while_it_was_in_force(self, columns, policy_columns, opened):
        policy(**policy_columns)
        row = certificate(**columns)
        assert (incentives.open_missing(), incentives.open_for(row)) == (opened, opened)

    def test_a_worker_that_died_between_certificate_and_opening_is_made_up_for(self):
        policy(values={"2": "10"})
        row = outcome.issue_certificate(published.judged(), published.today())
        assert (row.incentives.count(), incentives.open_missing()) == (0, 1)
        incentives.open_incentives(row.pk)
        assert (row.incentives.get().state, incentives.open_missing()) == ("due", 0)

    def test_the_issuing_act_rings_for_the_opening(self, monkeypatch, django_capture_on_commit_callbacks):
        rung = []
        monkeypatch.setattr(incentives, "ring", lambda task, *pks: rung.append((task, pks)))
        with django_capture_on_commit_callbacks(execute=True):
            row = certificate()
            incentives.follow(row)
            incentives.follow(certificate(2, stage="design"))
        assert rung == [(incentives.open_incentives, (row.pk,))]

    def test_the_days_run_only_while_somebody_can_decide(self, approver):
        incentive = opened(values={})
        assert (incentive.state, incentive.due_on, incentives.begin_with_values()) == ("unset", None, 0)
        policy(values={"3": "5"})
        assert incentives.begin_with_values() == 0
        policy(values={"2": " 10 "})
        assert incentives.begin_with_values() == 1
        begun = now(incentive)
        assert (begun.state, begun.due_on) == ("due", clock.deadline("incentive", published.today(), "smart_community"))
        assert [row.key for row in work.waiting_on(approver)] == [f"incentive-{incentive.pk}"]

    def test_who_sets_policies_reads_how_many_wait_for_a_value(self):
        opened(values={})
        keeper = published.officer("security_administrator")
        found = [(row.key, row.link) for row in work.waiting_on(keeper) if row.key.startswith("incentive")]
        assert found == [
            ("incentive-policy-capital_supervision", "/settings/policies/incentive_policy/capital_supervision/")
        ]


class TestGranting:
    def test_a_grant_keeps_copies_a_number_and_the_certificates_last_day(self, approver):
        incentive = granted(approver)
        policy(name="另一名称", values={"2": "99"}, conditions="另一条件")
        kept = now(incentive)
        assert (kept.state, kept.amount, kept.policy_name, kept.granted_on, kept.valid_until, kept.decided_by) == (
            "granted", "10 个百分点", "重点监管资金", published.today(), kept.certificate.valid_until, approver,
        )  # fmt: skip
        assert incentives.terms_of(kept).amount == "10 个百分点"
        assert kept.number.startswith(f"CQ-ZHXQ-JL-{published.today().year}-00001-")
        assert len(kept.number.rpartition("-")[2]) == incentives.TAIL

    def test_without_a_value_nothing_is_granted_and_the_refusal_says_how_to_mend_it(self, approver):
        incentive = opened()
        policy(values={})
        with scenes.refused() as problems:
            INCENTIVE.perform(incentive, "grant", by=approver, **GRANT)
        assert problems == [("value_unset", "")]
        assert (now(incentive).state, now(incentive).number) == ("due", "")
        with pytest.raises(Stale):
            INCENTIVE.perform(opened(2, values={}), "grant", by=approver, **GRANT)

    def test_what_must_be_confirmed_and_said_is_asked_at_once(self, approver):
        with scenes.refused() as problems:
            INCENTIVE.perform(opened(), "grant", by=approver)
        assert problems == [("required", "confirmed"), ("required", "grounds")]

    def test_what_was_read_is_granted_or_nothing(self, approver):
        incentive = opened()
        row = next(one for one in INCENTIVE.transitions if one.action == "grant")
        read = digest_of(row, incentive)
        policy(values={"2": "90"})
        with scenes.refused() as problems:
            INCENTIVE.perform(incentive, "grant", by=approver, read=read, **GRANT)
        assert problems == [("changed", "")]
        INCENTIVE.perform(incentive, "grant", by=approver, read=digest_of(row, incentive), **GRANT)
        assert now(incentive).amount == "90 个百分点"

    @pytest.mark.parametrize("state", ["revoked", "superseded", "expired", "over"])
    def test_a_certificate_that_ended_brings_nothing_more(self, approver, state):
        incentive = opened()
        columns = {"valid_until": published.today() - DAY} if state == "over" else {"state": state}
        Certificate.objects.filter(pk=incentive.certificate_id).update(**columns)
        with scenes.refused() as problems:
            INCENTIVE.perform(now(incentive), "grant", by=approver, **GRANT)
        assert problems == [("certificate_ended", "")]

    def test_a_refusal_has_its_reason_and_no_number(self, approver):
        incentive = opened(values={})
        INCENTIVE.perform(incentive, "refuse", by=approver, reason="近三年曾被限制申报")
        kept = now(incentive)
        assert (kept.state, kept.reason, kept.number, kept.due_on) == ("refused", "近三年曾被限制申报", "", None)

    @pytest.mark.parametrize("action, state", [("refuse", "refused"), ("reverse", "reversed")])
    def test_what_was_decided_wrongly_is_done_anew_beside_the_old_row(self, approver, supervisor, action, state):
        incentive = granted(approver) if action == "reverse" else opened()
        INCENTIVE.perform(incentive, action, by=supervisor if action == "reverse" else approver, reason="误办")
        INCENTIVE.perform(incentive, "open_anew", by=supervisor, reason="材料已补齐")
        rows = list(Incentive.objects.filter(certificate=incentive.certificate).order_by("pk"))
        assert [row.state for row in rows] == [state, "due"]
        with scenes.refused() as problems:
            INCENTIVE.perform(incentive, "open_anew", by=supervisor, reason="再次")
        assert problems == [("live", "")]
        assert incentives.open_missing() == 0

    @pytest.mark.parametrize(
        "role", ["intake", "organiser", "supervisor", "security_administrator", "applicant", "nobody"]
    )
    @pytest.mark.parametrize("action", ["grant", "refuse"])
    def test_only_the_approver_decides(self, role, action):
        incentive = opened()
        with pytest.raises(NotAllowed):
            INCENTIVE.perform(incentive, action, by=person(role, incentive), reason="x", **GRANT)

    @pytest.mark.parametrize("role", ["intake", "organiser", "approver", "applicant", "nobody"])
    def test_only_the_supervisor_takes_back(self, approver, role):
        incentive = granted(approver)
        with pytest.raises(NotAllowed):
            INCENTIVE.perform(
                incentive, "reverse", by=approver if role == "approver" else person(role, incentive), reason="x"
            )

    def test_an_approver_of_the_unit_grants_nothing_to_it(self):
        incentive = opened()
        person = published.officer("approver")
        unit = incentive.certificate.application.project.organisation
        Membership.objects.create(user=person, organisation=unit, role="member", since=published.today())
        person = scenes.person(person.username)
        with pytest.raises(NotAllowed):
            INCENTIVE.perform(incentive, "grant", by=person, **GRANT)
        assert work.waiting_on(person) == []


def person(role, incentive):
    if role == "nobody":
        return published.user("nobody")
    if role == "applicant":
        return published.member(incentive.certificate.application.project.organisation)
    return published.officer(role)


class TestSeeing:
    def test_the_parties_and_officers_of_the_case_see_it_and_its_panel_does_not(self, approver):
        incentive = opened()
        project = incentive.certificate.application.project
        expert = scenes.person("expert1")
        Officer.objects.create(user=expert, duty="supervisor", since=published.today())
        mine = project.community.district
        others = District.objects.exclude(pk=mine.pk).first()
        people = {
            "approver": approver,
            "intake": published.officer("intake"),
            "district": published.officer("district_officer", mine),
            "applicant": published.member(project.organisation),
            "other district": away(others),
            "expert": scenes.person("expert1"),
            "other unit": published.member(published.organisation("示例另一公司", 77), "other"),
        }
        seen = {name: INCENTIVE.visible_to(user).filter(pk=incentive.pk).exists() for name, user in people.items()}
        assert seen == {
            "approver": True, "intake": True, "district": True, "applicant": True, "other district": False,
            "expert": False, "other unit": False,
        }  # fmt: skip
        assert {name: bool(INCENTIVE.roles_of(user, incentive)) for name, user in people.items()} == seen


def away(district):
    user = published.user("district-away")
    Officer.objects.create(user=user, duty="district_officer", district=district, since=published.today())
    return user


class TestEnding:
    @pytest.mark.parametrize("action, states", [
        ("revoke", ("reversed", "closed")),
            ("cancel", ("reversed", "closed")), ("supersede", ("granted", "closed")), ("expire", ("granted", "closed")),
    ])  # fmt: skip
    def test_what_was_granted_follows_the_end_of_the_certificate(self, approver, action, states):
        policy(values={"2": "10"})
        IncentivePolicy.objects.create(
            code="second", name="第二项", programme_id="smart_community", values={"2": "1"}, basis="示例"
        )
        row = certificate()
        incentives.open_for(row)
        first, second = (now(one) for one in row.incentives.order_by("policy"))
        INCENTIVE.perform(first, "grant", by=approver, **GRANT)
        end(row, action, **({"reason": "示例：弄虚作假", "sanction": "示例-1"} if action == "revoke" else {}))
        assert (now(first).state, now(second).state) == states
        assert (incentives.end_left(), incentives.reverse_all(row, "x")) == (0, 1 if "granted" in states else 0)

    def test_a_revocation_takes_back_with_its_reason_and_tells_the_unit(self, approver):
        incentive = granted(approver)
        member = published.member(incentive.certificate.application.project.organisation)
        incentives.reverse_all(incentive.certificate, "证书已撤销。")
        kept = now(incentive)
        assert (kept.state, kept.reason, kept.standing(published.today())) == ("reversed", "证书已撤销。", "reversed")
        told = Notification.objects.filter(user=member, event__verb="incentive.reverse")
        assert told.count() == 1
        event = Event.objects.of(kept).get(verb="incentive.reverse")
        assert (event.actor, event.data["reason"]) == (None, "证书已撤销。")

    @pytest.mark.parametrize("level, states", [(1, ["reversed"]), (2, ["granted"])])
    def test_a_lower_star_takes_back_and_an_equal_one_does_not(self, approver, level, states):
        incentive = granted(approver)
        old = Certificate.objects.get(pk=incentive.certificate_id)
        new = succession.succeed(old, published.today(), level=level, valid_until=old.valid_until)
        assert [row.state for row in Incentive.objects.filter(certificate=old)] == states
        assert incentives.open_for(new) == 1
        assert incentives.end_left() == 0
        if level == 2:
            end(new)
            assert now(incentive).state == "reversed"

    def test_whatever_way_it_ended_the_sweep_ends_what_was_left(self, approver):
        incentive = granted(approver)
        Certificate.objects.filter(pk=incentive.certificate_id).update(state="revoked")
        assert (incentives.end_left(), incentives.end_left(), now(incentive).state) == (1, 0, "reversed")
        left = opened(2)
        Certificate.objects.filter(pk=left.certificate_id).update(state="superseded")
        assert (incentives.end_left(), incentives.end_left(), now(left).state) == (1, 0, "closed")

    def test_its_last_day_ends_a_grant_without_an_act(self, approver):
        incentive = granted(approver)
        last = incentive.valid_until
        assert [incentive.standing(last + late) for late in (0 * DAY, DAY)] == ["valid", "expired"]
        assert enforce_deadlines(INCENTIVE) == 0


class TestConfirmation:
    def made(self, by, number=1, **more):
        incentive = granted(by, number, **more)
        confirming.make_confirmation(incentive.pk)
        return now(incentive)

    def test_a_worker_seals_and_prints_it_once(self, approver):
        incentive = self.made(approver)
        before = (incentive.sha256, incentive.file.name)
        confirming.make_confirmation(incentive.pk)
        assert (now(incentive).sha256, now(incentive).file.name) == before
        with incentive.file.open() as kept:
            assert kept.read(5) == b"%PDF-"
        assert incentive.file.size < 300_000
        found = says(incentive)
        assert (found.code, dict(found.values)) == ("valid", {
            "version": "i1", "number": incentive.number, "community": "示例·第1小区", "level": 2, "level_name": "二星级",
            "incentive": "重点监管资金", "organisation": "示例置业1有限公司", "credit_code": incentive.credit_code,
            "value": "10 个百分点", "certificate": incentive.certificate.number,
            "issued_on": published.today().isoformat(), "valid_until": incentive.valid_until.isoformat(),
            "key": incentive.seal_key_id,
        })  # fmt: skip

    def test_the_longest_words_still_make_a_code_that_a_telephone_reads_and_a_small_file(self, approver):
        incentive = granted(approver, values={"2": "示" * 40})
        longest = {"community_name": "长" * 80, "organisation_name": "名" * 120, "policy_name": "激" * 60}
        Incentive.objects.filter(pk=incentive.pk).update(
            **longest, conditions="条件。" * 600, cap="上" * 200, amount="示" * 61
        )
        confirming.make_confirmation(incentive.pk)
        made = segno.make(confirming.check_code(now(incentive)), error="m", micro=False, boost_error=False)
        side = made.symbol_size(border=4)[0]
        assert (now(incentive).file.size < 300_000, 50 / side > 0.29) == (True, True)  # millimetres a module on paper

    def test_a_lost_bell_is_rung_again_and_without_a_key_it_waits(self, approver, caplog):
        incentive = granted(approver)
        IssuerKey.objects.update(is_current=False, retired=published.today())
        with caplog.at_level(logging.CRITICAL):
            confirming.make_confirmation(incentive.pk)
        assert (now(incentive).sha256, confirming.make_missing()) == ("", 1)
        sealing.make_key()
        confirming.make_confirmation(incentive.pk)
        assert (says(now(incentive)).code, confirming.make_missing()) == ("valid", 0)

    def test_what_was_taken_back_meanwhile_is_never_sealed(self, approver, supervisor):
        incentive = granted(approver)
        seen = now(incentive)
        INCENTIVE.perform(incentive, "reverse", by=supervisor, reason="误办")
        assert (confirming.make(seen), now(incentive).sha256, now(incentive).seal) == (False, "", "")

    def test_the_signed_list_names_what_was_taken_back(self, approver, supervisor):
        incentive = self.made(approver)
        sealing.renew_list()
        assert says(incentive).code == "valid"
        INCENTIVE.perform(incentive, "reverse", by=supervisor, reason="误办")
        assert sealing.renew_list() == 1
        found = says(now(incentive))
        assert (found.code, found.since) == ("reversed", published.today().isoformat())
        assert json.loads(sealing.newest_list().content)["incentives"] == {
            incentive.number: ["reversed", published.today().isoformat()]
        }

    def test_a_forged_value_is_altered(self, approver):
        incentive = self.made(approver)
        head, payload, signature = incentive.seal.split(".")
        forged = seals.decode(payload).decode().replace("10 个", "90 个").encode()
        incentive.seal = f"{head}.{seals.encode(forged)}.{signature}"
        assert says(incentive).code == "altered"
        incentive.seal = f"v1.{payload}.{signature}"
        assert says(incentive).code == "altered"


class TestPolicies:
    @pytest.fixture
    def keeper(self):
        return published.officer("security_administrator")

    def change(self, by, **values):
        kind, row = policies.find("incentive_policy", "capital_supervision")
        return policies.keep(by, kind, row, values, "渝建发〔示例〕1号")

    def test_the_samples_hold_no_value_and_say_that_they_are_samples(self):
        assert list(IncentivePolicy.objects.values_list("values", "cap", "document_number")) == [({}, "", "")] * 3
        assert {row.basis[:9] for row in IncentivePolicy.objects.all()} == {"默认配置：示例政策"}

    def test_values_are_set_on_a_basis_and_on_record(self, keeper):
        self.change(keeper, values={"1": "5", "3": "15"}, unit="%")
        row = IncentivePolicy.objects.get(pk="capital_supervision")
        assert row.standing_values == [("一星级", "5%"), ("二星级", ""), ("三星级", "15%")]
        event = Event.objects.of(row).get(verb="incentive_policy.change")
        assert (event.data["after"]["values"], event.data["basis"]) == ({"1": "5", "3": "15"}, "渝建发〔示例〕1号")

    @pytest.mark.parametrize("values, problems", [
        ({"values": {"9": "5"}}, [("level", "values")]),
        ({"values": {"2": 5}}, [("values", "values")]),
        ({"values": ["5"]}, [("values", "values")]),
        ({"values": {"2": "5" * 41}}, [("too_long", "values")]),
        ({"least_level": 0}, [("level", "least_level")]),
        ({"valid_from": "2026-02-01", "valid_until": "2026-01-01"}, [("order", "valid_until")]),
        ({"name": " "}, [("required", "name")]),
        ({"conditions": "\U0001f3e0"}, [("characters_missing", "conditions")]),
        ({"department": "x\0"}, [("text", "department")]),
    ])  # fmt: skip
    def test_what_a_policy_may_not_say(self, keeper, values, problems):
        with scenes.refused() as found:
            self.change(keeper, **values)
        assert [row for row in found if row[1] in values] == problems

    def test_a_new_policy_has_a_code_of_its_own_and_a_first_day(self, keeper):
        kind = policies.KINDS["incentive_policy"]
        said = {"code": "tax_relief", "name": "示例新政策", "programme": "smart_community", "values": {"3": "1"}}
        with scenes.refused() as problems:
            policies.add(keeper, kind, {**said, "code": "Bad code"}, "示例依据")
        assert problems == [("code", "code"), ("required", "valid_from")]
        row = policies.add(keeper, kind, {**said, "valid_from": "2026-01-01"}, "示例依据")
        assert (row.programme_id, Event.objects.of(row).get().data["after"]["programme"]) == (
            "smart_community", "smart_community",
        )  # fmt: skip
        with scenes.refused() as problems:
            policies.add(keeper, kind, {**said, "valid_from": "2026-01-01"}, "示例依据")
        assert problems == [("code_taken", "code")]
