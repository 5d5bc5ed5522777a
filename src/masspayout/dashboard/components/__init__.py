"""Parts that pages are put together from. They know how something looks, and nothing of payouts' rules."""
