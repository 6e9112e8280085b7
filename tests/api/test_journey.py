"""The whole journey over HTTP, from the making of an account to the star: every act by its own role's program.

The portal is real: web server, worker, clock, database. What a worker does, the programs wait for as any program would.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from random import Random
from typing import Any
from urllib.parse import quote

import pytest

from evaluation import standard as standards
from evaluation.configuration import SAMPLES
from experts import draw as lots
from portal.demo import cases as demo
from portal.demo import marks, names, papers
from portal.demo.people import PASSWORD
from tests.api import city
from tests.api.over_http import Answer, Client
from tests.browser import world
from tests.running import Portal, running_portal

# Once, as it is deployed; that SQLite carries the whole way too, the browser's journey shows.
pytestmark = [pytest.mark.worker, pytest.mark.postgresql]

COMMUNITY = "示例新程苑"
STANDARD = "smart-community.yaml"
SECONDS = 60  # then the worker has not done its step; it takes a second or two


@pytest.fixture(scope="module")
def portal() -> Iterator[Portal]:
    """A portal with officers and a pool, as processes."""
    with running_portal(lambda portal: portal.call(city.build)) as portal:
        yield portal


def good(answer: Answer, status: int = 200) -> Any:
    """The answer's JSON, if it has ``status``."""
    assert answer.status_code == status, answer.content.decode()[:2000]
    return answer.json() if answer.content else None


def problems(answer: Answer) -> list[tuple[str, str]]:
    """(code, place) of every problem of a refusal, in order."""
    return [(row["code"], row["place"]) for row in answer.json()["problems"]]


def everything(client: Client, address: str) -> list[Any]:
    """All rows of a list, page by page."""
    rows, page = [], good(client.get(f"{address}{'&' if '?' in address else '?'}page_size=60"))
    while True:
        rows += page["results"]
        if not page["next"]:
            assert len(rows) == page["count"]
            return rows
        page = good(client.get(page["next"]))


def today() -> date:
    return date.today()


