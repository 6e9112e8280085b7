"""Addresses of the pages of experts."""

from django.urls import path

from experts.views import admissions, calls, facts, imports, pool, profile

urlpatterns = [
    path("experts/", pool.experts, name="experts"),
    path("experts/calls/", calls.calls, name="calls"),
    path("experts/calls/new/", calls.call_new, name="call-new"),
    path("experts/calls/<slug:number>/", calls.call, name="call"),
    path("experts/calls/<slug:number>/apply/", calls.call_apply, name="call-apply"),
    path("experts/calls/<slug:number>/change/", calls.call_change, name="call-change"),
    path("experts/calls/<slug:number>/publish/", calls.call_publish, name="call-publish"),
    path("experts/admissions/", admissions.admissions, name="admissions"),
    path("experts/admissions/<int:pk>/", admissions.admission, name="admission"),
    path("experts/admissions/<int:pk>/edit/", admissions.admission_edit, name="admission-edit"),
    path("experts/admissions/<int:pk>/proofs/", admissions.admission_proof, name="admission-proof"),
    path("experts/admissions/proofs/<int:pk>/", admissions.proof_file, name="admission-proof-file"),
    path("experts/admissions/proofs/<int:pk>/remove/", admissions.proof_remove, name="admission-proof-remove"),
    path("experts/imports/", imports.pool_imports, name="pool-imports"),
    path("experts/imports/template/", imports.pool_import_template, name="pool-import-template"),
    path("experts/imports/<int:pk>/", imports.pool_import, name="pool-import"),
    path("experts/imports/<int:pk>/file/", imports.pool_import_file, name="pool-import-file"),
    path("experts/me/facts/", facts.own_facts, name="own-facts"),
    path("experts/me/facts/employments/new/", facts.employment_new, name="employment-new"),
    path("experts/me/facts/ties/new/", facts.tie_new, name="tie-new"),
    path("experts/me/facts/<slug:kind>/<int:pk>/<slug:change>/", facts.fact_change, name="fact-change"),
    path("experts/pins/", facts.pins, name="pins"),
    path("experts/pins/<slug:verdict>/<int:pk>/lift/", facts.lift, name="pin-lift"),
    # last: every word above could be a number
    path("experts/<slug:number>/", profile.expert, name="expert"),
    path("experts/<slug:number>/fields/", profile.expert_fields, name="expert-fields"),
    path("experts/<slug:number>/pins/new/", facts.pin, name="expert-pin"),
    path("experts/<slug:number>/password-link/", imports.password_link, name="expert-password-link"),
    path("experts/<slug:number>/renewal/", profile.expert_renewal, name="expert-renewal"),
]
