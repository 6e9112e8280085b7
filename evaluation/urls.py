"""Addresses of the pages of evaluation."""

from django.urls import path

from evaluation.views import correction, evidence, filing, items, projects, public, standards

urlpatterns: list = [
    # cases and what their applicants do
    path("projects/", projects.projects, name="projects"),
    path("communities/<int:pk>/projects/new/", projects.project_new, name="project-new"),
    path("projects/<int:pk>/", projects.project, name="project"),
    path("projects/<int:pk>/applications/<slug:stage>/new/", projects.application_new, name="application-new"),
    path("applications/<int:pk>/", filing.application, name="application"),
    path("applications/<int:pk>/data/", filing.application_data, name="application-data"),
    path("applications/<int:pk>/documents/", filing.application_documents, name="application-documents"),
    path("applications/<int:pk>/documents/<str:code>/text/", filing.statement_save, name="statement-save"),
    path("applications/<int:pk>/documents/<str:code>/add/", filing.document_add, name="document-add"),
    path("documents/<int:pk>/remove/", filing.document_remove, name="document-remove"),
    path("documents/<int:pk>/restore/", filing.document_remove, {"restore": True}, name="document-restore"),
    path("documents/<int:pk>/file/", evidence.document_file, name="document-file"),
    path("applications/<int:pk>/items/", items.application_items, name="application-items"),
    path("applications/<int:pk>/items/<str:code>/", items.claim_save, name="claim-save"),
    path("applications/<int:pk>/evidence/", evidence.evidence, name="evidence"),
    path("evidence/<int:pk>/link/", evidence.evidence_link, name="evidence-link"),
    path("evidence/<int:pk>/unlink/", evidence.evidence_unlink, name="evidence-unlink"),
    path("evidence/<int:pk>/remove/", evidence.evidence_remove, name="evidence-remove"),
    path("evidence/<int:pk>/restore/", evidence.evidence_remove, {"restore": True}, name="evidence-restore"),
    path("evidence/<int:pk>/file/", evidence.evidence_file, name="evidence-file"),
    path("evidence/<int:pk>/thumbnail/", evidence.evidence_thumbnail, name="evidence-thumbnail"),
    path("applications/<int:pk>/submit/", filing.application_submit, name="application-submit"),
    path("applications/<int:pk>/correction/", correction.application_correction, name="application-correction"),
    path("applications/<int:pk>/correction/<int:finding>/", correction.finding_reply, name="finding-reply"),
    path("applications/<int:pk>/versions/", correction.application_versions, name="application-versions"),
    path("applications/<int:pk>/versions/<int:old>/<int:new>/", correction.application_diff, name="application-diff"),
    path("applications/<int:pk>/versions/<int:version>/snapshot.json", correction.snapshot_json, name="snapshot-json"),
]

urlpatterns += [
    # what everyone may read
    path("standards/", standards.standards_list, name="standards"),
    path("standards/import/", standards.standard_import, name="standard-import"),
    path("standards/<int:pk>/", standards.standard_page, name="standard"),
    path("standards/<int:pk>/standard.json", standards.standard_json, name="standard-json"),
    path("notices/", public.notices, name="notices"),
    path("notices/<int:pk>/", public.notice, name="notice"),
    path("notices/<int:pk>/receipt.json", public.notice_receipt, name="notice-receipt"),
    path("notices/<int:pk>/objection/", public.objection_new, name="objection-new"),
    path("objections/filed/", public.objection_filed, name="objection-filed"),
    path("objections/status/", public.objection_status, name="objection-status"),
    path("objections/<int:pk>/", public.objection, name="objection"),
    path("objections/proofs/<int:pk>/", public.objection_proof, name="objection-proof"),
    path("certificates/", public.certificate_check, name="certificate-check"),
    path("certificates/<str:number>/", public.certificate, name="certificate"),
    path("certificates/<str:number>/file/", public.certificate_file, name="certificate-file"),
    path("directory/", public.directory, name="directory"),
]