class Journey:
    """One case and the people who carry it; every method is what one of them does next."""

    def __init__(self, portal: Portal) -> None:
        self.portal = portal
        self.anybody = Client(portal.address)
        self.clients: dict[str, Client] = {}
        self.standard = standards.parse((SAMPLES / STANDARD).read_bytes(), STANDARD)
        self.organisation = self.project = self.application = 0
        self.number = self.stage = ""

    def sign_in(self, username: str) -> Client:
        """A program with the token that the account's own password opens, got once a person."""
        if username not in self.clients:
            asked = self.anybody.post("token/", {"username": username, "password": PASSWORD})
            self.clients[username] = Client(self.portal.address, good(asked)["token"])
        return self.clients[username]

    @property
    def applicant(self) -> Client:
        return self.sign_in("newcomer")

    @property
    def case(self) -> dict[str, Any]:
        """The application as its database holds it: the people whom the API tells nobody."""
        found: dict[str, Any] = self.portal.call(world.case, self.number, self.stage)
        return found

    def panel(self, *states: str) -> list[dict[str, Any]]:
        return [row for row in self.case["panel"] if row["state"] in states]

    def officer(self, duty: str) -> Client:
        return self.sign_in(self.case["district"] if duty == "district_officer" else duty)

    @property
    def at(self) -> str:
        return f"applications/{self.application}/"

    def act(self, client: Client, action: str, **asked: Any) -> Any:
        """Do an act that the caller is offered."""
        offered = {row["action"] for row in good(client.get(f"{self.at}acts/"))}
        assert action in offered
        return good(client.post(f"{self.at}acts/{action}/", asked))

    def state(self) -> str:
        return good(self.officer("supervisor").get(self.at))["state"]

    def arrives(self, state: str) -> None:
        """Wait for the worker as a program does that asks again."""
        ends = time.monotonic() + SECONDS
        while self.state() != state:
            assert time.monotonic() < ends, f"{self.state()}, not {state}"
            time.sleep(0.1)

    # --- registration ---

    def register(self) -> None:
        account = {
            "username": "newcomer",
            "name": "示例新经办人",
            "email": "newcomer@example.org",
            "password": PASSWORD,
        }
        good(self.anybody.post("accounts/", account), 201)
        district = self.portal.told["district"]
        code = names.code(district, "N", 77)
        data = {
            "credit_code": code, "name": "示例新程置业有限公司", "kind": "developer", "district": district,
            "address": "示例路77号", "contact": "示例新经办人", "phone": "000-00000000", "undertaking": True,
        }  # fmt: skip
        made = good(self.applicant.post("organisations/", data), 201)
        self.organisation = made["id"]
        at = f"organisations/{self.organisation}/"
        assert problems(self.applicant.post(f"{at}acts/submit/", {})) == [("licence_missing", "licence")]
        paper = papers.pdf("营业执照", code)
        licence = good(self.applicant.upload(f"{at}licences/", file=paper), 201)
        good(self.applicant.post(f"{at}acts/submit/", {}))
        intake = self.officer("intake")
        waiting = [row for row in everything(intake, "work/") if row["detail"] == code]
        assert [row["sentence"] for row in waiting] == ["核验单位注册"]
        file = intake.get(f"{at}licences/{licence['id']}/file/")
        assert hashlib.sha256(file.content).hexdigest() == licence["sha256"]
        good(intake.post(f"{at}acts/approve/", {}))
        assert good(self.applicant.get(at))["state"] == "active"

    def open_project(self) -> None:
        data = {
            "organisation": self.organisation, "name": COMMUNITY, "district": self.portal.told["district"],
            "address": "示例大道7号",
            "floor_area": "86500.50", "households": 640, "buildings": 8,
            "planning_permit_on": str(today() - timedelta(days=900)), "drawing_review_on": str(today() - timedelta(days=700)),
            "construction_permit_on": str(today() - timedelta(days=500)),
        }  # fmt: skip
        community = good(self.applicant.post("communities/", data), 201)["id"]
        case = {"community": community, "programme": "smart_community", "target_level": 2}
        opened = good(self.applicant.post("projects/", case), 201)
        self.project, self.number = opened["id"], opened["number"]
        engaged = {"credit_code": self.portal.told["consulting"], "scope": "协助自评、整理佐证材料"}
        offer = good(self.applicant.post(f"projects/{self.project}/engagements/", engaged), 201)["id"]
        good(self.officer("consultant").post(f"engagements/{offer}/accept/", {}))

    # --- filing ---

    def fill(self, stage: str) -> None:
        """Everything of one stage: data, documents, self-score, evidence; the consultant does the proofs."""
        opened = good(self.applicant.post(f"projects/{self.project}/applications/", {"stage": stage}), 201)
        self.application, self.stage = opened["id"], stage
        if stage == "completion":
            completed = str(today() - timedelta(days=30))
            good(self.applicant.patch(f"{self.at}data/", {"completed_on": completed}))
        for document in everything(self.applicant, f"{self.at}documents/"):
            self.hand_in(document)
        claimed = marks.self_marks(self.standard, stage, 2, Random(stage))
        for code, value in claimed.items():
            item = self.standard.item(code) if value == "na" else None
            note = f"示例：{item.not_applicable}。" if item else "示例：按深化设计调整。"
            body = {"value": value, "note": note, "revision": 0}
            assert good(self.applicant.put(f"{self.at}claims/{code}/", body)) == {"revision": 1}
        self.prove(claimed)
        advice = good(self.applicant.get(f"{self.at}advice/"))
        assert [rule for rule in advice["rules"] if rule["problems"]] == []
        assert advice["forecast"]["level"] == 2

    def hand_in(self, document: Mapping[str, Any]) -> None:
        forms, code = set(document["forms"]), document["code"]
        title, text = f"{code} 示例", f"journey {self.application}"
        if "online" in forms:
            good(self.applicant.put(f"{self.at}statements/{code}/", {"text": "示例说明。", "revision": 0}))
        elif "pdf" in forms:
            good(self.applicant.upload(f"{self.at}documents/", code=code, file=papers.pdf(title, text)), 201)
        elif "xlsx" in forms:
            good(self.applicant.upload(f"{self.at}documents/", code=code, file=papers.table(title, text)), 201)
        elif "jpg" in forms:
            good(self.applicant.upload(f"{self.at}documents/", code=code, file=papers.photo(title, text)), 201)

    def prove(self, claimed: Mapping[str, Any]) -> None:
        consultant = self.officer("consultant")
        for kind, codes in demo.proofs(self.standard, self.stage, claimed).items():
            upload = demo.proof(kind, f"佐证 {kind}", f"journey {self.application}")
            values = {"evidence_kind": kind, "items": codes[:-1] or codes, "caption": "示例", "file": upload}
            made = good(consultant.upload(f"{self.at}evidence/", **values), 201)
            link = f"{self.at}evidence/{made['id']}/links/{codes[-1]}/"
            assert good(consultant.put(link, {"page": 1}))["items"][codes[-1]] == 1

    def correct(self) -> None:
        """Intake names one document and one item; the applicant mends exactly these; intake sees the difference."""
        intake = self.officer("intake")
        document = next(one for one in self.standard.stage(self.stage).documents if "pdf" in one.forms)
        item = next(one for one in self.standard.items(self.stage) if one.kind == "scored")
        for kind, place in (("document", document.code), ("item", item.code)):
            good(intake.post(f"{self.at}findings/", {"kind": kind, "place": place, "text": "示例：请补正。"}), 201)
        assert everything(self.applicant, f"{self.at}findings/") == []
        self.act(intake, "request_correction")
        told = everything(self.applicant, f"{self.at}findings/")
        notice = self.applicant.get(f"{self.at}correction-notice/?round=1")
        assert ([row["place"] for row in told], notice.content[:5]) == ([document.code, item.code], b"%PDF-")
        other = next(one for one in self.standard.items(self.stage) if one.code != item.code)
        closed = self.applicant.put(f"{self.at}claims/{other.code}/", {"value": None})
        assert (closed.status_code, problems(closed)) == (422, [("closed", other.code)])
        paper = papers.pdf("补正", f"journey {self.application}")
        good(self.applicant.upload(f"{self.at}documents/", code=document.code, file=paper), 201)
        for row in told:
            good(self.applicant.post(f"{self.at}findings/{row['id']}/reply/", {"reply": "示例：已补正。"}))
        self.act(self.applicant, "resubmit")
        self.arrives("form_check")
        changes = good(intake.get(f"{self.at}differences/"))
        assert [(one["section"], one["place"]) for one in changes["changes"]] == [("documents", document.code)]

    def check_form(self) -> None:
        self.act(self.applicant, "submit")
        self.arrives("form_check")
        intake = self.officer("intake")
        version = f"{self.at}submissions/1/"
        sealed = good(intake.get(version))
        assert [rule["rule"] for rule in sealed["checks"] if rule["problems"]] == []
        canonical = intake.get(f"{version}snapshot/").content
        assert hashlib.sha256(canonical).hexdigest() == sealed["sha256"]

    # --- panel ---

    def draw(self) -> None:
        """Two persons start it; one expert gives up the seat; the receipt is right."""
        organiser, supervisor = self.officer("organiser"), self.officer("supervisor")
        assert good(organiser.get(f"{self.at}draw/"))["commitment"] is None
        self.act(organiser, "propose_draw")
        self.act(supervisor, "cosign_draw")
        asked = everything(organiser, f"assignments/?application={self.application}")
        assert ([row["state"] for row in asked], {row["expert"] for row in asked}) == (["invited"] * 5, {None})
        for row in self.panel("invited")[:1]:
            good(
                self.sign_in(row["username"]).post(
                    f"assignments/{row['seat']}/acts/decline/", {"reason": "示例：时间冲突。"}
                )
            )
        for row in self.panel("invited"):
            mine = self.sign_in(row["username"])
            assert mine.get(self.at).status_code == 404
            refused = mine.post(f"assignments/{row['seat']}/acts/accept/", {})
            assert (refused.status_code, problems(refused)) == (422, [("required", "no_conflict")])
            good(mine.post(f"assignments/{row['seat']}/acts/accept/", {"no_conflict": True}))
        receipt = supervisor.get(f"{self.at}draw/receipt/").content
        assert lots.verify_bytes(receipt) == []
        seats = everything(organiser, f"{self.at}panel/")
        assert ([row["state"] for row in seats], [row["is_leader"] for row in seats].count(True)) == (
            ["accepted"] * 5,
            1,
        )

    def leader(self) -> Client:
        return self.sign_in(next(row["username"] for row in self.panel("accepted", "signed") if row["leader"]))

    def visit_site(self) -> None:
        leader, at = self.leader(), f"{self.at}site-visit/"
        good(leader.put(at, {"visited_on": str(today()), "summary": "示例：设备与竣工图一致。"}))
        code = next(one.code for one in self.standard.items(self.stage) if one.kind == "control")
        good(leader.put(f"{at}findings/{code}/", {"seen": "agrees", "text": "示例：一致。"}))
        photo = good(leader.upload(f"{at}photos/", file=papers.photo("机房", "journey"), caption="机房"), 201)
        file = self.applicant.get(f"{at}photos/{photo['id']}/file/")
        assert hashlib.sha256(file.content).hexdigest() == photo["sha256"]
        unsigned = leader.post(f"{self.at}acts/finish_site_visit/", {})
        assert [code for code, _ in problems(unsigned)] == ["expert_unsigned", "applicant_unsigned"]
        for by in (leader, self.applicant):
            good(by.post(f"{at}sign/", {"name": good(by.get("me/"))["name"], "password": PASSWORD}))
        self.act(leader, "finish_site_visit")

    def review(self) -> None:
        """Everybody marks alone; nobody's marks are told before there is a result."""
        claimed = {row["item_code"]: row["value"] for row in everything(self.applicant, f"{self.at}claims/")}
        panel = self.panel("accepted")
        for row in panel:
            self.mark(row, claimed)
        foreign = self.sign_in(panel[0]["username"]).get(f"assignments/{panel[1]['seat']}/marks/")
        early = self.officer("organiser").get(f"assignments/{panel[1]['seat']}/marks/")
        assert (foreign.status_code, early.status_code) == (404, 403)
        for row in panel:
            self.sign(row, "sign")
        self.arrives("deliberation")

    def sign(self, row: Any, action: str, **said: Any) -> None:
        """An act under which a member puts the own name, with the password once more."""
        member = self.sign_in(row["username"])
        signed = {"signed_name": good(member.get("me/"))["name"], "password": PASSWORD}
        good(member.post(f"assignments/{row['seat']}/acts/{action}/", {**said, **signed}))

    def mark(self, row: Any, claimed: Mapping[str, Any]) -> None:
        mine, at = self.sign_in(row["username"]), f"assignments/{row['seat']}/"
        chance = Random(f"{row['seat']}")
        for line in everything(mine, f"{at}marks/"):
            if line["is_own"]:
                item = self.standard.item(line["item_code"])
                # What caps a level is not disputed: who is drawn must not change the star.
                value = claimed[item.code] if item.from_level else marks.expert_mark(item, claimed[item.code], chance)
                body = {
                    "value": value,
                    "reason": marks.reason(item, value),
                    "private_note": "只给自己看",
                    "revision": 0,
                }
                good(mine.put(f"{at}marks/{item.code}/", body))
        assert good(mine.get(f"{at}sheet/"))["missing"] == []

    def conclude(self) -> None:
        result = good(self.officer("organiser").get(f"{self.at}result/"))
        notes = dict.fromkeys(result["trace"]["flagged"], "示例：经合议取平均。")
        self.act(self.leader(), "give_opinion", opinion="示例：同意报审。", notes=notes)
        for row in self.panel("signed"):
            self.sign(row, "endorse", agrees="yes")
        assert [row["agrees"] for row in everything(self.leader(), f"{self.at}endorsements/")] == [True] * 5
        self.act(self.officer("organiser"), "close_review")
        assert self.applicant.get(f"{self.at}result/").status_code == 403
        self.act(self.officer("approver"), "approve", opinion="示例：同意公示。")

    # --- outcome ---

    def publish(self) -> None:
        """The notice runs, an objection is answered, the days pass, the certificate is issued."""
        notice = good(self.anybody.get(f"notices/?running=true&search={quote(COMMUNITY)}"))["results"][0]
        assert lots.verify_bytes(self.anybody.get(f"notices/{notice['number']}/receipt/").content) == []
        assert good(self.applicant.get(f"{self.at}result/"))["sheets"] is None
        objection = {
            "notice": notice["number"], "kind": "person", "name": "示例居民", "identity": "500000199001011238",
            "contact": "000-11111111", "text": "示例：对得分有异议。",
        }  # fmt: skip
        number = good(self.anybody.upload("objections/", **objection, proofs=[papers.pdf("证据", "journey")]), 201)[
            "number"
        ]
        handled = everything(self.officer("supervisor"), f"objections/?search={number}")[0]
        for client, action, asked in (
            (self.officer("intake"), "accept", {}),
            (self.officer("supervisor"), "reject", {"reply": "示例：经核查，得分无误。"}),
        ):
            good(client.post(f"objections/{handled['id']}/acts/{action}/", asked))
        reply = good(self.anybody.get(f"objections/status/{number}/"))
        assert (reply["state"], reply["reply"]) == ("rejected", "示例：经核查，得分无误。")
        self.portal.call(world.three_weeks_pass, self.number, self.stage)
        self.arrives("certified")

    def certificate(self) -> dict[str, Any]:
        number = good(self.applicant.get(self.at))["certificate"]
        found = good(self.anybody.get(f"certificates/{number}/"))
        file = self.anybody.get(f"certificates/{number}/file/")
        sent = file.content
        assert (sent[:5], hashlib.sha256(sent).hexdigest()) == (b"%PDF-", found["sha256"])
        return found

    # --- guidance ---

    def guide(self) -> None:
        """Every node is visited, its opinion replied to with a photo, everything closed."""
        district = self.officer("district_officer")
        day, due = str(today()), str(today() + timedelta(days=14))
        programme = good(self.anybody.get("programmes/smart_community/"))
        for node, _name in programme["guidance_nodes"]:
            visit = good(
                district.post(f"projects/{self.project}/guidance-visits/", {"node": node, "planned_on": day}), 201
            )
            at = f"guidance-visits/{visit['id']}/"
            good(district.upload(f"{at}photos/", file=papers.photo("现场", node)), 201)
            opinion = good(district.post(f"{at}opinions/", {"text": "示例：标识不全。", "due_on": due}), 201)
            good(district.post(f"{at}acts/record/", {"visited_on": day, "notes": "示例：进度相符。"}))
            reply = f"guidance-opinions/{opinion['id']}/"
            assert self.applicant.post(f"{reply}acts/reply/", {"reply": "示例：已补齐。"}).status_code == 422
            good(self.applicant.upload(f"{reply}photos/", file=papers.photo("整改", node)), 201)
            good(self.applicant.post(f"{reply}acts/reply/", {"reply": "示例：已补齐。"}))
            assert problems(district.post(f"{at}acts/close/", {})) == [("opinion_open", "opinions")]
            good(district.post(f"{reply}acts/close/", {}))
            good(district.post(f"{at}acts/close/", {}))


