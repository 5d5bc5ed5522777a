"""Planning a payout: what is filled in, the list that is uploaded, the preview, and what is created of it."""
