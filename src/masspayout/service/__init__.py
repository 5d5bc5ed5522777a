"""Service: authentication, idempotency, webhooks, metrics and the doctor."""
