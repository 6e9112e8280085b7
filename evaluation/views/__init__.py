"""Pages of the evaluation, by concept: filing, evidence, correction, versions, and what the officers and experts need."""