def test_a_community_gets_its_star_over_http(portal: Portal) -> None:
    journey = Journey(portal)
    journey.register()
    journey.open_project()

    journey.fill("design")
    journey.check_form()
    journey.correct()
    journey.act(journey.officer("intake"), "accept")
    journey.act(journey.officer("district_officer"), "recommend", opinion="示例：同意推荐。")
    journey.draw()
    journey.review()
    journey.conclude()
    journey.publish()
    design = journey.certificate()
    assert (journey.state(), design["is_final"], design["standing"]) == ("certified", False, "valid")

    journey.guide()

    journey.fill("completion")
    journey.check_form()
    journey.act(journey.officer("intake"), "accept")
    journey.draw()
    journey.visit_site()
    journey.review()
    journey.conclude()
    journey.publish()
    star = journey.certificate()
    listed = good(journey.anybody.get(f"certificates/?search={quote(COMMUNITY)}"))["results"]
    assert (journey.state(), star["is_final"], star["level_name"]) == ("certified", True, "二星级")
    assert [row["number"] for row in listed] == [star["number"]]
    told = json.dumps(everything(journey.applicant, f"projects/{journey.project}/events/"), ensure_ascii=False)
    assert not any(row["username"] in told or row["name"] in told for row in journey.panel("signed"))
    assert everything(journey.applicant, "notifications/?unread=true") != []
    good(journey.applicant.post("notifications/read-all/"), 204)
    assert everything(journey.applicant, "notifications/?unread=true") == []
