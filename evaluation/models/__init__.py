"""The rows of the evaluation, by concept: what is judged against, the case, the panel, guidance, the outcome."""

from evaluation.models.case import (
    Application,
    Claim,
    Document,
    Engagement,
    Evidence,
    EvidenceLink,
    Finding,
    Project,
    Statement,
    Submission,
)
from evaluation.models.guidance import GuidanceOpinion, GuidanceVisit, Photo, SiteFinding, SiteVisit
from evaluation.models.outcome import Certificate, Objection, ObjectionProof, PublicNotice
from evaluation.models.panel import (
    Amendment,
    Assignment,
    Draw,
    Endorsement,
    Mark,
    PanelMeeting,
    PanelMessage,
    Question,
    Rating,
    Result,
)
from evaluation.models.programme import Programme, StageRule, Standard

__all__ = [
    "Amendment",
    "Application",
    "Assignment",
    "Certificate",
    "Claim",
    "Document",
    "Draw",
    "Endorsement",
    "Engagement",
    "Evidence",
    "EvidenceLink",
    "Finding",
    "GuidanceOpinion",
    "GuidanceVisit",
    "Mark",
    "Objection",
    "ObjectionProof",
    "PanelMeeting",
    "PanelMessage",
    "Photo",
    "Programme",
    "Project",
    "PublicNotice",
    "Question",
    "Rating",
    "Result",
    "SiteFinding",
    "SiteVisit",
    "StageRule",
    "Standard",
    "Statement",
    "Submission",
]
