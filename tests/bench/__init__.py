"""``make bench``: our pages as ratios to a bare Django view, measured in one run over HTTP on 10,000 projects."""
