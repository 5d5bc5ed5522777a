"""The parts of one payout's page: its timeline, review, progress, failures, holders, batches and proof."""
